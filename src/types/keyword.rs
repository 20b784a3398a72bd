//! Keywords: flags that users make up.
//!
//! A keyword has two forms. In the protocol it is a [`Keyword`], a name. Within a mailbox it is a
//! bit of a [`KeywordSet`]: bit *n* stands for the *n*-th name of that mailbox's list, which is the
//! letter `a` + *n* in the file name of a message. The same bit means different keywords in two
//! mailboxes.

use std::fmt;

/// A set of keywords of one mailbox: bit *n* stands for the *n*-th keyword of that mailbox's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct KeywordSet(pub(crate) u32);

impl KeywordSet {
    /// No keyword.
    pub(crate) const NONE: Self = Self(0);
    /// The most keywords that a mailbox can have: the letters `a` to `z` of a Maildir file name.
    pub(crate) const MAX: usize = 26;

    /// Returns the set of one keyword.
    pub(crate) fn of(index: usize) -> Self {
        debug_assert!(index < Self::MAX, "keyword index {index}");
        Self(1 << index)
    }

    /// True if the keyword with that index is in the set.
    pub(crate) fn has(self, index: usize) -> bool {
        index < Self::MAX && self.0 & (1 << index) != 0
    }

    /// Returns the union of both sets.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the keywords that `other` lacks.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if no keyword is in the set.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the indexes in the set, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX).filter(move |&index| self.has(index))
    }
}

/// The name of a keyword: an atom without a leading backslash (RFC 3501 §9 `flag-keyword`). Case is
/// kept, but two names that differ only in case are equal.
#[derive(Debug, Clone, Eq)]
pub(crate) struct Keyword(Box<str>);

impl Keyword {
    /// Longest name, in octets. Otherwise only the length of the line would limit it.
    pub(crate) const MAX_LENGTH: usize = 64;

    /// Returns `None` if the name is empty, too long, or contains a character that an atom may not
    /// contain.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&name.len());
        let is_atom = name
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b));
        (fits && is_atom).then(|| Self(name.into()))
    }

    /// Returns the name in the case in which it was first written.
    pub(crate) fn as_str(&self) -> &str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_atoms_and_ignore_case() {
        assert_eq!(Keyword::new("$Forwarded"), Keyword::new("$forwarded"));
        for bad in ["", "a b", "\\Seen", "a\"", "a(", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(Keyword::new(bad), None, "{bad:?}");
        }
    }
}
