//! What is in memory: the messages of each open mailbox, and what each session knows of them.
//!
//! | file | contents |
//! | --- | --- |
//! | [`mailbox`] | [`Mailbox`](mailbox::Mailbox): one open directory, shared by all its sessions |
//! | [`records`] | one 32-byte record a message, in the order of UIDs, with tombstones |
//! | [`sync_state`] | how far the records are known to agree with the directories |
//! | [`watch_state`] | what the kernel has reported about the mailbox |
//! | [`flag_change_log`], `flag_changes` | which messages had their flags changed lately |
//! | `mailbox_keywords`, `message_files` | the mailbox's keyword names; its message files |
//! | [`mod_sequences`] | mod-sequences (RFC 7162) |
//! | [`view`], [`view_state`] | what one session knows of a mailbox: a few integers |
//! | [`cursor`] | a walk over messages that survives changes of the mailbox |

pub(super) mod cursor;
pub(super) mod flag_change_log;
mod flag_changes;
pub(super) mod mailbox;
pub(super) mod mailbox_keywords;
mod message_files;
pub(super) mod mod_sequences;
pub(super) mod records;
pub(super) mod sync_state;
pub(super) mod view;
pub(super) mod view_state;
pub(super) mod watch_state;
