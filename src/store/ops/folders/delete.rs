//! Deleting a mailbox: it is renamed at once, and its files are removed step by step.

use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::maildir::layout;
use crate::store::{Account, Store, StoreError};
use crate::types::MailboxName;

/// Deletes a mailbox and everything in it. Mailboxes below it stay.
#[derive(Debug)]
pub(crate) struct DeleteMailbox {
    account: Account,
    name: MailboxName,
    stage: DeleteStage,
}

#[derive(Debug)]
enum DeleteStage {
    /// First finishes the deletion of another job that ended early.
    Clear(Removal),
    Rename,
    Remove(Removal),
}

impl DeleteMailbox {
    /// Deletes the mailbox of that name. INBOX cannot be deleted.
    pub(crate) fn new(account: Account, name: MailboxName) -> Self {
        let trash = account.root.join(layout::TRASHED);
        Self {
            account,
            name,
            stage: DeleteStage::Clear(Removal::of(trash)),
        }
    }

    /// Steps the job until it is done. The mailbox is gone soon, its files later.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the mailbox does not exist.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        if store.settings().read_only {
            return Step::Done(Err(StoreError::ReadOnly));
        }
        if self.name.is_inbox() {
            return Step::Done(Err(StoreError::Refused("INBOX cannot be deleted")));
        }
        let failed = StoreError::io("deleting the mailbox");
        loop {
            match &mut self.stage {
                DeleteStage::Clear(removal) => match ready!(removal.step(budget)) {
                    Ok(()) => self.stage = DeleteStage::Rename,
                    Err(error) => return Step::Done(Err(failed(error))),
                },
                DeleteStage::Rename => match self.rename(store) {
                    Ok(trash) => self.stage = DeleteStage::Remove(Removal::of(trash)),
                    Err(error) => return Step::Done(Err(error)),
                },
                DeleteStage::Remove(removal) => {
                    if let Err(error) = ready!(removal.step(budget)) {
                        // The mailbox is deleted all the same. The next deletion removes the rest.
                        log::warn!(
                            "the files of a deleted mailbox cannot be removed, the next DELETE tries again: {error}"
                        );
                    }
                    return Step::Done(Ok(()));
                }
            }
        }
    }

    fn rename(&self, store: &mut Store) -> Result<PathBuf, StoreError> {
        let failed = StoreError::io("deleting the mailbox");
        let root = &self.account.root;
        let dir = layout::find(root, &self.name)
            .map_err(&failed)?
            .ok_or(StoreError::NotFound)?;
        let trash = root.join(layout::TRASHED);
        fs::rename(&dir, &trash).map_err(failed)?;
        store.invalidate(&dir);
        Ok(trash)
    }
}

/// Removes a directory tree, without following symbolic links.
#[derive(Debug)]
struct Removal {
    top: Option<PathBuf>,
    /// The directories that are being emptied, each within the one before.
    open: Vec<(PathBuf, ReadDir)>,
}

impl Removal {
    /// A mailbox has fewer levels. A deeper tree is not one of ours.
    const MOST_LEVELS: usize = 16;

    fn of(top: PathBuf) -> Self {
        Self {
            top: Some(top),
            open: Vec::new(),
        }
    }

    fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        if let Some(top) = self.top.take() {
            if let Err(error) = self.enter_or_remove(&top) {
                return Step::Done(Err(error));
            }
        }
        while !self.open.is_empty() {
            if let Err(error) = self.remove_one() {
                return Step::Done(Err(error));
            }
            budget.spend(COST_SYSCALL);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        budget.spend(COST_OPEN);
        Step::Done(Ok(()))
    }

    fn remove_one(&mut self) -> io::Result<()> {
        let Some((path, entries)) = self.open.last_mut() else {
            return Ok(());
        };
        match entries.next() {
            Some(entry) => {
                let entry = entry?.path();
                self.enter_or_remove(&entry)
            }
            None => {
                let path = std::mem::take(path);
                self.open.pop();
                fs::remove_dir(path)
            }
        }
    }

    fn enter_or_remove(&mut self, path: &Path) -> io::Result<()> {
        let status = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            status => status?,
        };
        if !status.is_dir() {
            return fs::remove_file(path);
        }
        if self.open.len() == Self::MOST_LEVELS {
            return Err(io::Error::other("the tree is too deep"));
        }
        self.open.push((path.to_path_buf(), fs::read_dir(path)?));
        Ok(())
    }
}
