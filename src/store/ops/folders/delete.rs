//! Deleting a mailbox: it is renamed at once, and its files are removed step by step, after the
//! renaming is flushed.
//!
//! Each entry of its directories is paid for, so that a step is short however many messages there
//! are. If the client disconnects after the mailbox was renamed, the store removes the rest. If the
//! flush fails, the mailbox gets its name back.

use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::store::abandoned::{AbandonedWork, Lasting};
use crate::store::flush::Flush;
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::layout;
use crate::store::{Account, Store, StoreError};
use crate::types::{MailboxName, memory};
use crate::work;
use crate::{ready, try_done, try_ready};

/// How many times other jobs may delete a mailbox in the same moment before the job fails.
const MOST_TRIES: u32 = 3;

/// Deletes a mailbox and everything in it. Mailboxes below it stay.
#[derive(Debug)]
pub(crate) struct DeleteMailbox {
    account: Account,
    name: MailboxName,
    stage: DeleteStage,
    /// How many times the name for deleted mailboxes was found in use.
    tries: u32,
}

#[derive(Debug)]
enum DeleteStage {
    /// First finishes the deletion of another job that ended early.
    Clear(Removal),
    Rename,
    Remove(Lasting<Store, Deletion>),
}

impl DeleteMailbox {
    /// Deletes the mailbox of that name. INBOX cannot be deleted.
    pub(crate) fn new(account: Account, name: MailboxName) -> Self {
        Self {
            stage: DeleteStage::Clear(Removal::of(trash(&account))),
            account,
            name,
            tries: 0,
        }
    }

    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        match &self.stage {
            DeleteStage::Clear(removal) => removal.memory(),
            DeleteStage::Rename => 0,
            DeleteStage::Remove(removal) => removal.work().memory(),
        }
    }

    /// True once the mailbox is gone.
    pub(crate) fn is_committed(&self) -> bool {
        matches!(self.stage, DeleteStage::Remove(_))
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
                DeleteStage::Clear(removal) => {
                    try_ready!(removal.step(budget).map_err(&failed));
                    self.stage = DeleteStage::Rename;
                }
                DeleteStage::Rename => {
                    budget.spend(COST_OPEN);
                    self.stage = try_done!(self.rename(store));
                }
                DeleteStage::Remove(deletion) => {
                    let deleted = ready!(deletion.get(&store.abandoned).step(budget));
                    return Step::Done(deleted.map_err(&failed));
                }
            }
        }
    }

    fn rename(&mut self, store: &mut Store) -> Result<DeleteStage, StoreError> {
        let failed = StoreError::io("deleting the mailbox");
        let dir = layout::find(&self.account.root, &self.name)
            .map_err(&failed)?
            .ok_or(StoreError::NotFound)?;
        let trash = trash(&self.account);
        match fs::rename(&dir, &trash) {
            Ok(()) => {
                store.invalidate(&dir);
                let deletion = Deletion {
                    flush: Some(store.flushes.submit_directory(&self.account.root)),
                    name: dir,
                    removal: Removal::of(trash),
                };
                Ok(DeleteStage::Remove(Lasting::new(deletion)))
            }
            // Another program has deleted a mailbox since the last look.
            Err(error) if is_in_use(&error) && self.tries < MOST_TRIES => {
                self.tries += 1;
                Ok(DeleteStage::Clear(Removal::of(trash)))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Returns the directory that a mailbox becomes when it is deleted.
fn trash(account: &Account) -> PathBuf {
    account.root.join(layout::TRASHED)
}

/// True if a directory cannot be removed or replaced because something is in it.
fn is_in_use(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty)
}

/// The rest of the deletion of a mailbox that was renamed.
#[derive(Debug)]
struct Deletion {
    /// The flush of the root, or why there is none; `None` once it is done.
    flush: Option<io::Result<Flush>>,
    /// The directory that the mailbox was.
    name: PathBuf,
    removal: Removal,
}

impl Deletion {
    /// Waits until the new name is flushed, and removes the files.
    ///
    /// # Errors
    /// The flush has failed, and the mailbox has its name back.
    fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let flushed = match &self.flush {
            Some(Ok(flush)) => ready!(flush.poll(budget)),
            _ => Ok(()),
        };
        let failed = self.flush.take().and_then(Result::err);
        if let Some(error) = flushed.err().or(failed) {
            self.undo();
            return Step::Done(Err(error));
        }
        ready!(self.removal.finish(budget));
        Step::Done(Ok(()))
    }

    /// Gives the mailbox its name back, unless there is another one of that name.
    fn undo(&mut self) {
        self.removal.has_begun = true;
        if let Err(error) = rename_without_replacing(&self.removal.top, &self.name) {
            let name = self.name.display();
            log::warn!("{name}: deleted, although the deletion could not be flushed: {error}");
        }
    }
}

impl AbandonedWork<Store> for Deletion {
    fn has_work_left(&self) -> bool {
        self.removal.has_work_left()
    }

    fn memory(&self) -> usize {
        self.removal.memory()
    }

    fn clean_up(&mut self, _: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        if let Err(error) = ready!(self.step(budget)) {
            let name = self.name.display();
            log::warn!("{name}: not deleted, and the client has disconnected: {error}");
        }
        Step::Done(())
    }
}

/// Removes a directory tree, without following symbolic links. Other jobs may be removing the same
/// tree, and put another one in its place afterwards.
#[derive(Debug)]
struct Removal {
    top: PathBuf,
    has_begun: bool,
    /// The directories that are being emptied, each within the one before.
    open: Vec<(PathBuf, ReadDir)>,
}

impl Removal {
    /// A mailbox has fewer levels. A deeper tree is not one of ours.
    const MOST_LEVELS: usize = 16;

    fn has_work_left(&self) -> bool {
        !self.has_begun || !self.open.is_empty()
    }

    fn memory(&self) -> usize {
        self.open.len() * memory::OF_LISTING
    }

    fn of(top: PathBuf) -> Self {
        Self {
            top,
            has_begun: false,
            open: Vec::new(),
        }
    }

    /// Steps the removal until it is done, and logs if files were left: the mailbox is deleted all
    /// the same.
    fn finish(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        if let Err(error) = ready!(self.step(budget)) {
            log::warn!(
                "{}: a deleted mailbox, whose files cannot be removed, so that the next DELETE \
                 tries again: {error}",
                self.top.display()
            );
        }
        Step::Done(())
    }

    fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let removed = ready!(self.advance(budget));
        // After an error nothing is left to do.
        self.open.clear();
        Step::Done(removed)
    }

    fn advance(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        if !self.has_begun {
            self.has_begun = true;
            budget.spend(COST_OPEN);
            let top = self.top.clone();
            try_done!(self.enter_or_remove(&top));
        }
        while !self.open.is_empty() {
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            // Looking at the entry, and removing it.
            let removed = self.remove_one();
            budget.spend(COST_SYSCALL);
            budget.spend(COST_SYSCALL);
            try_done!(removed);
        }
        Step::Done(Ok(()))
    }

    fn remove_one(&mut self) -> io::Result<()> {
        let Some((path, entries)) = self.open.last_mut() else {
            return Ok(());
        };
        match entries.next() {
            Some(entry) => {
                work::call();
                let entry = entry?.path();
                self.enter_or_remove(&entry)
            }
            None => {
                let path = std::mem::take(path);
                self.open.pop();
                match fs::remove_dir(path) {
                    Err(error) if is_in_use(&error) => Ok(()),
                    removed => unless_absent(removed),
                }
            }
        }
    }

    fn enter_or_remove(&mut self, path: &Path) -> io::Result<()> {
        let status = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            status => status?,
        };
        if !status.is_dir() {
            return unless_absent(fs::remove_file(path));
        }
        if self.open.len() == Self::MOST_LEVELS {
            return Err(io::Error::other("the tree is too deep"));
        }
        match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            entries => {
                self.open.push((path.to_path_buf(), entries?));
                Ok(())
            }
        }
    }
}

/// Ignores the error that the file is gone already.
fn unless_absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
