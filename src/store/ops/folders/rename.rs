//! Renaming a mailbox and all mailboxes below it.

use std::fs;
use std::path::PathBuf;

use crate::budget::{Budget, COST_SYSCALL, Step};
use crate::ready;
use crate::store::maildir::layout;
use crate::store::ops::move_::MoveMessages;
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{Account, MailboxHandle, Store, StoreError};
use crate::types::{MailboxName, MailboxRef, NumberSet};

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
                    budget.spend(2 * COST_SYSCALL);
                    return Step::Done(self.rename_tree(store));
                }
                RenameStage::Sync(sync, to) => {
                    let to = to.clone();
                    ready!(sync.step(store, budget)).and_then(|()| self.move_inbox(store, to))
                }
                RenameStage::Move(moving) => {
                    return Step::Done(ready!(moving.step(store, budget)).result);
                }
            };
            match next {
                Ok(next) => self.stage = next,
                Err(error) => return Step::Done(Err(error)),
            }
        }
    }

    fn begin_inbox(&self, store: &mut Store) -> Result<RenameStage, StoreError> {
        store.create(&self.account, &self.to)?;
        let to = store.open(&self.account, &MailboxRef::Personal(self.to.clone()))?;
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

    fn rename_tree(&self, store: &mut Store) -> Result<(), StoreError> {
        if store.settings().read_only {
            return Err(StoreError::ReadOnly);
        }
        if self.to.is_below(&self.from) || self.to == self.from {
            return Err(StoreError::Refused(
                "a mailbox cannot be renamed to a place below itself",
            ));
        }
        let moves = self.moves(store)?;
        let failed = StoreError::io("renaming the mailbox");
        for (done, (from, to)) in moves.iter().enumerate() {
            if let Err(error) = fs::rename(from, to) {
                for (from, to) in moves[..done].iter().rev() {
                    // A mailbox that cannot be renamed back keeps its new name; no message is lost.
                    let _ = fs::rename(to, from);
                }
                return Err(failed(error));
            }
        }
        for (from, _) in &moves {
            store.invalidate(from);
        }
        Ok(())
    }

    /// Returns which directory gets which name. `from` need not exist itself, if mailboxes below it
    /// do.
    fn moves(&self, store: &Store) -> Result<Vec<(PathBuf, PathBuf)>, StoreError> {
        let names = store.list(&self.account)?;
        let affected = names
            .iter()
            .filter(|name| **name == self.from || name.is_below(&self.from));
        let mut moves = Vec::new();
        for name in affected {
            let rest = &name.as_str()[self.from.as_str().len()..];
            let target = format!("{}{rest}", self.to);
            let target = MailboxName::new(target.as_bytes()).map_err(StoreError::Refused)?;
            if store.exists(&self.account, &MailboxRef::Personal(target.clone())) {
                return Err(StoreError::Exists);
            }
            let root = &self.account.root;
            let found = layout::find(root, name).map_err(StoreError::io("renaming the mailbox"))?;
            let from = found.ok_or(StoreError::NotFound)?;
            moves.push((from, layout::directory(root, &target)));
        }
        if moves.is_empty() {
            Err(StoreError::NotFound)
        } else {
            Ok(moves)
        }
    }
}

fn living_uids(store: &Store, handle: &MailboxHandle) -> NumberSet {
    let records = store.mailbox(handle).records.published().iter();
    records
        .filter(|record| !record.is_expunged())
        .map(|record| (record.uid, record.uid))
        .collect()
}
