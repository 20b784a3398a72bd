//! Giving UIDs to the messages of a batch, and writing their lines of the uid list.

use super::parcel::Parcel;
use crate::budget::{Budget, COST_OPEN};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::filename;
use crate::store::maildir::uid_list::UidListLines;
use crate::types::Uid;

/// Lines written to the uid list at once: a third of a millisecond.
const LINES_AT_ONCE: usize = 1024;
/// Writing a line takes as long as visiting this many records.
const RECORDS_PER_LINE: usize = 4;

/// How far the lines of a batch are written.
#[derive(Debug)]
pub(super) struct Numbering {
    /// The index of the parcel.
    pub(super) parcel: usize,
    /// The index of its next message.
    message: usize,
    /// The UIDs that no parcel has got yet.
    uids: std::vec::IntoIter<Uid>,
    /// What is written.
    pub(super) lines: Option<UidListLines>,
}

impl Numbering {
    /// Returns the beginning, with the UIDs of all messages of the batch.
    pub(super) fn new(uids: Vec<Uid>) -> Self {
        Self {
            parcel: 0,
            message: 0,
            uids: uids.into_iter(),
            lines: None,
        }
    }

    /// Gives the parcel its UIDs, and writes some of its lines. A withdrawn parcel has none.
    pub(super) fn write_some(
        &mut self,
        parcel: &mut Parcel,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<(), StoreError> {
        let (from, count) = (self.message, parcel.moved.len());
        if from == 0 {
            parcel.uids = self.uids.by_ref().take(count).collect();
        }
        let to = count.min(from + LINES_AT_ONCE);
        (self.parcel, self.message) = if to == count {
            (self.parcel + 1, 0)
        } else {
            (self.parcel, to)
        };
        if from >= count {
            return Ok(());
        }
        let bases = parcel.moved[from..to].iter();
        let bases = bases.map(|(_, name)| filename::base(name));
        let more = parcel.uids[from..to].iter().copied().zip(bases);
        match &mut self.lines {
            Some(lines) => lines.append(more)?,
            None => {
                let dir = mailbox.dir().to_path_buf();
                self.lines = Some(mailbox.uid_list.begin_append(&dir, more)?);
            }
        }
        budget.spend(COST_OPEN);
        budget.spend_records(RECORDS_PER_LINE * (to - from));
        Ok(())
    }
}
