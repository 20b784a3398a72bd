//! Names of mailboxes: what a client may call one, and nothing that could lead out of its tree.
//!
//! A name is kept in the form it has on the wire and on disk alike: levels separated by `.`, each in
//! modified UTF-7 (RFC 3501 §5.1.3), so that nothing has to be converted on the way through. The store
//! turns `A.B` into the directory `.A.B` of the user's Maildir, which is why a name that holds a
//! separator of the file system, an empty level or a control character is no name at all.

use std::fmt;

/// The name of one of the user's own mailboxes. `INBOX`, in any case, is the Maildir itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(Box<str>);

/// The name of a bulletin board: one directory of the bulletin board tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BboardName(Box<str>);

/// A mailbox of either kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MailboxRef {
    /// One of the user's own.
    Personal(MailboxName),
    /// A shared one.
    Bboard(BboardName),
}

/// Why something is not the name of a mailbox; the text is for the client.
pub(crate) type NameError = &'static str;

/// What stands between two levels of a name.
pub(crate) const SEPARATOR: char = '.';

/// What a bulletin board's name begins with where names of both kinds can stand.
pub(crate) const BBOARD_PREFIX: &str = "#bboard.";

/// A directory entry is at most 255 octets; one is the leading dot.
const MAX_LENGTH: usize = 254;

impl MailboxName {
    /// The Maildir itself (RFC 1064 p. 10).
    pub fn inbox() -> Self {
        Self("INBOX".into())
    }

    /// Checks a name that a client sent or a directory bears (without its leading dot).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(name: &[u8]) -> Result<Self, NameError> {
        let name = checked(name)?;
        if name.eq_ignore_ascii_case("INBOX") {
            return Ok(Self::inbox());
        }
        if name.split(SEPARATOR).any(str::is_empty) {
            return Err("a mailbox name must not have an empty level");
        }
        Ok(Self(name.into()))
    }

    /// True for the Maildir itself.
    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    /// The name as on the wire: modified UTF-7, `.` between levels.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if `self` is a level below `parent`, at any depth. Nothing is below INBOX.
    pub fn is_below(&self, parent: &Self) -> bool {
        let rest = self.0.strip_prefix(&*parent.0);
        rest.is_some_and(|rest| rest.starts_with(SEPARATOR)) && !parent.is_inbox()
    }
}

impl BboardName {
    /// Checks the name of a bulletin board.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(name: &[u8]) -> Result<Self, NameError> {
        let name = checked(name)?;
        if name.starts_with(SEPARATOR) {
            return Err("a bulletin board name must not start with a dot");
        }
        Ok(Self(name.into()))
    }

    /// The name as on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked(name: &[u8]) -> Result<&str, NameError> {
    if name.is_empty() {
        return Err("a mailbox name must not be empty");
    }
    if name.len() > MAX_LENGTH {
        return Err("this mailbox name is too long");
    }
    if name.contains(&b'/') {
        return Err("a mailbox name must not contain \"/\" (levels are separated by \".\")");
    }
    if name[0] == b'~' {
        return Err("a mailbox name must not start with \"~\"");
    }
    let text = std::str::from_utf8(name).map_err(|_| "a mailbox name must be modified UTF-7")?;
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

/// The name where names of both kinds can stand.
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
    fn inbox_in_any_case() {
        assert_eq!(MailboxName::new(b"iNbOx"), Ok(MailboxName::inbox()));
    }

    #[test]
    fn nothing_leads_out() {
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
            &[b'a'; 255],
        ] {
            assert!(
                MailboxName::new(bad).is_err(),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
        for bad in [&b""[..], b".", b"..", b".git", b"a/b", b"~x", b"a\n"] {
            assert!(
                BboardName::new(bad).is_err(),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
    }

    #[test]
    fn levels() {
        let name = |text: &str| MailboxName::new(text.as_bytes()).expect("a name");
        assert!(name("A.B.C").is_below(&name("A")));
        assert!(!name("AB").is_below(&name("A")) && !name("A").is_below(&name("A")));
        assert!(!name("INBOX.x").is_below(&MailboxName::inbox()));
    }
}
