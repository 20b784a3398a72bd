//! Special uses of mailboxes (RFC 6154 §2): where clients put drafts, sent mail and the like.

/// A special use. `\All` and `\Flagged` are missing, because they are searches and not Maildirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// Messages to keep out of the way.
    Archive,
    /// Messages not sent yet.
    Drafts,
    /// Unwanted messages.
    Junk,
    /// Copies of sent messages.
    Sent,
    /// Messages to be expunged.
    Trash,
}

impl SpecialUse {
    /// All special uses.
    pub(crate) const ALL: [Self; 5] = [
        Self::Archive,
        Self::Drafts,
        Self::Junk,
        Self::Sent,
        Self::Trash,
    ];

    /// Returns the attribute in LIST responses.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// Returns the attribute without the backslash.
    pub(crate) fn name(self) -> &'static str {
        &self.attribute()[1..]
    }

    /// Returns the special use of an attribute, in any case.
    pub fn from_attribute(attribute: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|used| used.attribute().as_bytes().eq_ignore_ascii_case(attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_back() {
        for used in SpecialUse::ALL {
            let attribute = used.attribute().to_ascii_lowercase();
            assert_eq!(SpecialUse::from_attribute(attribute.as_bytes()), Some(used));
            assert_eq!(SpecialUse::from_attribute(used.name().as_bytes()), None);
        }
        assert_eq!(SpecialUse::from_attribute(b"\\All"), None);
    }
}
