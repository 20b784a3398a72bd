//! Renaming a mailbox and the mailboxes below it: one directory after the other.
//!
//! A tree may have any number of mailboxes, so each stage has a cursor: reading the directory,
//! checking that no new name is taken, renaming, and renaming back after an error. A step ends
//! between two entries when the budget is spent. When all are renamed, the job flushes the root,
//! and waits for that; if the flush fails, it renames everything back.
//!
//! Other sessions may change the tree between two steps. A mailbox that is deleted meanwhile is
//! skipped; one that is created below the old name stays there; one that is created with a new name
//! makes the job fail, and rename everything back. A second RENAME in the same Maildir waits.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::abandoned::AbandonedWork;
use crate::store::flush::Flush;
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::layout;
use crate::store::maildir::lock::LockRetry;
use crate::store::{Account, Store, StoreError};
use crate::types::{MailboxName, MailboxRef, memory};

/// Reading a directory entry and checking its name takes as long as visiting this many records.
const RECORDS_PER_ENTRY: usize = 8;

/// Renames a mailbox, which is not INBOX, and all mailboxes below it.
#[derive(Debug)]
pub(super) struct RenameTree {
    account: Account,
    from: MailboxName,
    to: MailboxName,
    stage: TreeStage,
    /// Keeps other sessions from renaming in this Maildir.
    lock: Option<Rc<PathBuf>>,
    /// The mailboxes to rename whose new names are not checked yet.
    found: BTreeSet<MailboxName>,
    /// The directories to rename.
    planned: VecDeque<TreeMove>,
    /// The directories that were renamed.
    done: Vec<TreeMove>,
    /// Octets of memory that the lists have taken at most.
    memory: usize,
}

/// A directory and its new path.
#[derive(Debug)]
struct TreeMove {
    from: PathBuf,
    to: PathBuf,
}

#[derive(Debug)]
enum TreeStage {
    /// Another session renames mailboxes of the same Maildir.
    Lock(Option<LockRetry>),
    List(layout::Listing<MailboxName>),
    Check,
    Rename,
    /// The root is being flushed.
    Flush(Flush),
    /// Frees the lists, after renaming everything back if there was an error.
    Finish(Result<(), StoreError>),
    Ended,
}

impl RenameTree {
    pub(super) fn new(account: Account, from: MailboxName, to: MailboxName) -> Self {
        Self {
            account,
            from,
            to,
            stage: TreeStage::Lock(None),
            lock: None,
            found: BTreeSet::new(),
            planned: VecDeque::new(),
            done: Vec::new(),
            memory: 0,
        }
    }

    /// True once a directory is renamed: then the job is carried to its end in any case.
    pub(super) fn is_committed(&self) -> bool {
        !self.done.is_empty()
    }

