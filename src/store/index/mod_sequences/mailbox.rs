//! The mod-sequences of a mailbox from opening to closing: reading, discarding and writing the
//! file.

use std::path::Path;

use super::file::{FILE, Run, Snapshot};
use super::vanished::{REMEMBERED, Vanished};
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::files::{self, flush_directory};
use crate::store::maildir::lock::{LockOwner, MailboxLock};
use crate::types::NumberSet;

impl Mailbox {
    /// Reads the file. Called before the directories are read for the first time, so that what
    /// changes after that counts as changed.
    pub(crate) fn read_mod_sequences(&mut self) {
        self.mod_sequences.loading = Snapshot::read(self.dir()).map(Box::new);
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

    /// Removes the file, because flags have changed: its content must not be used any more, not
    /// even if the flags change back. Always tries, because another process may have written a file
    /// in the meantime.
    pub(crate) fn discard_saved_mod_sequences(&mut self) {
        self.mod_sequences.saved = None;
        if !self.is_writable() {
            return;
        }
        let removed = std::fs::remove_file(self.dir().join(FILE));
        if removed.is_ok() {
            // Otherwise the file might be back after a power cut.
            let _ = flush_directory(self.dir());
        }
    }

    /// Writes the file, if a client has asked for mod-sequences and the lock is free. Without the
    /// file clients only have a little more to compare.
    pub(crate) fn save_mod_sequences(&mut self, owner: &LockOwner) {
        let is_wanted = self.mod_sequences.wanted.get();
        let is_known = self.sync_state.loaded && !self.is_invalid() && !self.has_no_validity();
        let is_saved = self.mod_sequences.saved == Some(self.highest_mod_sequence());
        let Some(times) = self
            .mod_sequences
            .times
            .filter(|_| is_wanted && is_known && !is_saved)
        else {
            return;
        };
        if !self.is_writable() || !self.is_still_there() {
            return;
        }
        let dir = self.dir().to_path_buf();
        match MailboxLock::try_acquire(&dir, owner, &mut self.foreign_lock, times) {
            Ok(Some(_lock)) => self.write_mod_sequences(&dir),
            Ok(None) => {}
            Err(error) => log::debug!(
                "{}: cannot lock the mailbox to save its mod-sequences: {error}",
                dir.display()
            ),
        }
    }

    fn write_mod_sequences(&mut self, dir: &Path) {
        match self.snapshot().write(dir) {
            Ok(()) => self.mod_sequences.saved = Some(self.highest_mod_sequence()),
            Err(error) => {
                log::warn!("{}: cannot save the mod-sequences: {error}", dir.display());
                let _ = files::remove(&dir.join(FILE));
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            validity: self.uid_validity().get(),
            uid_next: self.uid_next(),
            highest: self.highest_mod_sequence(),
            vanished: self.mod_sequences.vanished.clone(),
            runs: Vec::new(),
        };
        let published = self.records.published().iter();
        for record in published.filter(|record| !record.is_expunged()) {
            snapshot.push(Run {
                first: record.uid,
                last: record.uid,
                mod_sequence: record.mod_sequence,
                flags: record.flags,
                keywords: record.keywords,
            });
        }
        snapshot
    }
}
