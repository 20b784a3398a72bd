//! The mod-sequences of a mailbox while it is open: reading and discarding the file.

use super::file::{FILE, Snapshot, SnapshotReader};
use super::state::FileRemoval;
use super::vanished::{REMEMBERED, Vanished};
use crate::budget::{Budget, Step};
use crate::store::flush::FlushQueue;
use crate::store::index::mailbox::Mailbox;
use crate::types::NumberSet;
use crate::{ready, try_done};
use std::io;

impl Mailbox {
    /// Begins to read the file, if there is one. Called before the directories are read for the
    /// first time, so that what changes after that counts as changed.
    pub(crate) fn open_mod_sequences(&mut self) -> Option<SnapshotReader> {
        self.mod_sequences.loading = None;
        SnapshotReader::open(self.dir())
    }

    /// Takes over the content of the file.
    pub(crate) fn take_mod_sequences(&mut self, saved: Option<Snapshot>) {
        self.mod_sequences.loading = saved.map(Box::new);
    }

    /// Checks the content of the file against the UIDVALIDITY. Called before the messages are
    /// published for the first time.
    pub(crate) fn begin_mod_sequences(&mut self) {
        let validity = self.uid_validity().get();
        self.mod_sequences
            .loading
            .take_if(|saved| saved.validity != validity);
        if let Some(saved) = &self.mod_sequences.loading {
            let highest = saved.highest;
            self.raise_mod_sequence(highest);
        }
    }

    /// Counts the messages of the file that are not there any more as expunged. Called after the
    /// messages were published for the first time.
    pub(crate) fn end_mod_sequences(&mut self) {
        let Some(saved) = self.mod_sequences.loading.take() else {
            let change = self.next_mod_sequence();
            self.mod_sequences.vanished = Vanished::since(change);
            return;
        };
        self.mod_sequences.wanted.set(true);
        let known = saved.uids();
        let since = NumberSet::range(saved.uid_next, self.uid_next() - 1);
        let gone = known
            .with(&since)
            .without(&self.uids_counted(self.highest_mod_sequence()));
        let highest = saved.highest;
        self.mod_sequences.vanished = saved.vanished;
        if gone.len() > REMEMBERED as u64 {
            let change = self.next_mod_sequence();
            self.mod_sequences.vanished = Vanished::since(change);
        } else if !gone.is_empty() {
            let change = self.next_mod_sequence();
            gone.iter()
                .for_each(|uid| self.mod_sequences.vanished.push(change, uid));
        }
        self.mod_sequences.saved = Some(highest);
    }

    /// Returns the UIDs of all messages that exist, announced or not, and of those that a view
    /// counts that has announced expunges up to `announced`.
    pub(super) fn uids_counted(&self, announced: u64) -> NumberSet {
        let counted =
            (0..self.records.len()).filter(|&index| self.records.counts(index, announced));
        let records = counted.map(|index| self.records.record(index));
        let numbered = records.filter(|record| !record.is_unassigned());
        numbered.map(|record| (record.uid, record.uid)).collect()
    }

    /// Removes the file, because flags change: its content must not be used any more, not even if
    /// the flags change back. Always tries, because another process may have written a file in the
    /// meantime. The caller announces nothing before [`Self::flush_discarded_mod_sequences`] is
    /// done.
    pub(crate) fn discard_saved_mod_sequences(&mut self) {
        self.mod_sequences.saved = None;
        if !self.is_writable() {
            return;
        }
        if std::fs::remove_file(self.dir().join(FILE)).is_ok() {
            self.mod_sequences.removal = FileRemoval::Unflushed;
        }
    }

    /// Waits until the removal of the file is flushed: otherwise it might be back after a power
    /// cut, and mod-sequences that clients have seen would be given out again.
    ///
    /// # Errors
    /// The flush has failed. It is not tried again.
    pub(crate) fn flush_discarded_mod_sequences(
        &mut self,
        flushes: &FlushQueue,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<()>> {
        if matches!(self.mod_sequences.removal, FileRemoval::Unflushed) {
            self.mod_sequences.removal = FileRemoval::Flushed;
            let flush = try_done!(flushes.submit_directory(self.dir()));
            self.mod_sequences.removal = FileRemoval::Flushing(flush);
        }
        let FileRemoval::Flushing(flush) = &self.mod_sequences.removal else {
            return Step::Done(Ok(()));
        };
        let flushed = ready!(flush.poll(budget));
        self.mod_sequences.removal = FileRemoval::Flushed;
        Step::Done(flushed)
    }
}
