//! A reference to an open mailbox of the store.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// A reference to an open mailbox. The mailbox stays in the store as long as a handle exists.
#[derive(Debug, Clone)]
pub struct MailboxHandle(Rc<Token>);

/// What the clones of one handle share. Its address is the identity of the mailbox.
#[derive(Debug)]
struct Token {
    slot: usize,
}

impl MailboxHandle {
    /// Returns the first handle of the mailbox in that slot of the store.
    pub(super) fn new(slot: usize) -> Self {
        Self(Rc::new(Token { slot }))
    }

    /// Returns the slot of the store that holds the mailbox.
    pub(super) fn slot(&self) -> usize {
        self.0.slot
    }

    /// True if another clone of this handle exists.
    pub(super) fn is_shared(&self) -> bool {
        self.count() > 1
    }

    /// Returns how many clones of this handle exist, including this one and that of the store.
    pub(super) fn count(&self) -> usize {
        Rc::strong_count(&self.0)
    }
}

impl PartialEq for MailboxHandle {
    /// Two handles are equal if they refer to the same mailbox.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MailboxHandle {}

impl Hash for MailboxHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.slot.hash(state);
    }
}
