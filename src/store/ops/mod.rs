//! What clients ask for: the operations that read or change a mailbox, or the tree of mailboxes.

pub(crate) mod append;
pub(crate) mod copy;
pub(crate) mod deliver;
pub(crate) mod expunge;
pub(crate) mod flags;
pub(crate) mod folders;
pub(crate) mod move_;
pub(crate) mod open;
