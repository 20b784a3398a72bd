//! What a mailbox can be for (RFC 6154 §2): where clients find drafts, sent mail and the like.

/// A special use. `\All` and `\Flagged` are not among them: they are searches, and no Maildir is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// Kept, and out of the way.
    Archive,
    /// Not sent yet.
    Drafts,
    /// Unwanted.
    Junk,
    /// Copies of what was sent.
    Sent,
    /// On the way out.
    Trash,
}

impl SpecialUse {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Archive,
        Self::Drafts,
        Self::Junk,
        Self::Sent,
        Self::Trash,
    ];

    /// Its name among the attributes of LIST.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// Its name without the backslash.
    pub fn name(self) -> &'static str {
        &self.attribute()[1..]
    }

    /// The use of that attribute, in any case.
    pub fn from_attribute(attribute: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|used| used.attribute().as_bytes().eq_ignore_ascii_case(attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_there_and_back() {
        for used in SpecialUse::ALL {
            let attribute = used.attribute().to_ascii_lowercase();
            assert_eq!(SpecialUse::from_attribute(attribute.as_bytes()), Some(used));
            assert_eq!(SpecialUse::from_attribute(used.name().as_bytes()), None);
        }
        assert_eq!(SpecialUse::from_attribute(b"\\All"), None);
    }
}
