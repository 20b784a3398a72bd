//! Subscribing to a mailbox, and unsubscribing.
//!
//! The directory is flushed even if there was nothing to change: another session may have changed
//! the file just now, and its flush may not be done, or may have failed.

use std::io;

use super::locate::create_root;
use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::store::flush::{Flush, FlushQueue, poll_all};
use crate::store::maildir::atomic_replace::FlushingReplacement;
use crate::store::maildir::courier::ImportSubscriptions;
use crate::store::maildir::lock::LockRetry;
use crate::store::maildir::subscriptions::{ChangeSubscription, EditOutcome};
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
    /// Flushes of directories that are not done yet.
    flushes: Vec<Flush>,
}

#[derive(Debug)]
enum SubscribeStage {
    Begin,
    /// Takes over the subscriptions of Courier.
    Import(ImportSubscriptions),
    /// Changes the subscriptions.
    Edit(ChangeSubscription),
    /// The directory is being flushed.
    Flush,
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
            stage: SubscribeStage::Begin,
            unflushed: None,
            flushes: Vec::new(),
        }
    }

    /// True once the subscriptions are changed.
    pub(crate) fn is_committed(&self) -> bool {
        matches!(self.stage, SubscribeStage::Flush | SubscribeStage::Ended)
    }

    /// Steps the job until it is done.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process holds the lock for too long.
    /// [`StoreError::NotFlushed`] if the subscriptions are as the client wants them, but may not be
    /// so after a power cut.
    pub(crate) fn step(
        &mut self,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        if store.settings().read_only {
            return Step::Done(Err(StoreError::ReadOnly));
        }
        let failed = StoreError::io("writing the subscriptions");
        loop {
            if let Some(unflushed) = &mut self.unflushed {
                let renamed = ready!(unflushed.poll_renamed(budget));
                self.unflushed = None;
                try_done!(renamed.map_err(&failed));
                try_done!(self.advance(&store.flushes));
                if budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
            let root = &self.account.root;
            let edited = match &mut self.stage {
                SubscribeStage::Begin => {
                    // This may be the first thing that a new user does.
                    let new_root = create_root(root, &store.flushes);
                    self.flushes.extend(try_done!(new_root.map_err(&failed)));
                    budget.spend(COST_OPEN);
                    try_done!(self.advance(&store.flushes));
                    continue;
                }
                SubscribeStage::Import(import) => ready!(import.step(root, budget)),
                SubscribeStage::Edit(change) => ready!(change.step(root, budget)),
                SubscribeStage::Flush => {
                    let flushed = ready!(poll_all(&mut self.flushes, budget));
                    self.stage = SubscribeStage::Ended;
                    return Step::Done(flushed.map_err(not_flushed()));
                }
                SubscribeStage::Ended => return Step::Done(Ok(())),
            };
            budget.spend(COST_OPEN);
            match try_done!(edited.map_err(&failed)) {
                EditOutcome::Written(new) => self.unflushed = Some(new.submit(&store.flushes)),
                EditOutcome::Unchanged => try_done!(self.advance(&store.flushes)),
                EditOutcome::Busy => {
                    let now = budget.now();
                    let retry = self.retry.get_or_insert_with(|| LockRetry::new(now));
                    return match retry.next(now) {
                        Some(at) => Step::Yield(Why::Until(at)),
                        None => Step::Done(Err(StoreError::InUse)),
                    };
                }
            }
        }
    }

    fn advance(&mut self, flushes: &FlushQueue) -> Result<(), StoreError> {
        self.stage = match self.stage {
            SubscribeStage::Begin => SubscribeStage::Import(ImportSubscriptions::new()),
            SubscribeStage::Import(_) => {
                SubscribeStage::Edit(ChangeSubscription::new(self.name.clone(), self.on))
            }
            SubscribeStage::Edit(_) => {
                let flush = flushes.submit_directory(&self.account.root);
                self.flushes.push(flush.map_err(not_flushed())?);
                SubscribeStage::Flush
            }
            SubscribeStage::Flush | SubscribeStage::Ended => SubscribeStage::Ended,
        };
        Ok(())
    }
}

fn not_flushed() -> impl Fn(io::Error) -> StoreError {
    StoreError::not_flushed("the subscriptions are changed")
}
