//! The header and the records of a uid list.

use std::fmt;
use std::io;

use crate::store::maildir::filename;
use crate::types::{Uid, UidValidity};

/// Name of the file in the mailbox directory.
pub(crate) const FILE: &str = "dovecot-uidlist";

/// The longest line that counts as one, in octets. A name has at most 255, and of the keys only `G`
/// and `P` are longer than a number.
pub(crate) const MAX_LINE: usize = 4096;

/// The first line: what holds for the whole mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UidListHeader {
    /// `V`: the UIDVALIDITY.
    pub(crate) validity: UidValidity,
    /// `N`: no UID from here on was used when the header was written. See
    /// [`UidListReader::next_uid`](super::UidListReader::next_uid) for what holds now.
    pub(crate) next: u32,
    /// `G`: the identifier of the mailbox; `None` if the file has none, or an invalid one.
    pub(crate) guid: Option<Guid>,
    /// All other fields as they were found, each with the space before it.
    pub(crate) rest: Vec<u8>,
}

/// The identifier of a mailbox, which outlives its name: 16 octets, written as 32 hexadecimal
/// digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guid(pub [u8; 16]);

/// One line: the UID of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UidListRecord<'a> {
    pub(crate) uid: Uid,
    /// The keys as they were found, each with the space before it; empty for most records.
    pub(crate) keys: &'a [u8],
    /// The name in the list: the base, or, in old files, a whole file name with outdated flags.
    pub(crate) name: &'a [u8],
}

impl UidListHeader {
    /// Returns the header of a new mailbox.
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
    /// Returns a record without keys.
    pub(crate) fn new(uid: Uid, base: &'a [u8]) -> Self {
        Self {
            uid,
            keys: &[],
            name: base,
        }
    }

    /// Returns the part of the name that stays the same for the life of the message.
    pub(crate) fn base(&self) -> &'a [u8] {
        filename::base(self.name)
    }

    /// True if a key does not begin with a capital letter.
    pub(super) fn has_invalid_key(&self) -> bool {
        let mut keys = self.keys.split(|&b| b == b' ');
        keys.any(|key| key.first().is_some_and(|first| !first.is_ascii_uppercase()))
    }

    /// Returns the keys that begin with a capital letter, as the format demands. Dovecot drops all
    /// others.
    pub(in crate::store::maildir) fn valid_keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let keys = self.keys.split(|&b| b == b' ');
        keys.filter(|key| key.first().is_some_and(u8::is_ascii_uppercase))
    }
}

impl Guid {
    /// Returns a new identifier.
    ///
    /// # Errors
    /// The system has no random octets.
    pub(crate) fn random() -> io::Result<Self> {
        let mut octets = [0; 16];
        let got = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())?;
        if got < octets.len() {
            return Err(io::Error::other("too few random octets"));
        }
        Ok(Self(octets))
    }

    /// Parses 32 hexadecimal digits.
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
