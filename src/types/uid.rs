//! UIDs and UIDVALIDITY (RFC 3501 §2.3.1.1).

use std::fmt;
use std::num::NonZeroU32;

/// The UID of a message in its mailbox. UIDs ascend strictly and are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uid(NonZeroU32);

/// The UIDVALIDITY of a mailbox: a [`Uid`] means a message only together with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UidValidity(NonZeroU32);

impl Uid {
    /// The first UID of a new mailbox.
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);
    /// The greatest UID: 2^32 - 2, as in Dovecot.
    pub(crate) const MAX: u32 = u32::MAX - 1;

    /// Returns `None` for 0 and for numbers above [`Self::MAX`].
    pub(crate) fn new(number: u32) -> Option<Self> {
        if number > Self::MAX {
            None
        } else {
            NonZeroU32::new(number).map(Self)
        }
    }

    /// Returns the number, 1 to [`Self::MAX`].
    pub(crate) fn get(self) -> u32 {
        self.0.get()
    }
}

impl UidValidity {
    /// Returns `None` for 0, which is not a UIDVALIDITY.
    pub(crate) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Returns the number.
    pub(crate) fn get(self) -> u32 {
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
    fn refuses_numbers_out_of_range() {
        assert_eq!(Uid::new(0), None);
        assert_eq!(Uid::new(u32::MAX), None);
        assert_eq!(Uid::new(Uid::MAX).map(Uid::get), Some(u32::MAX - 1));
        assert_eq!(UidValidity::new(0), None);
    }
}
