//! Looking for base names that a mailbox has used before.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::budget::{Budget, RECORDS_PER_UNIT, Step, Why};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::uid_list::{PIECE, UidListError, UidListReader};
use crate::types::memory;

/// Records read between two checks of the budget.
const BATCH: u32 = RECORDS_PER_UNIT;

/// Looks for base names in the stale lines of the uid list. Messages that exist are in memory.
///
/// It keeps the hashes of the names only. Two names with one hash do no harm: one of them counts as
/// used, and the message gets another name.
#[derive(Debug)]
pub(crate) struct FindUsedNames {
    hasher: RandomState,
    wanted: HashSet<u64>,
    found: HashSet<u64>,
    /// `None` when the list was read to its end.
    reader: Option<UidListReader>,
}

impl FindUsedNames {
    /// Begins to look for at most `count` names. Returns `None` if the list has no stale lines.
    pub(crate) fn begin(mailbox: &Mailbox, count: usize) -> Option<Self> {
        if mailbox.uid_list.lines <= mailbox.records.message_count() {
            return None;
        }
        // A list that cannot be read now is read, or replaced, when the messages are delivered.
        let reader = UidListReader::open(mailbox.dir()).ok().flatten()?;
        Some(Self {
            hasher: RandomState::new(),
            wanted: HashSet::with_capacity(count),
            found: HashSet::new(),
            reader: Some(reader),
        })
    }

    /// Returns the octets of memory that the search takes.
    pub(crate) fn memory(&self) -> usize {
        let reader = self.reader.as_ref().map_or(0, |_| UidListReader::MEMORY);
        memory::of_set(&self.wanted) + memory::of_set(&self.found) + reader
    }

    /// Adds a name to look for. All are added before the first step.
    pub(crate) fn want(&mut self, base: &[u8]) {
        self.wanted.insert(self.hasher.hash_one(base));
    }

    /// True if a line has that name, after the search.
    pub(crate) fn has_found(&self, base: &[u8]) -> bool {
        self.found.contains(&self.hasher.hash_one(base))
    }

    /// Steps the search.
    pub(crate) fn step(
        &mut self,
        mailbox: &Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        while let Some(reader) = &mut self.reader {
            let before = reader.octets();
            let mut read = 0;
            for _ in 0..BATCH {
                read = reader.octets() - before;
                if read >= PIECE {
                    break;
                }
                match reader.next() {
                    Ok(Some(record)) => {
                        let hash = self.hasher.hash_one(record.base());
                        if self.wanted.contains(&hash) {
                            self.found.insert(hash);
                        }
                    }
                    Err(UidListError::Line { .. }) => {}
                    Ok(None) | Err(UidListError::File(_)) => {
                        self.reader = None;
                        break;
                    }
                    Err(UidListError::Io(error)) => {
                        log::warn!(
                            "{}: cannot read the uid list: {error}",
                            mailbox.dir().display()
                        );
                        return Step::Done(Err(StoreError::from_io("reading the uid list", error)));
                    }
                }
            }
            budget.spend(1);
            budget.spend_octets(read as usize);
            if budget.is_spent() && self.reader.is_some() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(()))
    }
}
