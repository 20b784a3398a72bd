//! Flag changes of a mailbox: recording them, and finding those that a view has not announced.

use super::mailbox::Mailbox;
use super::view_state::ViewState;
use crate::types::{Flags, KeywordSet};

impl Mailbox {
    /// Takes over flags that the file's name on disk already has. `by` is the view whose session
    /// asked for the change, or `None` if another program made it. Returns false if they are the
    /// flags that the message had.
    pub(crate) fn note_flags(
        &mut self,
        index: usize,
        flags: Flags,
        keywords: KeywordSet,
        by: Option<&ViewState>,
    ) -> bool {
        let change = self.peek_mod_sequence();
        let record = self.records.record_mut(index);
        if (record.flags, record.keywords) == (flags, keywords) {
            return false;
        }
        // The session that made this change knows the flags now, unless others changed them before
        // and that session has not announced that yet.
        let changed_by = match by {
            Some(view)
                if record.mod_sequence <= view.flags_announced.get()
                    || record.changed_by == view.id =>
            {
                view.id
            }
            _ => 0,
        };
        (record.flags, record.keywords) = (flags, keywords);
        (record.mod_sequence, record.changed_by) = (change, changed_by);
        let uid = record.uid;
        self.raise_mod_sequence(change);
        self.recent_flag_changes.push(change, uid);
        true
    }

    /// Returns the indexes, ascending, of the existing messages whose flags anyone but the session
    /// of `view` changed after `announced`.
    pub(crate) fn flags_changed_after(&self, announced: u64, view: u32) -> Vec<usize> {
        let published = self.records.published();
        let mut indexes: Vec<usize> = match self.recent_flag_changes.after(announced) {
            Some(uids) => uids
                .filter_map(|uid| self.records.find_uid(uid).ok())
                .collect(),
            None => (0..published.len()).collect(),
        };
        indexes.sort_unstable();
        indexes.dedup();
        indexes.retain(|&index| {
            let record = &published[index];
            !record.is_expunged() && record.mod_sequence > announced && record.changed_by != view
        });
        indexes
    }

    /// Returns the least mod-sequence of a flag change that the view has not announced yet.
    pub(crate) fn first_unannounced_flags(&self, view: &ViewState) -> Option<u64> {
        let announced = view.flags_announced.get();
        if announced == self.highest_mod_sequence() {
            return None;
        }
        let changed = self.flags_changed_after(announced, view.id);
        let records = changed.into_iter().map(|index| self.records.record(index));
        let known = records.filter(|record| record.uid <= view.last_uid.get());
        known.map(|record| record.mod_sequence).min()
    }
}