    /// Steps the job until it is done.
    pub(super) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        loop {
            let next = match &mut self.stage {
                TreeStage::Lock(retry) => {
                    let retry = retry.get_or_insert_with(|| LockRetry::new(budget.now()));
                    match (
                        store.lock_tree(&self.account.root),
                        retry.next(budget.now()),
                    ) {
                        (Some(lock), _) => {
                            self.lock = Some(lock);
                            self.begin(store, budget)
                        }
                        (None, Some(at)) => return Step::Yield(Why::Until(at)),
                        (None, None) => Err(StoreError::InUse),
                    }
                }
                TreeStage::List(_) => self.list_next(budget),
                TreeStage::Check => self.check_next(store, budget),
                TreeStage::Rename => self.rename_next(store, budget),
                TreeStage::Flush(flush) => ready!(flush.poll(budget))
                    .map(|()| Some(TreeStage::Finish(Ok(()))))
                    .map_err(renaming()),
                TreeStage::Finish(result) => {
                    if !free_next(
                        &mut self.found,
                        &mut self.planned,
                        &mut self.done,
                        result.is_err(),
                        budget,
                    ) {
                        let result = std::mem::replace(result, Ok(()));
                        (self.stage, self.lock) = (TreeStage::Ended, None);
                        return Step::Done(result);
                    }
                    Ok(None)
                }
                TreeStage::Ended => return Step::Done(Ok(())),
            };
            match next {
                Ok(None) => {}
                Ok(Some(stage)) => self.stage = stage,
                Err(error) => self.stage = TreeStage::Finish(Err(error)),
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    fn begin(
        &self,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Result<Option<TreeStage>, StoreError> {
        if store.settings().read_only {
            return Err(StoreError::ReadOnly);
        }
        if self.to.is_below(&self.from) || self.to == self.from {
            return Err(StoreError::Refused(
                "a mailbox cannot be renamed to a place below itself",
            ));
        }
        budget.spend(COST_OPEN);
        match layout::mailboxes(&self.account.root) {
            Ok(listing) => Ok(Some(TreeStage::List(listing))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NotFound),
            Err(error) => Err(StoreError::from_io("listing the mailboxes", error)),
        }
    }

    /// Reads one entry of the directory. `from` need not exist itself, if mailboxes below it do.
    fn list_next(&mut self, budget: &mut Budget<'_>) -> Result<Option<TreeStage>, StoreError> {
        let TreeStage::List(listing) = &mut self.stage else {
            return Ok(None);
        };
        budget.spend_records(RECORDS_PER_ENTRY);
        let Some(entry) = listing.next() else {
            return Ok(Some(TreeStage::Check));
        };
        let name = entry.map_err(StoreError::io("listing the mailboxes"))?;
        let is_affected = |name: &MailboxName| *name == self.from || name.is_below(&self.from);
        if let Some(name) = name.filter(is_affected) {
            self.memory += name.as_str().len() + memory::of_tree_entry::<MailboxName, ()>();
            self.found.insert(name);
        }
        Ok(None)
    }

    /// Checks that the new name of one mailbox is free.
    fn check_next(
        &mut self,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Result<Option<TreeStage>, StoreError> {
        let Some(name) = self.found.pop_first() else {
            return match self.planned.is_empty() {
                true => Err(StoreError::NotFound),
                false => Ok(Some(TreeStage::Rename)),
            };
        };
        budget.spend(4 * COST_SYSCALL);
        let root = &self.account.root;
        let rest = &name.as_str()[self.from.as_str().len()..];
        let target = MailboxName::new(format!("{}{rest}", self.to).as_bytes());
        let target = target.map_err(StoreError::Refused)?;
        let to = layout::directory(root, &target);
        if store.exists(&self.account, &MailboxRef::Personal(target)) {
            return Err(StoreError::Exists);
        }
        let found = layout::find(root, &name).map_err(renaming())?;
        if let Some(from) = found {
            let paths = from.as_os_str().len() + to.as_os_str().len();
            self.memory += 2 * (paths + 2 * size_of::<TreeMove>());
            self.planned.push_back(TreeMove { from, to });
        }
        Ok(None)
    }

    fn rename_next(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<Option<TreeStage>, StoreError> {
        let Some(next) = self.planned.pop_front() else {
            return match self.done.is_empty() {
                true => Err(StoreError::NotFound),
                false => {
                    budget.spend(COST_OPEN);
                    let flush = store.flushes.submit_directory(&self.account.root);
                    Ok(Some(TreeStage::Flush(flush.map_err(renaming())?)))
                }
            };
        };
        budget.spend(COST_SYSCALL);
        match rename_without_replacing(&next.from, &next.to) {
            Ok(()) => {
                store.invalidate(&next.from);
                self.done.push(next);
                Ok(None)
            }
            // Another session has deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::Exists),
            Err(error) => Err(renaming()(error)),
        }
    }
}

fn renaming() -> impl Fn(io::Error) -> StoreError {
    StoreError::io("renaming the mailbox")
}

/// Frees one entry of the lists. Renames a directory back first if `is_undo`. Returns false if the
/// lists are empty.
fn free_next(
    found: &mut BTreeSet<MailboxName>,
    planned: &mut VecDeque<TreeMove>,
    done: &mut Vec<TreeMove>,
    is_undo: bool,
    budget: &mut Budget<'_>,
) -> bool {
    budget.spend_records(RECORDS_PER_ENTRY);
    let Some(last) = done.pop() else {
        return planned.pop_front().is_some() || found.pop_first().is_some();
    };
    if is_undo {
        budget.spend(COST_SYSCALL);
        if let Err(error) = rename_without_replacing(&last.to, &last.from) {
            // The mailbox keeps its new name; no message is lost.
            log::warn!("{}: cannot be renamed back: {error}", last.to.display());
        }
    }
    true
}

impl AbandonedWork<Store> for RenameTree {
    fn has_work_left(&self) -> bool {
        let is_listed = !self.found.is_empty() || !self.planned.is_empty() || !self.done.is_empty();
        is_listed && !matches!(self.stage, TreeStage::Ended)
    }

    /// Ends the job unless the renaming has begun: then other sessions have seen new names.
    fn abandon(&mut self) {
        if self.done.is_empty() {
            (self.stage, self.lock) = (TreeStage::Finish(Ok(())), None);
        }
    }

    fn memory(&self) -> usize {
        self.memory
    }

    fn clean_up(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        if let Err(error) = ready!(self.step(store, budget)) {
            let root = self.account.root.display();
            log::warn!("{root}: a RENAME whose client has disconnected failed: {error}");
        }
        Step::Done(())
    }
}

impl Store {
    /// Marks a Maildir as one whose mailboxes are being renamed, as long as the returned value
    /// lives. Returns `None` if another job does that already.
    fn lock_tree(&mut self, root: &Path) -> Option<Rc<PathBuf>> {
        self.renamed_trees.retain(|tree| tree.strong_count() > 0);
        let mut renamed = self.renamed_trees.iter().filter_map(std::rc::Weak::upgrade);
        if renamed.any(|tree| **tree == *root) {
            return None;
        }
        let lock = Rc::new(root.to_path_buf());
        self.renamed_trees.push(Rc::downgrade(&lock));
        Some(lock)
    }
}
