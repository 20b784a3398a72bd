//! Unique identifiers of messages and of a mailbox's numbering (RFC 3501 §2.3.1.1).

use std::fmt;
use std::num::NonZeroU32;

/// The unique identifier of a message in its mailbox: strictly ascending, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(NonZeroU32);

/// The value that says which numbering of a mailbox a [`Uid`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(NonZeroU32);

impl Uid {
    /// The first unique identifier of a new mailbox.
    pub const FIRST: Self = Self(NonZeroU32::MIN);
    /// The greatest number that may be given out: 2^32 - 2, as Dovecot has it.
    pub const MAX: u32 = u32::MAX - 1;

    /// `None` for 0 and for what is beyond [`Self::MAX`].
    pub fn new(number: u32) -> Option<Self> {
        if number > Self::MAX {
            None
        } else {
            NonZeroU32::new(number).map(Self)
        }
    }

    /// The number itself, 1 to [`Self::MAX`].
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl UidValidity {
    /// `None` for 0, which is no UIDVALIDITY.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_in_its_range() {
        assert_eq!(Uid::new(0), None);
        assert_eq!(Uid::new(u32::MAX), None);
        assert_eq!(Uid::new(Uid::MAX).map(Uid::get), Some(u32::MAX - 1));
        assert_eq!(UidValidity::new(0), None);
    }
}
