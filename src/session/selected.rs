//! The selected mailbox of a session, and the search result that it has saved.

use std::rc::Rc;

use super::range_locator::WirePosition;
use crate::store::{MessageRef, View};
use crate::types::{MailboxRef, NumberSet};

/// The selected mailbox.
pub(super) struct Selected {
    pub(super) name: MailboxRef,
    pub(super) view: View,
    /// Where the last partial FETCH ended, so that the next one need not count from the start.
    pub(super) position: Option<WirePosition>,
    /// What the last SEARCH with RETURN (SAVE) has found.
    pub(super) saved: SavedResult,
}

impl Selected {
    /// Selects a mailbox; no search result is saved yet.
    pub(super) fn new(name: MailboxRef, view: View) -> Self {
        Self {
            name,
            view,
            position: None,
            saved: SavedResult::default(),
        }
    }
}

/// The messages that `$` stands for (RFC 5182), as message sequence numbers and as UIDs. Commands
/// share the sets: each `$` in them costs a pointer, however many ranges the sets have.
#[derive(Debug, Clone, Default)]
pub(super) struct SavedResult {
    pub(super) numbers: Rc<NumberSet>,
    pub(super) uids: Rc<NumberSet>,
}

impl SavedResult {
    /// Adds a message.
    pub(super) fn insert(&mut self, message: &MessageRef) {
        Rc::make_mut(&mut self.numbers).insert(message.number);
        Rc::make_mut(&mut self.uids).insert(message.uid.get());
    }

    /// Returns the octets of memory that the sets take.
    pub(super) fn memory(&self) -> usize {
        self.numbers.memory() + self.uids.memory()
    }

    /// True if there are no messages in it.
    pub(super) fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }
}
