//! Flags of a message: the system flags, and keywords that users make up.
//!
//! A keyword has two shapes. On the wire and in an argument it is a [`Keyword`], a name. Inside one
//! mailbox it is a bit of a [`KeywordSet`]: bit *n* stands for the *n*-th name of that mailbox's list,
//! which is the letter `a` + *n* in a file name. The same bit means different things in two mailboxes.

use std::fmt;

/// A set of system flags (RFC 1064 p. 12, RFC 3501 §2.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `\Answered`
    pub const ANSWERED: Self = Self(1);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(2);
    /// `\Deleted`
    pub const DELETED: Self = Self(4);
    /// `\Seen`
    pub const SEEN: Self = Self(8);
    /// `\Draft` (RFC 3501; hidden from IMAP2 sessions)
    pub const DRAFT: Self = Self(16);
    /// `\Recent`: a matter of the session, never stored and never settable.
    pub const RECENT: Self = Self(32);

    /// All that can be stored with a message.
    pub const PERMANENT: Self = Self(31);

    /// The system flags with their names, in the order in which RFC 1064 p. 26 lists them.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
        (Self::RECENT, "\\Recent"),
    ];

    /// The flag of that name, whatever its case, backslash included.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        let found = Self::NAMES
            .iter()
            .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|&(flag, _)| flag)
    }

    /// The names of the flags in the set, in the order of [`Self::NAMES`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|&(_, name)| name)
    }

    /// True if every flag of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags of both.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags that `other` lacks.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The flags that `other` has too.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True if no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As bits, to be written down.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The flags that were written down as these bits.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits).intersection(Self::PERMANENT)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// A set of keywords of one mailbox: bit *n* is the *n*-th name of that mailbox's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct KeywordSet(pub u32);

impl KeywordSet {
    /// No keyword.
    pub const NONE: Self = Self(0);
    /// How many keywords a mailbox can have: the letters `a` to `z` of a Maildir file name.
    pub const MAX: usize = 26;

    /// The set of one keyword.
    pub fn of(index: usize) -> Self {
        debug_assert!(index < Self::MAX, "keyword index {index}");
        Self(1 << index)
    }

    /// True if the keyword with that index is in the set.
    pub fn has(self, index: usize) -> bool {
        index < Self::MAX && self.0 & (1 << index) != 0
    }

    /// The keywords of both.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The keywords that `other` lacks.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if no keyword is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The indexes in the set, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX).filter(move |&index| self.has(index))
    }
}

/// The name of a keyword: an atom without a leading backslash (RFC 3501 §9 `flag-keyword`).
/// Case is kept; two names that differ only in case are the same keyword.
#[derive(Debug, Clone, Eq)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// Longest name we take, in octets; a client's atom is otherwise bounded only by its line.
    pub const MAX_LENGTH: usize = 64;

    /// `None` if the name is empty, too long, or has a character that no atom may have.
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&name.len());
        let is_atom = name
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b));
        (fits && is_atom).then(|| Self(name.into()))
    }

    /// The name as first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What STORE does with the flags it names (RFC 1064 p. 12-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagOperation {
    /// `FLAGS`: these and no others.
    Replace,
    /// `+FLAGS`: these too.
    Add,
    /// `-FLAGS`: not these.
    Remove,
}

/// Flags as an argument names them: system flags, and keywords by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FlagList {
    /// System flags.
    pub system: Flags,
    /// Keywords, each once.
    pub keywords: Vec<Keyword>,
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

    #[test]
    fn keywords_are_atoms_and_ignore_case() {
        assert_eq!(Keyword::new("$Forwarded"), Keyword::new("$forwarded"));
        for bad in ["", "a b", "\\Seen", "a\"", "a(", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(Keyword::new(bad), None, "{bad:?}");
        }
    }
}
