//! Mod-sequences (RFC 7162): when a message last changed, for clients that come back.
//!
//! # The problem
//!
//! A client that was disconnected sends the mod-sequence that it has seen, and the server announces
//! all changes with a greater one. If a change gets a mod-sequence that is not greater than one
//! announced before, some client never learns of that change. And a Maildir is changed by programs
//! that know nothing of mod-sequences.
//!
//! # The approach
//!
//! The mod-sequence of a message is the value of the mailbox's change counter at which the message
//! came or last had its flags changed. The counter follows the clock: a change gets the number of
//! microseconds since 1970, or one more than the change before if that is greater. So what a
//! process gives out is greater than everything given out before it, even if nothing is left of
//! that.
//!
//! When a mailbox is closed, its mod-sequences are written into a file, together with the flags
//! that belong to them. When the mailbox is opened again,
//!
//! * a message that has the same flags keeps its mod-sequence,
//! * a message that has other flags counts as changed just now,
//! * a message that is not there any more counts as expunged just now.
//!
//! If another program changed flags and changed them back in the meantime, no client of ours saw
//! it. But if our own process changed them and died before it could write the file, a client may
//! have seen it. So the file is removed at the first change of flags after it was written: after a
//! crash there is no file.
//!
//! The file is not written if no client has ever asked for a mod-sequence.
//!
//! Without the file all messages count as changed just now, and nothing is known of expunges:
//! clients receive more than they need, never less.

mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod mailbox;
mod queries;
mod save;
mod state;
mod vanished;

pub(crate) use self::file::SnapshotReader;
pub(crate) use self::save::SaveModSequences;
pub(crate) use self::state::ModSequences;
