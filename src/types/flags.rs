//! Flags of messages: the system flags, and lists of flags as arguments.

use std::fmt;

use super::keyword::Keyword;

/// A set of system flags (RFC 1064 p. 12, RFC 3501 §2.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Flags(u8);

impl Flags {
    /// The empty set.
    pub(crate) const NONE: Self = Self(0);
    /// `\Answered`
    pub(crate) const ANSWERED: Self = Self(1);
    /// `\Flagged`
    pub(crate) const FLAGGED: Self = Self(2);
    /// `\Deleted`
    pub(crate) const DELETED: Self = Self(4);
    /// `\Seen`
    pub(crate) const SEEN: Self = Self(8);
    /// `\Draft` (RFC 3501; hidden from IMAP2 sessions)
    pub(crate) const DRAFT: Self = Self(16);
    /// `\Recent`: a property of the session, neither stored nor settable.
    pub(crate) const RECENT: Self = Self(32);

    /// The flags that can be stored with a message.
    pub(crate) const PERMANENT: Self = Self(31);

    /// The system flags with their names, in the order in which RFC 1064 p. 26 lists them.
    pub(crate) const NAMES: [(Self, &'static str); 6] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
        (Self::RECENT, "\\Recent"),
    ];

    /// Returns the flag of that name, backslash included, in any case.
    pub(crate) fn by_name(name: &[u8]) -> Option<Self> {
        let found = Self::NAMES
            .iter()
            .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|&(flag, _)| flag)
    }

    /// Returns the names of the flags in the set, in the order of [`Self::NAMES`].
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|&(_, name)| name)
    }

    /// True if every flag of `other` is set.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the union of both sets.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the flags that `other` lacks.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the flags that `other` has too.
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True if no flag is set.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the set as bits, to be stored.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// Returns the set that was stored as these bits.
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits).intersection(Self::PERMANENT)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What STORE does with the flags it names (RFC 1064 p. 12-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlagOperation {
    /// `FLAGS`: sets these flags and clears all others.
    Replace,
    /// `+FLAGS`: sets these flags.
    Add,
    /// `-FLAGS`: clears these flags.
    Remove,
}

/// Flags as an argument: system flags, and keywords by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FlagList {
    /// The system flags.
    pub(crate) system: Flags,
    /// The keywords, each once.
    pub(crate) keywords: Vec<Keyword>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_back() {
        for (flag, name) in Flags::NAMES {
            assert_eq!(Flags::by_name(name.to_lowercase().as_bytes()), Some(flag));
        }
        assert_eq!(Flags::by_name(b"\\Nonsense"), None);
        let set = Flags::SEEN.with(Flags::ANSWERED);
        assert_eq!(set.names().collect::<Vec<_>>(), ["\\Answered", "\\Seen"]);
        assert_eq!(set.without(Flags::SEEN), Flags::ANSWERED);
    }
}
