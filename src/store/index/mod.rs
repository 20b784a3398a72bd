//! What is in memory: the messages of each open mailbox, and what each session knows of them.

pub(crate) mod cursor;
pub(crate) mod mailbox;
pub(crate) mod mod_sequences;
pub(crate) mod records;
pub(crate) mod view;
