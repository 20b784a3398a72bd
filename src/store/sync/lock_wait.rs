//! ForeignLockAge for a mailbox's lock without standing still.

use std::io;
use std::time::{Duration, Instant};

use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::lock::{LockRetry, MailboxLock, Owner};

/// Tries to take a lock, again and again.
#[derive(Debug, Default)]
pub(crate) struct LockWait {
    waiting: Option<(LockRetry, Instant)>,
    /// Give up after this time, if that is before the time that is set for all.
    patience: Option<Duration>,
}

impl LockWait {
    /// For work that may as well be done later.
    pub(crate) fn with_patience(patience: Duration) -> Self {
        Self {
            waiting: None,
            patience: Some(patience),
        }
    }

    /// Ends with the lock, or with [`StoreError::InUse`] when it took too long.
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        owner: &Owner,
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
