//! The message files of a mailbox: where they are, and what this process did to them.

use std::path::PathBuf;

use super::mailbox::Mailbox;
use super::records::{NewRecord, Record, RecordState, RecordsFull, TailDecision};
use crate::store::maildir::filename;
use crate::store::maildir::subdir::Subdir;
use crate::types::Uid;

impl Mailbox {
    /// Returns the directory of a message's file.
    pub(crate) fn subdir(&self, index: usize) -> Subdir {
        if self.records.record(index).state.has(RecordState::IN_NEW) {
            Subdir::New
        } else {
            Subdir::Cur
        }
    }

    /// Returns the path of a message's file.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.subdir(index)
            .file(self.dir(), self.records.name(index))
    }

    /// Takes note that this process has renamed a message's file.
    pub(crate) fn renamed(&mut self, index: usize, subdir: Subdir, name: &[u8]) {
        let (from, old) = (self.subdir(index), self.records.name(index).to_vec());
        self.watch.expect_rename((from, &old), (subdir, name));
        // The name arena holds far more than a directory can.
        let _ = self.records.rename(index, name);
        let state = &mut self.records.record_mut(index).state;
        state.set(RecordState::IN_NEW, subdir == Subdir::New);
        state.set(RecordState::MISSING, false);
        state.set(RecordState::FOUND, true);
        state.set(RecordState::RENAMED_BY_US, true);
        if (from, subdir) == (Subdir::New, Subdir::Cur) {
            self.sync_state.in_new = self.sync_state.in_new.saturating_sub(1);
        }
    }

    /// Adds a message that this process has delivered and has written into the uid list.
    pub(crate) fn add_delivered(
        &mut self,
        uid: Uid,
        subdir: Subdir,
        name: &[u8],
    ) -> Result<(), RecordsFull> {
        let known = self
            .records
            .find(filename::base(name))
            .filter(|index| self.records.tail().contains(index));
        let index = match known {
            // A scan found the file before it was in the uid list, and has its latest name.
            Some(index) => index,
            None => self.push_delivered(subdir, name)?,
        };
        let record = self.records.record_mut(index);
        record.uid = uid.get();
        record.state.set(RecordState::RECENT, true);
        self.sync_state.in_new += u32::from(subdir == Subdir::New);
        if self.is_being_reconciled() {
            // The scan may be past the file, and would miss what another program did to it since.
            self.request_check();
        }
        self.publish(0);
        Ok(())
    }

    fn push_delivered(&mut self, subdir: Subdir, name: &[u8]) -> Result<usize, RecordsFull> {
        let (flags, keywords) = filename::flags(name);
        self.records.push(&NewRecord {
            uid: 0,
            name,
            base_length: filename::base(name).len(),
            flags,
            keywords,
            state: RecordState::FOUND.with(RecordState::IN_NEW, subdir == Subdir::New),
        })
    }

    /// Publishes the records of the tail that are certain, in the order of their UIDs
    /// ([`Records::settle_tail`](super::records::Records::settle_tail)). Drops a listed file that
    /// was not found if its UID is at most `stale_up_to`; else all records behind it wait.
    pub(crate) fn publish(&mut self, stale_up_to: u32) {
        let published = self
            .records
            .settle_tail(|record| decide(record, stale_up_to));
        let mut fresh = None;
        for index in published {
            let record = self.records.record(index);
            let saved = (self.mod_sequences).saved(record.uid, record.flags, record.keywords);
            let mod_sequence =
                saved.unwrap_or_else(|| *fresh.get_or_insert_with(|| self.next_mod_sequence()));
            self.records.record_mut(index).mod_sequence = mod_sequence;
        }
    }

    /// Makes the next [`SyncMailbox`](crate::store::SyncMailbox) scan the directories, because a
    /// file was not where it should be.
    pub(crate) fn request_check(&mut self) {
        self.sync_state.check_requests = self.sync_state.check_requests.wrapping_add(1);
    }
}

fn decide(record: &Record, stale_up_to: u32) -> TailDecision {
    if record.state.has(RecordState::FOUND) {
        TailDecision::Publish
    } else if record.uid <= stale_up_to {
        TailDecision::Drop
    } else {
        TailDecision::Wait
    }
}
