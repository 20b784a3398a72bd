//! Moving messages to another mailbox (RFC 6851).
//!
//! A message is copied first, and removed after its copy is safe on disk, so that it is always in
//! at least one of the mailboxes. It should not stay in both. If another program renames the
//! original in the meantime, to change its flags, the job looks for it again. If an original cannot
//! be removed, its copy is removed, provided that the original is certain to exist.
//!
//! Each stage pays for each message that it looks at. If the client disconnects before the copies
//! are delivered, they are removed. Afterwards the store goes on with the job, because some of the
//! originals may be gone.

use super::copy::CopyMessages;
use super::expunge::ExpungeMessages;
use crate::budget::{Budget, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::abandoned::{AbandonedWork, Lasting};
use crate::store::index::view::View;
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{NumberSet, Uid, memory};

/// How many times the job looks for originals that were renamed.
const MOST_TRIES: u32 = 3;
/// A search for a UID takes as long as visiting this many records.
const RECORDS_PER_SEARCH: usize = 8;

/// Moves messages.
#[derive(Debug)]
pub(crate) struct MoveMessages(Lasting<Store, MoveWork>);

/// The result of a [`MoveMessages`].
#[derive(Debug)]
pub(crate) struct MoveOutcome {
    /// The UIDs of the moved messages in the source and in the destination, ascending.
    pub uids: Vec<(Uid, Uid)>,
    /// Why the other messages were not moved, if there are any.
    pub result: Result<(), StoreError>,
}

impl MoveMessages {
    /// Moves the messages with these UIDs that the view counts.
    pub(crate) fn new(source: &View, uids: NumberSet, destination: MailboxHandle) -> Self {
        let copy = CopyMessages::new(source, uids, destination.clone());
        Self::by(copy, source.handle().clone(), destination)
    }

    /// Moves the messages with these UIDs.
    pub(crate) fn of_uids(
        source: MailboxHandle,
        uids: NumberSet,
        destination: MailboxHandle,
    ) -> Self {
        let copy = CopyMessages::of_uids(source.clone(), uids, destination.clone());
        Self::by(copy, source, destination)
    }

    fn by(copy: CopyMessages, source: MailboxHandle, destination: MailboxHandle) -> Self {
        Self(Lasting::new(MoveWork {
            source,
            destination,
            copied: Vec::new(),
            tries: 0,
            stage: MoveStage::Copy(Box::new(copy)),
        }))
    }

    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        self.0.work().memory()
    }

    /// True if the copies are on disk, so that the job is carried to its end in any case.
    pub(crate) fn is_committed(&self) -> bool {
        match &self.0.work().stage {
            MoveStage::Copy(copy) => copy.is_committed(),
            _ => true,
        }
    }

    /// Steps the job until it is done.
    pub(crate) fn step(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<MoveOutcome> {
        self.0.get(&store.abandoned).step(store, budget)
    }
}

/// The job, which the store goes on with if its session ends.
#[derive(Debug)]
struct MoveWork {
    source: MailboxHandle,
    destination: MailboxHandle,
    /// UIDs in the source and in the destination.
    copied: Vec<(Uid, Uid)>,
    tries: u32,
    stage: MoveStage,
}

/// The numbers in the stages are indexes of `copied`: the next message to look at.
#[derive(Debug)]
enum MoveStage {
    Copy(Box<CopyMessages>),
    Remove(Box<ExpungeMessages>),
    /// Looks for an original that was not removed.
    Check(usize),
    Resync(SyncMailbox),
    /// Looks for the originals that still exist after this error; these are the UIDs of their
    /// copies.
    FindLeft(usize, NumberSet, StoreError),
    /// Removes the copies of the messages that could not be removed because of this error.
    Undo(Box<ExpungeMessages>, StoreError),
    /// Finds out which messages were moved all the same.
    Sort(usize, Vec<(Uid, Uid)>, StoreError),
    Ended,
}

impl MoveWork {
    fn step(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<MoveOutcome> {
        loop {
            let next = match &mut self.stage {
                MoveStage::Copy(_) if !store.mailbox(&self.source).is_writable() => {
                    Err(StoreError::ReadOnly)
                }
                MoveStage::Copy(copy) => ready!(copy.step(store, budget)).map(|copied| {
                    self.copied = copied;
                    self.remove()
                }),
                MoveStage::Remove(expunge) => {
                    ready!(expunge.step(store, budget)).map(|_| MoveStage::Check(0))
                }
                MoveStage::Check(from) => {
                    let from = *from;
                    self.check(from, store, budget)
                }
                MoveStage::Resync(sync) => ready!(sync.step(store, budget)).map(|()| self.remove()),
                MoveStage::FindLeft(..) => Ok(self.find_left(store, budget)),
                MoveStage::Undo(expunge, error) => {
                    if let Err(error) = ready!(expunge.step(store, budget)) {
                        let dir = store.mailbox(&self.destination).dir().display();
                        log::warn!(
                            "{dir}: cannot remove the copies of messages that were not moved: {error}"
                        );
                    }
                    let error = std::mem::replace(error, StoreError::InUse);
                    Ok(MoveStage::Sort(0, Vec::new(), error))
                }
                MoveStage::Sort(..) => {
                    if let Some(outcome) = self.sort(store, budget) {
                        return Step::Done(outcome);
                    }
                    return Step::Yield(Why::Budget);
                }
                MoveStage::Ended => return Step::Done(self.end(Ok(()))),
            };
            match next {
                Ok(MoveStage::Ended) => return Step::Done(self.end(Ok(()))),
                Ok(stage) => self.stage = stage,
                // It is not known what became of the originals: two copies of a message are better
                // than none.
                Err(error @ StoreError::Invalidated) => {
                    self.copied.clear();
                    return Step::Done(self.end(Err(error)));
                }
                Err(error) if self.copied.is_empty() => return Step::Done(self.end(Err(error))),
                Err(error) => self.stage = MoveStage::FindLeft(0, NumberSet::new(), error),
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Removes the originals, with or without `\Deleted`.
    fn remove(&self) -> MoveStage {
        let originals = self.copied.iter().map(|&(from, _)| one(from)).collect();
        MoveStage::Remove(Box::new(ExpungeMessages::moved(
            self.source.clone(),
            originals,
        )))
    }

    /// Ends the job if no original is left. Otherwise it syncs the source, to try again.
    fn check(
        &mut self,
        from: usize,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Result<MoveStage, StoreError> {
        for at in from..self.copied.len() {
            if budget.is_spent() {
                return Ok(MoveStage::Check(at));
            }
            budget.spend_records(RECORDS_PER_SEARCH);
            if self.index(store, self.copied[at].0).is_some() {
                self.tries += 1;
                return match self.tries {
                    MOST_TRIES => Err(StoreError::InUse),
                    _ => Ok(MoveStage::Resync(SyncMailbox::new(self.source.clone()))),
                };
            }
        }
        Ok(MoveStage::Ended)
    }

    /// Looks at the originals, as many as the budget pays for, before the copies of those that
    /// exist are removed.
    fn find_left(&mut self, store: &Store, budget: &mut Budget<'_>) -> MoveStage {
        let ended = std::mem::replace(&mut self.stage, MoveStage::Ended);
        let MoveStage::FindLeft(from, mut copies, error) = ended else {
            return ended;
        };
        let source = store.mailbox(&self.source);
        for at in from..self.copied.len() {
            if budget.is_spent() {
                return MoveStage::FindLeft(at, copies, error);
            }
            budget.spend(COST_SYSCALL);
            let (original, copy) = self.copied[at];
            let index = self.index(store, original);
            if index.is_some_and(|index| source.path(index).exists()) {
                copies.insert(copy.get());
            }
        }
        let undo = ExpungeMessages::moved(self.destination.clone(), copies);
        MoveStage::Undo(Box::new(undo), error)
    }

    /// Finds out which originals do not exist any more. Returns `None` if the budget is spent
    /// before.
    fn sort(&mut self, store: &Store, budget: &mut Budget<'_>) -> Option<MoveOutcome> {
        let ended = std::mem::replace(&mut self.stage, MoveStage::Ended);
        let MoveStage::Sort(from, mut moved, error) = ended else {
            return None;
        };
        for at in from..self.copied.len() {
            if budget.is_spent() {
                self.stage = MoveStage::Sort(at, moved, error);
                return None;
            }
            budget.spend_records(RECORDS_PER_SEARCH);
            moved
                .extend(Some(self.copied[at]).filter(|&(uid, _)| self.index(store, uid).is_none()));
        }
        self.copied = moved;
        Some(self.end(Err(error)))
    }

    /// Returns the index of a message in the source, if it exists.
    fn index(&self, store: &Store, uid: Uid) -> Option<usize> {
        let table = &store.mailbox(&self.source).records;
        let index = table.find_uid(uid.get()).ok()?;
        (!table.record(index).is_expunged()).then_some(index)
    }

    fn end(&mut self, result: Result<(), StoreError>) -> MoveOutcome {
        self.stage = MoveStage::Ended;
        MoveOutcome {
            uids: std::mem::take(&mut self.copied),
            result,
        }
    }
}

impl AbandonedWork<Store> for MoveWork {
    fn has_work_left(&self) -> bool {
        match &self.stage {
            MoveStage::Copy(copy) => copy.is_committed(),
            MoveStage::Ended => false,
            _ => true,
        }
    }

    fn memory(&self) -> usize {
        let stage = match &self.stage {
            MoveStage::Copy(copy) => size_of::<CopyMessages>() + copy.memory(),
            MoveStage::Remove(expunge) | MoveStage::Undo(expunge, _) => expunge.memory(),
            MoveStage::FindLeft(_, copies, _) => copies.memory(),
            MoveStage::Sort(_, moved, _) => memory::of_list(moved),
            MoveStage::Resync(sync) => sync.memory(),
            MoveStage::Check(_) | MoveStage::Ended => 0,
        };
        memory::of_list(&self.copied) + stage
    }

    fn clean_up(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        if let Err(error) = ready!(self.step(store, budget)).result {
            let dir = store.mailbox(&self.source).dir().display();
            log::warn!("{dir}: a MOVE whose client has disconnected failed: {error}");
        }
        Step::Done(())
    }
}

/// Returns the range of one UID.
fn one(uid: Uid) -> (u32, u32) {
    (uid.get(), uid.get())
}
