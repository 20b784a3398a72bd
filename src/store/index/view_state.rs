//! What a mailbox needs to know of a view: which messages it counts, and what it has announced.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::records::{RecordState, Records};
use crate::types::{NumberSet, Uid};

/// What a session may do with the mailbox that it has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// SELECT: files move from `new/` to `cur/`, and the view claims recent messages.
    ReadWrite,
    /// EXAMINE: the session only reads.
    ReadOnly,
}

/// A message as a view counts it. Valid until the view's next
/// [`updates`](crate::store::Store::updates).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageRef {
    /// The sequence number in the view, from 1.
    pub(crate) number: u32,
    /// The UID.
    pub(crate) uid: Uid,
}

/// The part of a view that its mailbox refers to.
#[derive(Debug)]
pub(crate) struct ViewState {
    /// Number of the view, unique in this process; never 0.
    pub(crate) id: u32,
    pub(crate) access: Access,
    /// How many messages the session counts.
    pub(super) exists: Cell<u32>,
    /// The largest UID announced to the session, 0 if there is none.
    pub(crate) last_uid: Cell<u32>,
    /// The mod-sequence up to which expunges were announced to the session.
    pub(crate) expunges_announced: Cell<u64>,
    /// The mod-sequence up to which flag changes were announced to the session.
    pub(crate) flags_announced: Cell<u64>,
    /// The version of the keyword names that was announced to the session.
    pub(super) keywords: Cell<u32>,
    /// UIDs of the messages that are recent to the session.
    pub(super) recent: RefCell<NumberSet>,
    pub(super) recent_count: Cell<u32>,
}

impl ViewState {
    /// Returns the state of a view that counts no message yet, for a mailbox with these versions.
    pub(super) fn new(id: u32, access: Access, mod_sequence: u64, keywords: u32) -> Self {
        Self {
            id,
            access,
            exists: Cell::new(0),
            last_uid: Cell::new(0),
            expunges_announced: Cell::new(mod_sequence),
            flags_announced: Cell::new(mod_sequence),
            keywords: Cell::new(keywords),
            recent: RefCell::default(),
            recent_count: Cell::new(0),
        }
    }

    /// Counts the messages at these indexes, and claims the recent ones among them.
    pub(super) fn add_messages(&self, records: &mut Records, indexes: Range<usize>) {
        for index in indexes {
            let record = records.record_mut(index);
            if record.is_expunged() && record.mod_sequence <= self.expunges_announced.get() {
                continue;
            }
            let uid = record.uid;
            self.exists.set(self.exists.get() + 1);
            self.last_uid.set(uid);
            if record.state.has(RecordState::RECENT) {
                if self.access == Access::ReadWrite {
                    record.state.set(RecordState::RECENT, false);
                }
                self.recent.borrow_mut().insert(uid);
                self.recent_count.set(self.recent_count.get() + 1);
            }
        }
    }

    /// Stops counting a message.
    fn remove_message(&self, uid: u32) {
        self.exists.set(self.exists.get().saturating_sub(1));
        if self.recent.borrow().contains(uid) {
            self.recent_count
                .set(self.recent_count.get().saturating_sub(1));
        }
    }

    /// Returns the expunges up to `mod_sequence` that were not announced yet, as sequence numbers
    /// to send and as UIDs. They count as announced from now on.
    pub(super) fn take_expunged(
        &self,
        records: &Records,
        mod_sequence: u64,
    ) -> (Vec<u32>, NumberSet) {
        let announced = self.expunges_announced.replace(mod_sequence);
        let expunged = records.expunged_after(announced, self.last_uid.get());
        for &(uid, _) in &expunged {
            self.remove_message(uid);
        }
        let vanished = expunged.iter().map(|&(uid, _)| (uid, uid)).collect();
        let numbers = expunged.into_iter().map(|(_, number)| number).collect();
        (numbers, vanished)
    }
}
