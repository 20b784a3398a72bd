//! Renaming a mailbox and all mailboxes below it.

use super::rename_tree::RenameTree;
use crate::budget::{Budget, Step};
use crate::store::abandoned::{AbandonedWork, Lasting};
use crate::store::ops::move_::MoveMessages;
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{Account, MailboxHandle, Store, StoreError};
use crate::types::{MailboxName, MailboxRef, NumberSet};
use crate::{ready, try_done};

/// Renames a mailbox and all mailboxes below it. INBOX stays, and only its messages move (RFC 3501
/// §6.3.5).
#[derive(Debug)]
pub(crate) struct RenameMailbox {
    account: Account,
    from: MailboxName,
    to: MailboxName,
    stage: RenameStage,
}

#[derive(Debug)]
enum RenameStage {
    Begin,
    /// The stage for all mailboxes but INBOX.
    Tree(Lasting<Store, RenameTree>),
    /// The stages for INBOX.
    Sync(SyncMailbox, MailboxHandle),
    Move(Box<MoveMessages>),
}

impl RenameMailbox {
    /// Renames `from` to `to`.
    pub(crate) fn new(account: Account, from: MailboxName, to: MailboxName) -> Self {
        Self {
            account,
            from,
            to,
            stage: RenameStage::Begin,
        }
    }

    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        match &self.stage {
            RenameStage::Begin => 0,
            RenameStage::Sync(sync, _) => sync.memory(),
            RenameStage::Tree(tree) => tree.work().memory(),
            RenameStage::Move(moving) => moving.memory(),
        }
    }

    /// True if the job is carried to its end even if the session ends.
    pub(crate) fn is_committed(&self) -> bool {
        match &self.stage {
            RenameStage::Begin | RenameStage::Sync(..) => false,
            RenameStage::Tree(tree) => tree.work().is_committed(),
            RenameStage::Move(moving) => moving.is_committed(),
        }
    }

    /// Steps the job until it is done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Exists`].
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        loop {
            let next = match &mut self.stage {
                RenameStage::Begin if self.from.is_inbox() => self.begin_inbox(store),
                RenameStage::Begin => {
                    let (account, from, to) = (&self.account, &self.from, &self.to);
                    let tree = RenameTree::new(account.clone(), from.clone(), to.clone());
                    Ok(RenameStage::Tree(Lasting::new(tree)))
                }
                RenameStage::Tree(tree) => {
                    return tree.get(&store.abandoned).step(store, budget);
                }
                RenameStage::Sync(sync, to) => {
                    let to = to.clone();
                    ready!(sync.step(store, budget)).and_then(|()| self.move_inbox(store, to))
                }
                RenameStage::Move(moving) => {
                    return Step::Done(ready!(moving.step(store, budget)).result);
                }
            };
            self.stage = try_done!(next);
        }
    }

    fn begin_inbox(&self, store: &mut Store) -> Result<RenameStage, StoreError> {
        let to = store.create_and_open(&self.account, &self.to)?;
        let inbox = self.inbox(store)?;
        Ok(RenameStage::Sync(SyncMailbox::new(inbox), to))
    }

    fn inbox(&self, store: &mut Store) -> Result<MailboxHandle, StoreError> {
        store.open(&self.account, &MailboxRef::Personal(MailboxName::inbox()))
    }

    fn move_inbox(&self, store: &mut Store, to: MailboxHandle) -> Result<RenameStage, StoreError> {
        let inbox = self.inbox(store)?;
        let all = living_uids(store, &inbox);
        Ok(RenameStage::Move(Box::new(MoveMessages::of_uids(
            inbox, all, to,
        ))))
    }
}

fn living_uids(store: &Store, handle: &MailboxHandle) -> NumberSet {
    let records = store.mailbox(handle).records.published().iter();
    records
        .filter(|record| !record.is_expunged())
        .map(|record| (record.uid, record.uid))
        .collect()
}
