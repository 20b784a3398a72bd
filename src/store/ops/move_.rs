//! Moving messages to another mailbox (RFC 6851).
//!
//! A message is copied first, and removed after its copy is safe on disk, so that it is always in
//! at least one of the mailboxes. It should not stay in both. If another program renames the
//! original in the meantime, to change its flags, the job looks for it again. If an original cannot
//! be removed, its copy is removed, provided that the original is certain to exist.

use super::copy::CopyMessages;
use super::expunge::ExpungeMessages;
use crate::budget::{Budget, Step};
use crate::ready;
use crate::store::index::view::View;
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{NumberSet, Uid};

/// How many times the job looks for originals that were renamed.
const MOST_TRIES: u32 = 3;

/// Moves messages.
#[derive(Debug)]
pub(crate) struct MoveMessages {
    source: MailboxHandle,
    destination: MailboxHandle,
    /// UIDs in the source and in the destination.
    copied: Vec<(Uid, Uid)>,
    tries: u32,
    stage: MoveStage,
}

#[derive(Debug)]
enum MoveStage {
    Copy(Box<CopyMessages>),
    Remove(Box<ExpungeMessages>),
    Resync(SyncMailbox),
    /// Removes the copies of the messages that could not be removed because of this error.
    Undo(Box<ExpungeMessages>, StoreError),
}

/// The result of a [`MoveMessages`].
#[derive(Debug)]
pub(crate) struct MoveOutcome {
    /// The UIDs of the moved messages in the source and in the destination, ascending.
    pub(crate) uids: Vec<(Uid, Uid)>,
    /// Why the other messages were not moved, if there are any.
    pub(crate) result: Result<(), StoreError>,
}

impl MoveMessages {
    /// Moves the messages with these UIDs that the view counts.
    pub(crate) fn new(source: &View, uids: NumberSet, destination: MailboxHandle) -> Self {
        let copy = CopyMessages::new(source, uids, destination.clone());
        Self::with_copy(copy, source.handle().clone(), destination)
    }

    /// Moves the messages with these UIDs.
    pub(crate) fn of_uids(
        source: MailboxHandle,
        uids: NumberSet,
        destination: MailboxHandle,
    ) -> Self {
        let copy = CopyMessages::of_uids(source.clone(), uids, destination.clone());
        Self::with_copy(copy, source, destination)
    }

    fn with_copy(copy: CopyMessages, source: MailboxHandle, destination: MailboxHandle) -> Self {
        Self {
            source,
            destination,
            copied: Vec::new(),
            tries: 0,
            stage: MoveStage::Copy(Box::new(copy)),
        }
    }

    /// Steps the job until it is done.
    pub(crate) fn step(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<MoveOutcome> {
        loop {
            let next = match &mut self.stage {
                MoveStage::Copy(_) if !store.mailbox(&self.source).is_writable() => {
                    Err(StoreError::ReadOnly)
                }
                MoveStage::Copy(copy) => ready!(copy.step(store, budget)).map(|copied| {
                    self.copied = copied;
                    Some(self.remove())
                }),
                MoveStage::Remove(expunge) => {
                    ready!(expunge.step(store, budget)).and_then(|_| self.removed(store))
                }
                MoveStage::Resync(sync) => {
                    ready!(sync.step(store, budget)).map(|()| Some(self.remove()))
                }
                MoveStage::Undo(expunge, _) => {
                    if let Err(error) = ready!(expunge.step(store, budget)) {
                        let dir = store.mailbox(&self.destination).dir().display();
                        log::warn!(
                            "{dir}: cannot remove the copies of messages that were not moved: {error}"
                        );
                    }
                    return Step::Done(self.finish(store));
                }
            };
            match next {
                Ok(Some(stage)) => self.stage = stage,
                Ok(None) => return Step::Done(self.finish(store)),
                // It is not known what became of the originals: two copies of a message are better
                // than none.
                Err(error @ StoreError::Invalidated) => return Step::Done(self.failed(error)),
                Err(error) if self.copied.is_empty() => return Step::Done(self.failed(error)),
                Err(error) => self.stage = self.undo(store, error),
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

    fn removed(&mut self, store: &Store) -> Result<Option<MoveStage>, StoreError> {
        if !self
            .copied
            .iter()
            .any(|&(uid, _)| self.index(store, uid).is_some())
        {
            return Ok(None);
        }
        self.tries += 1;
        if self.tries == MOST_TRIES {
            return Err(StoreError::InUse);
        }
        Ok(Some(MoveStage::Resync(SyncMailbox::new(
            self.source.clone(),
        ))))
    }

    fn undo(&self, store: &Store, error: StoreError) -> MoveStage {
        let source = store.mailbox(&self.source);
        let is_seen = |&&(uid, _): &&(Uid, Uid)| {
            let index = self.index(store, uid);
            index.is_some_and(|index| source.path(index).exists())
        };
        let left = self.copied.iter().filter(is_seen);
        let copies = left.map(|&(_, to)| one(to)).collect();
        let undo = ExpungeMessages::moved(self.destination.clone(), copies);
        MoveStage::Undo(Box::new(undo), error)
    }

    /// Returns the index of a message in the source, if it exists.
    fn index(&self, store: &Store, uid: Uid) -> Option<usize> {
        let table = &store.mailbox(&self.source).records;
        let index = table.find_uid(uid.get()).ok()?;
        (!table.record(index).is_expunged()).then_some(index)
    }

    fn finish(&mut self, store: &Store) -> MoveOutcome {
        let mut uids = std::mem::take(&mut self.copied);
        uids.retain(|&(uid, _)| self.index(store, uid).is_none());
        // Another step would find nothing to do.
        let ended = self.remove();
        let result = match std::mem::replace(&mut self.stage, ended) {
            MoveStage::Undo(_, error) => Err(error),
            _ => Ok(()),
        };
        MoveOutcome { uids, result }
    }

    fn failed(&self, error: StoreError) -> MoveOutcome {
        MoveOutcome {
            uids: Vec::new(),
            result: Err(error),
        }
    }
}

/// Returns the range of one UID.
fn one(uid: Uid) -> (u32, u32) {
    (uid.get(), uid.get())
}
