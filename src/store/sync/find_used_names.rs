//! Looking for base names that a mailbox has used before.

use std::collections::HashSet;

use crate::budget::{Budget, RECORDS_PER_UNIT, Step, Why};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::uid_list::{UidListError, UidListReader};

/// Records read between two checks of the budget.
const BATCH: u32 = RECORDS_PER_UNIT;

/// Looks for base names in the stale lines of the uid list. Messages that exist are in memory.
#[derive(Debug)]
pub(crate) struct FindUsedNames {
    wanted: HashSet<Vec<u8>>,
    found: HashSet<Vec<u8>>,
    /// `None` if the list has no stale lines, or was read to its end.
    reader: Option<UidListReader>,
}

impl FindUsedNames {
    pub(crate) fn new(mailbox: &Mailbox, wanted: HashSet<Vec<u8>>) -> Self {
        let has_stale_lines = mailbox.uid_list.lines > mailbox.records.message_count();
        // A list that cannot be read now is read, or replaced, when the messages are delivered.
        let open = || UidListReader::open(mailbox.dir()).ok().flatten();
        let reader = has_stale_lines.then(open).flatten();
        Self {
            wanted,
            found: HashSet::new(),
            reader,
        }
    }

    /// Steps the search. Ends with the names that have a line.
    pub(crate) fn step(
        &mut self,
        mailbox: &Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<HashSet<Vec<u8>>, StoreError>> {
        while let Some(reader) = &mut self.reader {
            for _ in 0..BATCH {
                match reader.next() {
                    Ok(Some(record)) if self.wanted.contains(record.base()) => {
                        self.found.insert(record.base().to_vec());
                    }
                    Ok(Some(_)) | Err(UidListError::Line { .. }) => {}
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
            if budget.is_spent() && self.reader.is_some() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(std::mem::take(&mut self.found)))
    }
}
