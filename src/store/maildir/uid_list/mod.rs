//! `dovecot-uidlist`: which message has which UID.
//!
//! # The problem
//!
//! A UID that was announced to a client must mean the same message for ever (RFC 3501 §2.3.1.1).
//! But a Maildir has no place for a number: the program that delivers a message chooses the name of
//! its file. So there is one text file in each mailbox, shared with Dovecot byte for byte, that
//! maps the constant part of a file name, its base, to a UID:
//!
//! ```text
//! 3 V1795392071 N5 Ga8e4143b4782036b5f32000083ecc375
//! 1 :1795392071.M59814P3494.vm,S=28,W=31
//! 2 G1700000001.X.host :1795392450.M59815P3494.vm
//! ```
//!
//! The first line is the [`UidListHeader`], every other one a [`UidListRecord`]. Records are in
//! strictly ascending order of UIDs. Each may have keys (a capital letter and a value) before the
//! colon. Version 1, `1 <validity> <next>` and then `<uid> <base>`, is what Courier writes in a
//! file of another name and what Dovecot 1.0 wrote; we read it and never write it.
//!
//! # What makes it hard
//!
//! *It is read without a lock* while another program appends to it or replaces it. So a last line
//! without its line feed does not count yet, and a reader that continues
//! ([`UidListReader::resume`]) has to make sure that it reads the same file.
//!
//! *The header is older than the records.* Appending does not change it, so its `N` is a floor: the
//! next UID is the greater of `N` and the last record's UID plus one ([`UidListReader::next_uid`]).
//!
//! *Records outlive their messages.* An expunged message keeps its line, which is then stale, until
//! the next rewrite. That keeps the UID from being used again, and it is harmless as long as the
//! name does not come back. [`UidListReader`] returns every record; the caller, who knows the
//! directory, knows which ones are stale.
//!
//! *Damage must cost as little as possible.* Dovecot discards the whole list because of one bad
//! line, and all later messages get new UIDs. We skip a line that holds no record
//! ([`UidListError::Line`]): only the message that it was about gets a new UID, and because its old
//! UID is unknown, one UID is skipped for every such line. Only if the header is damaged, or a line
//! has no end ([`UidListError::File`]), it is unknown which UIDs are in use, and the mailbox needs
//! a new UIDVALIDITY. In both cases we rewrite the file before Dovecot sees it
//! ([`UidListReader::needs_rewrite`]).
//!
//! # Changing it
//!
//! Both ways need the lock ([`super::lock::MailboxLock`]), held since before the file was last
//! read. [`UidListState::begin_append`] and [`UidListLines::append`] add lines behind a complete
//! last line, which count once they are flushed; [`UidListRewrite`] makes a new file.

mod error;
mod lines;
mod parse;
mod reader;
mod record;
mod state;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use self::error::UidListError;
pub(crate) use self::reader::{PIECE, UidListReader};
pub(crate) use self::record::{FILE, Guid, UidListHeader, UidListRecord};
pub(crate) use self::state::{UidListLines, UidListRead, UidListState};
pub(crate) use self::writer::{UidListRewrite, WrittenUidList};
