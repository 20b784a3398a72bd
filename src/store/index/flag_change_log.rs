//! The most recent flag changes of a mailbox, one by one.

use std::collections::VecDeque;

/// How many flag changes a mailbox remembers. A view that is further behind walks all records.
const REMEMBERED: usize = 1024;

/// The most recent flag changes, oldest first, as mod-sequence and UID.
#[derive(Debug, Default)]
pub(crate) struct FlagChangeLog {
    entries: VecDeque<(u64, u32)>,
    /// The greatest mod-sequence that the log has dropped, 0 if it is complete.
    forgotten: u64,
}

impl FlagChangeLog {
    /// Adds a change, and drops the oldest one if the log is full.
    pub(crate) fn push(&mut self, mod_sequence: u64, uid: u32) {
        if self.entries.len() == REMEMBERED {
            self.forgotten = self.entries.pop_front().map_or(0, |(change, _)| change);
        }
        self.entries.push_back((mod_sequence, uid));
    }

    /// Returns the UIDs of the changes after `announced`, or `None` if the log does not go back
    /// that far.
    pub(crate) fn after(&self, announced: u64) -> Option<impl Iterator<Item = u32>> {
        let from = self
            .entries
            .partition_point(|&(change, _)| change <= announced);
        (announced >= self.forgotten).then(|| self.entries.range(from..).map(|&(_, uid)| uid))
    }
}
