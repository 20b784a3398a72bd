//! Waiting for a mailbox's lock without blocking the event loop.

use std::io;
use std::time::{Duration, Instant};

use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::lock::{LockOwner, LockRetry, MailboxLock};

/// Tries to take the lock of a mailbox again and again.
#[derive(Debug, Default)]
pub(crate) struct LockWait {
    /// When to try again, and since when the job waits.
    waiting: Option<(LockRetry, Instant)>,
    /// The job gives up after this time, if that is before the deadline of [`LockRetry`].
    patience: Option<Duration>,
}

impl LockWait {
    /// Returns a wait of limited length, for work that can be done later as well.
    pub(crate) fn with_patience(patience: Duration) -> Self {
        Self {
            waiting: None,
            patience: Some(patience),
        }
    }

    /// Steps the wait. Ends with the lock, or with [`StoreError::InUse`] if it took too long.
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        owner: &LockOwner,
        budget: &mut Budget<'_>,
    ) -> Step<Result<MailboxLock, StoreError>> {
        if !mailbox.is_writable() {
            return Step::Done(Err(StoreError::ReadOnly));
        }
        let now = budget.now();
        let (retry, since) = self
            .waiting
            .get_or_insert_with(|| (LockRetry::new(now), now));
        budget.spend(COST_OPEN);
        let dir = mailbox.dir().to_path_buf();
        let times = (now, budget.wall());
        match MailboxLock::try_acquire(&dir, owner, &mut mailbox.foreign_lock, times) {
            Ok(Some(lock)) => {
                self.waiting = None;
                Step::Done(Ok(lock))
            }
            Ok(None) => {
                mailbox.lock_is_wanted = true;
                let is_over = self
                    .patience
                    .is_some_and(|patience| now >= *since + patience);
                match retry.next(now).filter(|_| !is_over) {
                    Some(at) => Step::Yield(Why::Until(at)),
                    None => Step::Done(Err(StoreError::InUse)),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Step::Done(Err(StoreError::Invalidated))
            }
            Err(error) => Step::Done(Err(StoreError::from_io("locking the mailbox", error))),
        }
    }
}
