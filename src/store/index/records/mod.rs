//! The records of one mailbox: dense, in UID order, with tombstones for expunged messages that some
//! session still counts.
//!
//! # The problem
//!
//! A mailbox of 100 000 messages is held once, however many sessions have it open, and must cost
//! about 100 bytes a message. Each session numbers the messages for itself, from 1, and its numbers
//! change only when the session has announced an expunge. And the disk, which other programs
//! change, presents the files in no order at all.
//!
//! # The shape
//!
//! There are one vector of 32-byte records, one arena of file names, and one hash table from base
//! name to record. The vector has three sections:
//!
//! ```text
//! [ published ............ | listed, not yet published .. | unassigned ]
//!   uid ascending, may be     uid ascending and greater     uid 0
//!   announced by views      `------------- the tail --------------------'
//! ```
//!
//! *Published* records are those that views may announce; the section grows only at its end, and so
//! only with greater UIDs. *Listed* records stand in `dovecot-uidlist`, but no scan has found their
//! file yet: it may be a stale line, or a file that a racing `readdir` skipped. *Unassigned*
//! records are files without a UID.
//!
//! An expunged record stays as a tombstone, with the mod-sequence of the expunge. A view counts a
//! published record if its message exists or was expunged after the last expunge that the view
//! announced. So the number of a record in a view is its index less the tombstones before it that
//! the view has announced. The tombstones are kept apart as a short sorted list, and dropped in
//! batches once all views have announced them.

mod names;
mod record;
mod table;
#[cfg(test)]
mod tests;
mod tombstones;

pub(crate) use self::names::{MAX_NAME, RecordsFull};
pub(crate) use self::record::{NewRecord, Record, RecordState};
pub(crate) use self::table::{Records, TailDecision};
