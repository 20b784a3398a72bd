//! Subscribing to a mailbox, and unsubscribing.

use super::locate::create_root;
use crate::budget::{Budget, COST_SYNC, Step, Why};
use crate::store::maildir::courier;
use crate::store::maildir::lock::LockRetry;
use crate::store::maildir::subscriptions;
use crate::store::maildir::subscriptions::SubscriptionsEdit;
use crate::store::{Account, Store, StoreError};
use crate::types::MailboxRef;

/// Subscribes to a mailbox, or ends a subscription.
#[derive(Debug)]
pub(crate) struct SubscribeMailbox {
    account: Account,
    name: MailboxRef,
    on: bool,
    retry: Option<LockRetry>,
}

impl SubscribeMailbox {
    /// Subscribes if `on`, else unsubscribes. The mailbox need not exist (RFC 3501 §6.3.6).
    pub(crate) fn new(account: Account, name: MailboxRef, on: bool) -> Self {
        Self {
            account,
            name,
            on,
            retry: None,
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
        let (root, wall) = (&self.account.root, budget.wall());
        // This may be the first thing that a new user does.
        let imported = create_root(root).and_then(|()| courier::import_subscriptions(root, wall));
        let edited = imported.and_then(|imported| match imported {
            SubscriptionsEdit::Busy => Ok(SubscriptionsEdit::Busy),
            _ => subscriptions::edit(root, wall, |all| all.set(&self.name, self.on)),
        });
        budget.spend(COST_SYNC);
        match edited {
            Ok(SubscriptionsEdit::Busy) => {
                let now = budget.now();
                let retry = self.retry.get_or_insert_with(|| LockRetry::new(now));
                match retry.next(now) {
                    Some(at) => Step::Yield(Why::Until(at)),
                    None => Step::Done(Err(StoreError::InUse)),
                }
            }
            Ok(_) => Step::Done(Ok(())),
            Err(error) => Step::Done(Err(StoreError::from_io("writing the subscriptions", error))),
        }
    }
}
