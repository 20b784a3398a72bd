//! Removing the messages that are marked as deleted.
//!
//! Each file is removed by the very name under which its flags were read. So if somebody takes the
//! mark off a message meanwhile, by renaming it, the message stays.

use std::fs;
use std::io;

use crate::budget::{Budget, COST_SYSCALL, RECORDS_PER_UNIT, Step, Why};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::lock::MailboxLock;
use crate::store::sync::lock_wait::Locking;
use crate::store::sync::uid_list::{Listed, ReadList, RewriteList};
use crate::store::{MailboxHandle, Store, StoreError, Tools};
use crate::types::{Flags, NumberSet};

/// Removes deleted messages.
#[derive(Debug)]
pub(crate) struct ExpungeMessages {
    handle: MailboxHandle,
    uids: Option<NumberSet>,
    /// Remove messages whether marked or not.
    unmarked_too: bool,
    stage: Stage,
    lock: Option<MailboxLock>,
    /// The UID of the last message looked at.
    last_uid: u32,
    removed: u32,
}

#[derive(Debug)]
enum Stage {
    Begin,
    Lock(Locking),
    Remove,
    Relist(ReadList),
    Rewrite(RewriteList),
    Ended,
}

impl ExpungeMessages {
    /// All deleted messages, or those among the given UIDs.
    pub(crate) fn new(handle: MailboxHandle, uids: Option<NumberSet>) -> Self {
        Self {
            handle,
            uids,
            unmarked_too: false,
            stage: Stage::Begin,
            lock: None,
            last_uid: 0,
            removed: 0,
        }
    }

    /// The messages with these UIDs, deleted or not: they were copied elsewhere.
    pub(crate) fn moved(handle: MailboxHandle, uids: NumberSet) -> Self {
        Self {
            unmarked_too: true,
            ..Self::new(handle, Some(uids))
        }
    }

    /// To be stepped until done. Ends with the number of messages removed; views hear of them by
    /// [`Store::updates`].
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::InUse`].
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<u32, StoreError>> {
        let (mailbox, mut tools) = store.parts(&self.handle);
        if mailbox.is_void() {
            return Step::Done(Err(StoreError::Invalidated));
        }
        while !matches!(self.stage, Stage::Ended) {
            match ready!(self.advance(mailbox, &mut tools, budget)) {
                Ok(next) => self.stage = next,
                Err(error) => {
                    (self.lock, self.stage) = (None, Stage::Ended);
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
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Stage, StoreError>> {
        if let Some(lock) = &mut self.lock {
            // Whether others see that we are alive is not worth failing for.
            let _ = lock.touch((budget.now(), budget.wall()));
        }
        Step::Done(match &mut self.stage {
            Stage::Begin => {
                mailbox.modseqs.set_clock(budget.now(), budget.wall());
                Ok(self.begin(mailbox))
            }
            Stage::Lock(locking) => {
                ready!(locking.step(mailbox, tools.owner, budget)).map(|lock| {
                    self.lock = Some(lock);
                    Stage::Remove
                })
            }
            Stage::Remove => ready!(self.remove(mailbox, budget)),
            Stage::Relist(reading) => ready!(reading.step(mailbox, budget)).map(|listed| {
                if listed == Listed::Whole {
                    Stage::Rewrite(RewriteList::default())
                } else {
                    Stage::Ended
                }
            }),
            Stage::Rewrite(rewriting) => {
                if let Err(error) = ready!(rewriting.step(mailbox, tools, budget)) {
                    log::warn!(
                        "{}: cannot rewrite the uid list: {error}",
                        mailbox.dir().display()
                    );
                }
                Ok(Stage::Ended)
            }
            Stage::Ended => Ok(Stage::Ended),
        })
    }

    fn is_wanted(&self, mailbox: &Mailbox, index: usize) -> bool {
        let record = mailbox.table.record(index);
        let is_marked = self.unmarked_too || record.flags.contains(Flags::DELETED);
        let is_named = || {
            self.uids
                .as_ref()
                .is_none_or(|uids| uids.contains(record.uid))
        };
        !record.is_dead() && is_marked && is_named()
    }

    /// Takes no lock for nothing.
    fn begin(&self, mailbox: &Mailbox) -> Stage {
        let mut indexes = 0..mailbox.table.published().len();
        if mailbox.is_writable() && !indexes.any(|index| self.is_wanted(mailbox, index)) {
            return Stage::Ended;
        }
        Stage::Lock(Locking::default())
    }

    fn remove(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Stage, StoreError>> {
        let first = mailbox
            .table
            .find_uid(self.last_uid + 1)
            .unwrap_or_else(|next| next);
        for index in first..mailbox.table.published().len() {
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
            self.last_uid = mailbox.table.record(index).uid;
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(match mailbox.list_is_mostly_dead() {
            true => Stage::Relist(ReadList::default()),
            false => Stage::Ended,
        }))
    }
}

/// Removes a message's file and buries the message; false if the file has another name by now.
fn remove_file(mailbox: &mut Mailbox, index: usize) -> Result<bool, StoreError> {
    match fs::remove_file(mailbox.path(index)) {
        Ok(()) => {
            let (place, name) = (mailbox.place(index), mailbox.table.name(index).to_vec());
            mailbox.hearing.expect_removal(place, &name);
            mailbox.bury(index);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            mailbox.suspect();
            Ok(false)
        }
        Err(error) => Err(StoreError::from_io("removing a message", error)),
    }
}
