//! Names of mailboxes and bulletin boards. No valid name leads out of the directory tree of the
//! user.
//!
//! A name has the same form in the protocol and on disk: levels separated by `.`, each in modified
//! UTF-7 (RFC 3501 §5.1.3), so that it need not be converted. The store turns `A.B` into the
//! directory `.A.B` of the user's Maildir. Therefore a name with a separator of the file system, an
//! empty level or a control character is not valid.

use std::fmt;

/// The name of a mailbox of the user. `INBOX`, in any case, is the Maildir itself. A name that
/// begins like that of a bulletin board would be taken for one in a command, and in the file of the
/// subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MailboxName(Box<str>);

/// The name of a bulletin board: a directory in the tree of bulletin boards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BboardName(Box<str>);

/// The name of a mailbox or bulletin board.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum MailboxRef {
    /// A mailbox of the user.
    Personal(MailboxName),
    /// A bulletin board, which all users share.
    Bboard(BboardName),
}

/// The reason why a name is not valid: a text for the client.
pub(crate) type NameError = &'static str;

/// The hierarchy separator: the character between two levels of a name.
pub(crate) const SEPARATOR: char = '.';

/// The prefix of the names of bulletin boards where a name can be of either kind.
pub(crate) const BBOARD_PREFIX: &str = "#bboard.";

/// Longest name, in octets: a directory entry has at most 255, and the first one is a dot.
const MAX_LENGTH: usize = 254;

impl MailboxRef {
    /// Returns the octets of memory that the name takes outside itself.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Personal(MailboxName(name)) | Self::Bboard(BboardName(name)) => name.len(),
        }
    }
}

impl MailboxName {
    /// Returns the name of the Maildir itself (RFC 1064 p. 10).
    pub(crate) fn inbox() -> Self {
        Self("INBOX".into())
    }

    /// Checks a name from a client, or from a directory without its leading dot.
    ///
    /// # Errors
    /// The reason why the name is not valid.
    pub(crate) fn new(name: &[u8]) -> Result<Self, NameError> {
        let name = checked(name)?;
        if name.eq_ignore_ascii_case("INBOX") {
            return Ok(Self::inbox());
        }
        let start = name.as_bytes().get(..BBOARD_PREFIX.len());
        if start.is_some_and(|start| start.eq_ignore_ascii_case(BBOARD_PREFIX.as_bytes())) {
            return Err("names that begin with \"#bboard.\" are those of bulletin boards");
        }
        if name.split(SEPARATOR).any(str::is_empty) {
            return Err("a mailbox name must not have an empty level");
        }
        Ok(Self(name.into()))
    }

    /// True for the Maildir itself.
    pub(crate) fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    /// Returns the name in modified UTF-7, with `.` between levels.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the name lies below `parent`, at any depth. No name lies below INBOX.
    pub(crate) fn is_below(&self, parent: &Self) -> bool {
        let rest = self.0.strip_prefix(&*parent.0);
        rest.is_some_and(|rest| rest.starts_with(SEPARATOR)) && !parent.is_inbox()
    }
}

impl BboardName {
    /// Checks the name of a bulletin board.
    ///
    /// # Errors
    /// The reason why the name is not valid.
    pub(crate) fn new(name: &[u8]) -> Result<Self, NameError> {
        let name = checked(name)?;
        if name.split(SEPARATOR).any(str::is_empty) {
            return Err("a bulletin board name must not have an empty level");
        }
        Ok(Self(name.into()))
    }

    /// Returns the name as in the protocol, without the prefix of bulletin boards.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl MailboxRef {
    /// True for the Maildir itself.
    pub(crate) fn is_inbox(&self) -> bool {
        matches!(self, Self::Personal(name) if name.is_inbox())
    }
}

/// Checks what the names of mailboxes and of bulletin boards have in common.
fn checked(name: &[u8]) -> Result<&str, NameError> {
    if name.is_empty() {
        return Err("a mailbox name must not be empty");
    }
    if name.len() > MAX_LENGTH {
        return Err("a mailbox name must not be longer than 254 octets");
    }
    if name.contains(&b'/') {
        return Err("a mailbox name must not contain \"/\" (levels are separated by \".\")");
    }
    if name[0] == b'~' {
        return Err("a mailbox name must not start with \"~\"");
    }
    let text = std::str::from_utf8(name).map_err(|_| "a mailbox name must be in modified UTF-7")?;
    if text.chars().any(char::is_control) {
        return Err("a mailbox name must not contain control characters");
    }
    Ok(text)
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BboardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name as it is written where a name can be of either kind.
impl fmt::Display for MailboxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Personal(name) => name.fmt(f),
            Self::Bboard(name) => write!(f, "{BBOARD_PREFIX}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_inbox_in_any_case() {
        assert_eq!(MailboxName::new(b"iNbOx"), Ok(MailboxName::inbox()));
    }

    #[test]
    fn no_name_leads_out_of_the_tree() {
        for bad in [
            &b""[..],
            b".",
            b"..",
            b"...",
            b"../x",
            b"/etc",
            b"a/../b",
            b"~root",
            b".a",
            b"a.",
            b"a..b",
            b"a\0b",
            b"a\rb",
            b"\xff",
            b"#bboard.x",
            b"#BBoard.x",
            &[b'a'; 255],
        ] {
            assert!(
                MailboxName::new(bad).is_err(),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
        for bad in [
            &b""[..],
            b".",
            b"..",
            b".git",
            b"x.",
            b"a..b",
            b"a/b",
            b"~x",
            b"a\n",
        ] {
            assert!(
                BboardName::new(bad).is_err(),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
    }

    #[test]
    fn is_below_compares_whole_levels() {
        let name = |text: &str| MailboxName::new(text.as_bytes()).expect("a name");
        assert!(name("A.B.C").is_below(&name("A")));
        assert!(!name("AB").is_below(&name("A")) && !name("A").is_below(&name("A")));
        assert!(!name("INBOX.x").is_below(&MailboxName::inbox()));
    }
}
