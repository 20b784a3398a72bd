//! Removing the messages with `\Deleted`.
//!
//! Each file is removed by the very name under which its flags were read. So if another program
//! takes `\Deleted` off a message in the meantime, by renaming its file, the message stays.
//!
//! When all files are removed, the job flushes the directories that they were in, one flush each,
//! and ends after that: a message whose removal a client was answered does not come back after a
//! power cut. If the flush fails, the messages are gone all the same, and the job says so.
//!
//! The job pays for each message that it looks at and for each file that it removes. A client that
//! disconnects leaves the messages that were not removed yet; the lock is released at once, because
//! no message is half removed.

use std::fs;
use std::io;

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::store::context::StoreContext;
use crate::store::flush::{Flush, poll_all};
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::subdir::Subdir;
use crate::store::maildir::uid_list::UidListRead;
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::read_uid_list::ReadUidList;
use crate::store::sync::rewrite_uid_list::RewriteUidList;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{Flags, NumberSet};
use crate::{ready, try_done};

/// What was done if a flush fails.
const REMOVED: &str = "the messages are removed";
/// A search for a UID takes as long as visiting this many records.
const RECORDS_PER_SEARCH: usize = 8;

/// Removes deleted messages.
#[derive(Debug)]
pub(crate) struct ExpungeMessages {
    handle: MailboxHandle,
    /// Only messages with these UIDs are removed, if given.
    uids: Option<NumberSet>,
    /// True if messages without `\Deleted` are removed, too.
    unmarked_too: bool,
    stage: ExpungeStage,
    lock: Option<MailboxLock>,
    /// The UID of the last message looked at.
    last_uid: u32,
    removed: u32,
    /// The directories that files were removed from: `new/` and `cur/`.
    changed: [bool; 2],
    /// Why the job removes no more messages.
    failure: Option<StoreError>,
}

#[derive(Debug)]
enum ExpungeStage {
    Begin,
    /// Looks for the first message to remove: if there is none, no lock is taken.
    Look,
    Lock(LockWait),
    Remove,
    /// The directories are being flushed; the flushes that are not done yet.
    Flush(Vec<Flush>),
    Relist(ReadUidList),
    Rewrite(RewriteUidList),
    Ended,
}

impl ExpungeMessages {
    /// Removes all deleted messages, or those among the given UIDs.
    pub(crate) fn new(handle: MailboxHandle, uids: Option<NumberSet>) -> Self {
        Self {
            handle,
            uids,
            unmarked_too: false,
            stage: ExpungeStage::Begin,
            lock: None,
            last_uid: 0,
            removed: 0,
            changed: [false; 2],
            failure: None,
        }
    }

    /// Returns the octets of memory that the UIDs take.
    pub(crate) fn memory(&self) -> usize {
        let stage = match &self.stage {
            ExpungeStage::Relist(reading) => reading.memory(),
            ExpungeStage::Rewrite(rewriting) => rewriting.memory(),
            _ => 0,
        };
        self.uids.as_ref().map_or(0, NumberSet::memory) + stage
    }

    /// Removes the messages with these UIDs, deleted or not, because they were copied elsewhere.
    pub(super) fn moved(handle: MailboxHandle, uids: NumberSet) -> Self {
        Self {
            unmarked_too: true,
            ..Self::new(handle, Some(uids))
        }
    }

