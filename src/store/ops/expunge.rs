//! Removing the messages with `\Deleted`.
//!
//! Each file is removed by the very name under which its flags were read. So if another program
//! takes `\Deleted` off a message in the meantime, by renaming its file, the message stays.

use std::fs;
use std::io;

use crate::budget::{Budget, COST_SYSCALL, RECORDS_PER_UNIT, Step, Why};
use crate::ready;
use crate::store::context::StoreContext;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::uid_list::UidListRead;
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::read_uid_list::ReadUidList;
use crate::store::sync::rewrite_uid_list::RewriteUidList;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{Flags, NumberSet};

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
}

#[derive(Debug)]
enum ExpungeStage {
    Begin,
    Lock(LockWait),
    Remove,
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
        }
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
    /// [`StoreError::ReadOnly`], [`StoreError::InUse`].
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
                Ok(self.begin(mailbox))
            }
            ExpungeStage::Lock(lock_wait) => ready!(lock_wait.step(mailbox, context.owner, budget))
                .map(|lock| {
                    self.lock = Some(lock);
                    ExpungeStage::Remove
                }),
            ExpungeStage::Remove => ready!(self.remove(mailbox, budget)),
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

    fn is_wanted(&self, mailbox: &Mailbox, index: usize) -> bool {
        let record = mailbox.records.record(index);
        let is_marked = self.unmarked_too || record.flags.contains(Flags::DELETED);
        let is_named = || {
            self.uids
                .as_ref()
                .is_none_or(|uids| uids.contains(record.uid))
        };
        !record.is_expunged() && is_marked && is_named()
    }

    /// Ends the job without taking the lock if there is nothing to remove.
    fn begin(&self, mailbox: &Mailbox) -> ExpungeStage {
        let mut indexes = 0..mailbox.records.published().len();
        if mailbox.is_writable() && !indexes.any(|index| self.is_wanted(mailbox, index)) {
            return ExpungeStage::Ended;
        }
        ExpungeStage::Lock(LockWait::default())
    }

    fn remove(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<ExpungeStage, StoreError>> {
        let first = mailbox
            .records
            .find_uid(self.last_uid + 1)
            .unwrap_or_else(|next| next);
        for index in first..mailbox.records.published().len() {
            if self.is_wanted(mailbox, index) {
                match remove_file(mailbox, index) {
                    Ok(was_there) => self.removed += u32::from(was_there),
                    Err(error) => return Step::Done(Err(error)),
                }
                budget.spend(COST_SYSCALL);
            }
            if index as u32 % RECORDS_PER_UNIT == 0 {
                budget.spend(1);
            }
            self.last_uid = mailbox.records.record(index).uid;
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        let messages = mailbox.records.message_count();
        Step::Done(Ok(match mailbox.uid_list.is_mostly_stale(messages) {
            true => ExpungeStage::Relist(ReadUidList::default()),
            false => ExpungeStage::Ended,
        }))
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
