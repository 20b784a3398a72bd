//! `dovecot-uidlist`: which message has which unique identifier.
//!
//! # The problem
//!
//! A unique identifier, once told to a client, must mean that message for ever (RFC 3501 §2.3.1.1),
//! yet a Maildir has no place for a number: the name of a message's file is made by whoever
//! delivers it. So there is one text file in each mailbox, shared with Dovecot byte for byte, that
//! maps the constant part of a file name, its base, to a number:
//!
//! ```text
//! 3 V1795392071 N5 Ga8e4143b4782036b5f32000083ecc375
//! 1 :1795392071.M59814P3494.vm,S=28,W=31
//! 2 G1700000001.X.host :1795392450.M59815P3494.vm
//! ```
//!
//! The first line is the [`UidListHeader`], every other one a [`UidListRecord`]. Records are in strictly
//! ascending order; each may carry keys (a capital letter and a value) before the colon. UidListVersion 1,
//! `1 <validity> <next>` and then `<uid> <base>`, is what Courier writes in a file of another name
//! and what Dovecot 1.0 wrote; it is read, never written.
//!
//! # What makes it hard
//!
//! *It is read without a lock* while another program appends to it or puts a new one in its place.
//! So a last line without its line feed is not there yet, and a reader that continues
//! ([`UidListReader::resume`]) has to make sure that it looks at the same file.
//!
//! *The header is older than the records.* Appending leaves it alone, so its `N` is a floor: the
//! next number is the greater of `N` and the last record's plus one ([`UidListReader::next_uid`]).
//!
//! *Records outlive their messages.* Expunging a message leaves its record until the next rewrite.
//! That is what keeps the number from being used again, and it is harmless as long as the name does
//! not come back; [`UidListReader`] shows every record, and whoever has seen the directory knows which are
//! alive.
//!
//! *Damage must cost as little as possible.* Dovecot throws the whole list away for one bad line,
//! and all later messages get new numbers. Here a line that holds no record is passed over
//! ([`UidListError::Line`]): only the message it was about gets a new number, and as nobody knows which
//! number it had, one is skipped for every such line. Only if the header is no header, or if a line
//! has no end ([`UidListError::File`]), nothing is known about the numbers in use any more, and the
//! mailbox needs a new UIDVALIDITY. Either way the file is rewritten before Dovecot sees it:
//! [`UidListReader::needs_rewrite`].
//!
//! # Changing it
//!
//! Both ways need the lock ([`super::lock::MailboxLock`]), held since before the file was last
//! read. [`append`] adds lines with one write behind a whole last line; [`UidListRewrite`] makes a new
//! file.

mod lines;
mod parse;
mod reader;
mod writer;

use std::fmt;
use std::io;

use crate::types::{Uid, UidValidity};

pub(crate) use reader::{UidListPosition, UidListReader};
pub(crate) use writer::{UidListAppend, UidListRewrite, append};

use super::filename;

/// Name of the file in the mailbox directory.
pub(crate) const FILE: &str = "dovecot-uidlist";

/// Longest line that is taken for one, in octets. A name has at most 255, and of the keys only `G`
/// and `P` are longer than a number.
pub(crate) const MAX_LINE: usize = 4096;

/// The first line: what holds for the whole mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UidListHeader {
    /// `V`: the value that says which numbering this is.
    pub validity: UidValidity,
    /// `N`: no number from here on has been used up to when the header was written; see
    /// [`UidListReader::next_uid`] for what holds now.
    pub next: u32,
    /// `G`: the mailbox's own identifier; `None` if the file has none, or none that can be read.
    pub guid: Option<Guid>,
    /// All other fields, each with the space before it, as they were found.
    pub rest: Vec<u8>,
}

/// The identifier of a mailbox that outlives its name: 16 octets, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guid(pub [u8; 16]);

/// One line: the number of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UidListRecord<'a> {
    /// The number.
    pub uid: Uid,
    /// The keys, each with the space before it, as they were found; empty for most.
    pub keys: &'a [u8],
    /// The name as recorded: the base, or, in old files, a whole file name with flags gone stale.
    pub name: &'a [u8],
}

/// Why a list could not be read as it is.
#[derive(Debug)]
pub(crate) enum UidListError {
    /// Reading failed.
    Io(io::Error),
    /// This line (counted from where reading began, the header being line 1 of a whole file) holds
    /// no record. It was passed over: go on with the next one, and rewrite the file under the lock.
    Line {
        /// Which one.
        number: u64,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It is not a list, or not one whose end can be found: the numbers in use are unknown, only a
    /// new UIDVALIDITY helps.
    File(&'static str),
}

impl UidListHeader {
    /// Of a new mailbox.
    pub(crate) fn new(validity: UidValidity, guid: Guid) -> Self {
        Self {
            validity,
            next: Uid::FIRST.get(),
            guid: Some(guid),
            rest: Vec::new(),
        }
    }
}

impl<'a> UidListRecord<'a> {
    /// A record without keys.
    pub(crate) fn new(uid: Uid, base: &'a [u8]) -> Self {
        Self {
            uid,
            keys: &[],
            name: base,
        }
    }

    /// The part of the name that stays the same for the life of the message.
    pub(crate) fn base(&self) -> &'a [u8] {
        filename::base(self.name)
    }

    /// True if a key does not begin with a capital letter.
    fn has_invalid_key(&self) -> bool {
        let mut keys = self.keys.split(|&b| b == b' ');
        keys.any(|key| key.first().is_some_and(|first| !first.is_ascii_uppercase()))
    }

    /// The keys that begin with a capital letter, as the format wants it; Dovecot drops all others.
    fn valid_keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let keys = self.keys.split(|&b| b == b' ');
        keys.filter(|key| key.first().is_some_and(u8::is_ascii_uppercase))
    }
}

impl Guid {
    /// A new one.
    ///
    /// # Errors
    /// If the system has no random octets to give.
    pub(crate) fn random() -> io::Result<Self> {
        let mut octets = [0; 16];
        let got = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())?;
        if got < octets.len() {
            return Err(io::Error::other("too few random octets"));
        }
        Ok(Self(octets))
    }

    /// From 32 hexadecimal digits.
    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()?;
        octets.try_into().ok().map(Self)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for UidListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Line { number, fault } => write!(f, "line {number}: {fault}"),
            Self::File(fault) => f.write_str(fault),
        }
    }
}

impl std::error::Error for UidListError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Line { .. } | Self::File(_) => None,
        }
    }
}

impl From<io::Error> for UidListError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests;