    /// Steps the job until it is done. Ends with the number of messages removed; views announce
    /// them after [`Store::updates`].
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::InUse`]. [`StoreError::NotFlushed`] if the messages
    /// are removed, but may come back after a power cut.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<u32, StoreError>> {
        let (mailbox, mut context) = store.parts(&self.handle);
        if mailbox.is_invalid() {
            return Step::Done(Err(StoreError::Invalidated));
        }
        while !matches!(self.stage, ExpungeStage::Ended) {
            match ready!(self.advance(mailbox, &mut context, budget)) {
                Ok(next) => self.stage = next,
                Err(error) => {
                    (self.lock, self.stage) = (None, ExpungeStage::Ended);
                    return Step::Done(Err(error));
                }
            }
        }
        self.lock = None;
        Step::Done(Ok(self.removed))
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<ExpungeStage, StoreError>> {
        if let Some(lock) = &mut self.lock {
            // If other programs cannot see that the holder lives, the work goes on all the same.
            let _ = lock.touch((budget.now(), budget.wall()));
        }
        Step::Done(match &mut self.stage {
            ExpungeStage::Begin => {
                mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
                Ok(match mailbox.is_writable() {
                    true => ExpungeStage::Look,
                    false => ExpungeStage::Lock(LockWait::default()),
                })
            }
            ExpungeStage::Look => Ok(match ready!(self.next_wanted(mailbox, budget)) {
                Some(_) => ExpungeStage::Lock(LockWait::default()),
                None => ExpungeStage::Ended,
            }),
            ExpungeStage::Lock(lock_wait) => ready!(lock_wait.step(mailbox, context.owner, budget))
                .map(|lock| {
                    self.lock = Some(lock);
                    ExpungeStage::Remove
                }),
            ExpungeStage::Remove => {
                if let Err(error) = ready!(self.remove(mailbox, budget)) {
                    self.failure = Some(error);
                }
                self.flush(mailbox, context, budget)
            }
            ExpungeStage::Flush(flushes) => ready!(poll_all(flushes, budget))
                .map_err(StoreError::not_flushed(REMOVED))
                .and_then(|()| self.flushed()),
            ExpungeStage::Relist(reading) => ready!(reading.step(mailbox, budget)).map(|read| {
                if read == UidListRead::Whole {
                    ExpungeStage::Rewrite(RewriteUidList::default())
                } else {
                    ExpungeStage::Ended
                }
            }),
            ExpungeStage::Rewrite(rewriting) => {
                if let Err(error) = ready!(rewriting.step(mailbox, context, budget)) {
                    log::warn!(
                        "{}: cannot rewrite the uid list: {error}",
                        mailbox.dir().display()
                    );
                }
                Ok(ExpungeStage::Ended)
            }
            ExpungeStage::Ended => Ok(ExpungeStage::Ended),
        })
    }

    /// Returns the index of the first message to remove behind the last one looked at, and stops
    /// just before it.
    fn next_wanted(&mut self, mailbox: &Mailbox, budget: &mut Budget<'_>) -> Step<Option<usize>> {
        let records = &mailbox.records;
        let at = |uid: u32| records.find_uid(uid).unwrap_or_else(|next| next);
        let Some(next_uid) = self.last_uid.checked_add(1) else {
            return Step::Done(None);
        };
        let mut index = at(next_uid);
        while let Some(record) = records.published().get(index) {
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            let uids = self.uids.as_ref();
            let Some(named) = uids.map_or(Some(record.uid), |uids| uids.next_from(record.uid))
            else {
                break;
            };
            if named != record.uid {
                budget.spend_records(RECORDS_PER_SEARCH);
                self.last_uid = named - 1;
                index = at(named);
                continue;
            }
            budget.spend_records(1);
            let is_marked = self.unmarked_too || record.flags.contains(Flags::DELETED);
            if !record.is_expunged() && is_marked {
                return Step::Done(Some(index));
            }
            self.last_uid = record.uid;
            index += 1;
        }
        Step::Done(None)
    }

    fn remove(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        while let Some(index) = ready!(self.next_wanted(mailbox, budget)) {
            self.last_uid = mailbox.records.record(index).uid;
            let subdir = mailbox.subdir(index);
            if try_done!(remove_file(mailbox, index)) {
                self.removed += 1;
                self.changed[usize::from(subdir == Subdir::Cur)] = true;
            }
            budget.spend(COST_SYSCALL);
        }
        Step::Done(Ok(()))
    }

    /// Submits the flush of the directories that files were removed from. The lock is kept only if
    /// the uid list is to be rewritten.
    fn flush(
        &mut self,
        mailbox: &Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<ExpungeStage, StoreError> {
        let messages = mailbox.records.message_count();
        if self.failure.is_some() || !mailbox.uid_list.is_mostly_stale(messages) {
            self.lock = None;
        }
        let subdirs = [Subdir::New, Subdir::Cur].into_iter().zip(self.changed);
        let mut flushes = Vec::new();
        for (subdir, _) in subdirs.filter(|&(_, is_changed)| is_changed) {
            let path = subdir.within(mailbox.dir());
            let flush = context.flushes.submit_directory(&path);
            flushes.push(flush.map_err(StoreError::not_flushed(REMOVED))?);
            budget.spend(COST_OPEN);
        }
        Ok(ExpungeStage::Flush(flushes))
    }

    /// All removals are on disk.
    fn flushed(&mut self) -> Result<ExpungeStage, StoreError> {
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.lock.is_some() => Ok(ExpungeStage::Relist(ReadUidList::default())),
            None => Ok(ExpungeStage::Ended),
        }
    }
}

/// Removes a message's file and expunges the message. Returns false if the file has another name by
/// now.
fn remove_file(mailbox: &mut Mailbox, index: usize) -> Result<bool, StoreError> {
    match fs::remove_file(mailbox.path(index)) {
        Ok(()) => {
            let (subdir, name) = (mailbox.subdir(index), mailbox.records.name(index).to_vec());
            mailbox.watch.expect_removal(subdir, &name);
            mailbox.expunge(index);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            mailbox.request_check();
            Ok(false)
        }
        Err(error) => Err(StoreError::from_io("removing a message", error)),
    }
}
