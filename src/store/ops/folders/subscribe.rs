//! Subscribing to a mailbox, and unsubscribing.

use std::io;
use std::time::SystemTime;

use super::locate::create_root;
use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::store::maildir::atomic_replace::FlushingReplacement;
use crate::store::maildir::courier;
use crate::store::maildir::lock::LockRetry;
use crate::store::maildir::subscriptions;
use crate::store::maildir::subscriptions::SubscriptionsEdit;
use crate::store::{Account, Store, StoreError};
use crate::types::MailboxRef;
use crate::{ready, try_done};

/// Subscribes to a mailbox, or ends a subscription.
#[derive(Debug)]
pub(crate) struct SubscribeMailbox {
    account: Account,
    name: MailboxRef,
    on: bool,
    retry: Option<LockRetry>,
    stage: SubscribeStage,
    /// The new file while it is being flushed.
    unflushed: Option<FlushingReplacement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubscribeStage {
    /// Takes over the subscriptions of Courier.
    Import,
    /// Changes the subscriptions.
    Edit,
    Ended,
}

impl SubscribeMailbox {
    /// Subscribes if `on`, else unsubscribes. The mailbox need not exist (RFC 3501 §6.3.6).
    pub(crate) fn new(account: Account, name: MailboxRef, on: bool) -> Self {
        Self {
            account,
            name,
            on,
            retry: None,
            stage: SubscribeStage::Import,
            unflushed: None,
        }
    }

    /// Steps the job until it is done.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process holds the lock for too long.
    pub(crate) fn step(
        &mut self,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        if store.settings().read_only {
            return Step::Done(Err(StoreError::ReadOnly));
        }
        let failed = StoreError::io("writing the subscriptions");
        while self.stage != SubscribeStage::Ended {
            if let Some(unflushed) = &mut self.unflushed {
                let renamed = ready!(unflushed.poll(budget));
                self.unflushed = None;
                try_done!(renamed.map_err(&failed));
                self.advance();
                continue;
            }
            let edited = self.edit(budget.wall()).map_err(&failed);
            budget.spend(COST_OPEN);
            match try_done!(edited) {
                SubscriptionsEdit::Written(new) => {
                    self.unflushed = Some(new.submit(&store.flushes));
                }
                SubscriptionsEdit::Unchanged => self.advance(),
                SubscriptionsEdit::Busy => {
                    let now = budget.now();
                    let retry = self.retry.get_or_insert_with(|| LockRetry::new(now));
                    return match retry.next(now) {
                        Some(at) => Step::Yield(Why::Until(at)),
                        None => Step::Done(Err(StoreError::InUse)),
                    };
                }
            }
        }
        Step::Done(Ok(()))
    }

    fn advance(&mut self) {
        self.stage = match self.stage {
            SubscribeStage::Import => SubscribeStage::Edit,
            SubscribeStage::Edit | SubscribeStage::Ended => SubscribeStage::Ended,
        };
    }

    fn edit(&self, wall: SystemTime) -> io::Result<SubscriptionsEdit> {
        let root = &self.account.root;
        match self.stage {
            SubscribeStage::Import => {
                // This may be the first thing that a new user does.
                create_root(root).and_then(|()| courier::import_subscriptions(root, wall))
            }
            SubscribeStage::Edit => {
                subscriptions::edit(root, wall, |all| all.set(&self.name, self.on))
            }
            SubscribeStage::Ended => Ok(SubscriptionsEdit::Unchanged),
        }
    }
}
