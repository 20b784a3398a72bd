//! `subscriptions`: which mailboxes the user has subscribed to.
//!
//! There is one file in the root, in one of two versions. In the first, each line is a name with
//! dots between its levels. The second starts with a line `V`, tab, `2` and an empty line,
//! separates levels by tabs, and escapes special characters. A file keeps its version; a new file
//! is of the second. A subscription outlives its mailbox (RFC 3501 §6.3.6), so a name here does not
//! mean that the mailbox exists.
//!
//! Subscriptions to bulletin boards are in the same file, under names that start with `#bboard.`.
//! Lines that are not valid names are kept and not shown.
//!
//! The file is changed under `subscriptions.lock`, which is itself the new file while it is being
//! written. The lock is held for one step, and no session blocks on it; if it is half a minute old,
//! its holder is dead.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::types::{BBOARD_PREFIX, MailboxRef};

use super::atomic_replace::{AtomicReplace, IfExists, WrittenReplacement};
use super::files;
use super::layout;
use crate::file_stamp::FileStamp;

/// Name of the file in the root.
pub(crate) const FILE: &str = "subscriptions";
/// Name of the lock, and of the new file.
const LOCK: &str = "subscriptions.lock";
/// Age at which a lock is stale.
const STALE: Duration = Duration::from_secs(30);
/// A longer file is refused, because the whole file is read, and written, at once.
const MAX_SIZE: u64 = 1 << 20;
/// The start of a file of the second version.
const HEADER: &[u8] = b"V\t2\n\n";

/// The octets that have to be escaped within a level, each with the letter that stands for it
/// behind [`ESCAPE`].
const ESCAPES: [(u8, u8); 5] = [
    (ESCAPE, b'1'),
    (b'\t', b't'),
    (b'\r', b'r'),
    (b'\n', b'n'),
    (b'\0', b'0'),
];
const ESCAPE: u8 = 1;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscriptions {
    version: SubscriptionsVersion,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubscriptionsVersion {
    One,
    Two,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// The line as it is in the file, without the line feed.
    line: Vec<u8>,
    /// `None` if the line is not a valid name.
    mailbox: Option<MailboxRef>,
}

/// The result of an [`edit`].
#[derive(Debug)]
pub(crate) enum SubscriptionsEdit {
    /// The new file is written, and is the lock until the caller has flushed and renamed it.
    Written(WrittenReplacement),
    /// There was nothing to change.
    Unchanged,
    /// Another process is changing the file: try again later.
    Busy,
}

impl Subscriptions {
    /// Reads the file in `root`. Returns its stamp, too: while the file has that stamp, its content
    /// is the same. Without a file there are no subscriptions.
    ///
    /// # Errors
    /// Reading the file fails.
    pub(crate) fn read(root: &Path) -> io::Result<(Self, Option<FileStamp>)> {
        let found = files::read(&root.join(FILE), MAX_SIZE)?;
        Ok(found.map_or_else(
            || (Self::parse(HEADER), None),
            |(text, stamp)| (Self::parse(&text), Some(stamp)),
        ))
    }

    fn parse(text: &[u8]) -> Self {
        let (version, lines) = match text.strip_prefix(HEADER) {
            Some(lines) => (SubscriptionsVersion::Two, lines),
            None => (SubscriptionsVersion::One, text),
        };
        let lines = lines.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let entries = lines.map(|line| Entry {
            line: line.to_vec(),
            mailbox: version.read_line(line),
        });
        Self {
            version,
            entries: entries.collect(),
        }
    }

    /// Returns the mailboxes and boards, in the order of the subscriptions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &MailboxRef> {
        self.entries
            .iter()
            .filter_map(|entry| entry.mailbox.as_ref())
    }

    /// True if the user has subscribed to that mailbox.
    pub(crate) fn contains(&self, mailbox: &MailboxRef) -> bool {
        self.iter().any(|known| known == mailbox)
    }

    /// Adds or removes a subscription. Returns false if there was nothing to do.
    pub(crate) fn set(&mut self, mailbox: &MailboxRef, on: bool) -> bool {
        if self.contains(mailbox) == on {
            return false;
        }
        if on {
            self.entries.push(Entry {
                line: self.version.write_line(mailbox),
                mailbox: Some(mailbox.clone()),
            });
        } else {
            self.entries
                .retain(|entry| entry.mailbox.as_ref() != Some(mailbox));
        }
        true
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.version == SubscriptionsVersion::Two {
            out.write_all(HEADER)?;
        }
        for entry in &self.entries {
            out.write_all(&entry.line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Changes the file in `root` under its lock. `change` gets the present content, and returns true
/// if it has changed anything.
///
/// # Errors
/// Reading or writing fails; the old file is then still there.
pub(crate) fn edit(
    root: &Path,
    wall: SystemTime,
    change: impl FnOnce(&mut Subscriptions) -> bool,
) -> io::Result<SubscriptionsEdit> {
    let mut new = match AtomicReplace::create(root, LOCK, FILE, IfExists::Fail) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_stale(root, wall)?;
            return Ok(SubscriptionsEdit::Busy);
        }
        created => created?,
    };
    let (mut subscriptions, _) = Subscriptions::read(root)?;
    if !change(&mut subscriptions) {
        return Ok(SubscriptionsEdit::Unchanged);
    }
    subscriptions.write(&mut new)?;
    Ok(SubscriptionsEdit::Written(new.end(|_| Ok(()))?))
}

fn remove_stale(root: &Path, wall: SystemTime) -> io::Result<()> {
    let lock = root.join(LOCK);
    if FileStamp::at(&lock)?.is_some_and(|stamp| stamp.age(wall) > STALE) {
        log::warn!("removing the stale lock {}", lock.display());
        files::remove(&lock)?;
    }
    Ok(())
}

impl SubscriptionsVersion {
    /// Parses a line. A separator at the end means nothing.
    ///
    /// ```text
    /// line = name / level *(TAB level)        ; version 1, version 2
    /// ```
    fn read_line(self, line: &[u8]) -> Option<MailboxRef> {
        match self {
            Self::One => mailbox(line.strip_suffix(b".").unwrap_or(line)),
            Self::Two => {
                let line = line.strip_suffix(b"\t").unwrap_or(line);
                let levels = line.split(|&b| b == b'\t').map(unescape);
                let levels = levels.collect::<Option<Vec<_>>>()?;
                if levels.iter().any(|level| level.contains(&b'.')) {
                    return None;
                }
                mailbox(&levels.join(&b'.'))
            }
        }
    }

    fn write_line(self, mailbox: &MailboxRef) -> Vec<u8> {
        let name = mailbox.to_string();
        match self {
            Self::One => name.into_bytes(),
            Self::Two => name.bytes().flat_map(escape).collect(),
        }
    }
}

/// Returns the mailbox of a name with dots.
fn mailbox(name: &[u8]) -> Option<MailboxRef> {
    match name.strip_prefix(BBOARD_PREFIX.as_bytes()) {
        Some(board) => layout::bboard_name(board).ok().map(MailboxRef::Bboard),
        None => layout::name_on_disk(name).map(MailboxRef::Personal),
    }
}

/// Returns the octets that stand for one octet of a name in version 2.
fn escape(octet: u8) -> impl Iterator<Item = u8> {
    let found = ESCAPES.iter().find(|&&(special, _)| special == octet);
    let (first, second) = match found {
        Some(&(_, letter)) => (ESCAPE, Some(letter)),
        None if octet == b'.' => (b'\t', None),
        None => (octet, None),
    };
    std::iter::once(first).chain(second)
}

fn unescape(level: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(level.len());
    let mut octets = level.iter();
    while let Some(&octet) = octets.next() {
        if octet == ESCAPE {
            let letter = octets.next()?;
            let (special, _) = ESCAPES.iter().find(|(_, known)| known == letter)?;
            out.push(*special);
        } else {
            out.push(octet);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::types::{BboardName, MailboxName};

    fn personal(name: &str) -> MailboxRef {
        MailboxRef::Personal(MailboxName::new(name.as_bytes()).expect("a name"))
    }

    fn board(name: &str) -> MailboxRef {
        MailboxRef::Bboard(BboardName::new(name.as_bytes()).expect("a name"))
    }

    fn names(text: &[u8]) -> Vec<String> {
        Subscriptions::parse(text)
            .iter()
            .map(MailboxRef::to_string)
            .collect()
    }

    fn write(subscriptions: &Subscriptions) -> Vec<u8> {
        let mut out = Vec::new();
        subscriptions.write(&mut out).expect("written");
        out
    }

    #[test]
    fn reads_what_dovecot_writes() {
        assert_eq!(names(b"V\t2\n\nCaf&AOk-\tSub\n"), ["Caf&AOk-.Sub"]);
        assert_eq!(names(b"inbox\nA.B.\nlast"), ["INBOX", "A.B", "last"]);
        assert_eq!(
            names(b"V\t2\n\ninbox\nA\tB\t\nlast"),
            ["INBOX", "A.B", "last"]
        );
        // Without the empty line the file is of the first version, where the first line is not a
        // valid name.
        assert_eq!(names(b"V\t2\nA\n"), ["A"]);
        assert_eq!(names(b""), [""; 0]);
    }

    #[test]
    fn keeps_lines_that_are_no_names() {
        let text = b"V\t2\n\na.b\tc\nA\n\x01x\n..\n~b\n\n";
        let mut subscriptions = Subscriptions::parse(text);
        assert!(subscriptions.iter().eq([&personal("A")]));
        assert!(subscriptions.set(&personal("B.C"), true));
        assert!(!subscriptions.set(&personal("B.C"), true));
        assert!(subscriptions.set(&personal("A"), false));
        assert!(!subscriptions.set(&personal("A"), false));
        assert_eq!(
            write(&subscriptions),
            b"V\t2\n\na.b\tc\n\x01x\n..\n~b\nB\tC\n"
        );
    }

    #[test]
    fn writes_both_versions_back() {
        let all = [
            personal("INBOX"),
            personal("A.B&AOk-.c d"),
            board("x.y"),
            board("general"),
        ];
        for (start, written) in [
            (
                &b""[..],
                &b"INBOX\nA.B&AOk-.c d\n#bboard.x.y\n#bboard.general\n"[..],
            ),
            (
                HEADER,
                b"V\t2\n\nINBOX\nA\tB&AOk-\tc d\n#bboard\tx\ty\n#bboard\tgeneral\n",
            ),
        ] {
            let mut subscriptions = Subscriptions::parse(start);
            for mailbox in &all {
                assert!(subscriptions.set(mailbox, true));
            }
            assert_eq!(write(&subscriptions), written);
            assert_eq!(Subscriptions::parse(written), subscriptions);
        }
    }

    #[test]
    fn escapes() {
        let raw = b"a\x01b\tc\rd\ne\0f";
        let written: Vec<u8> = raw.iter().copied().flat_map(escape).collect();
        assert_eq!(written, b"a\x011b\x01tc\x01rd\x01ne\x010f");
        assert_eq!(unescape(&written).as_deref(), Some(&raw[..]));
        assert_eq!((unescape(b"\x01"), unescape(b"\x01q")), (None, None));
    }

    #[test]
    fn utf8_of_others_is_the_same_mailbox() {
        let mut subscriptions = Subscriptions::parse("Café\n".as_bytes());
        assert!(subscriptions.contains(&personal("Caf&AOk-")));
        assert!(subscriptions.set(&personal("Caf&AOk-"), false));
        assert_eq!(write(&subscriptions), b"");
    }

    /// Renames what was written, and names the result.
    fn finish(edit: SubscriptionsEdit) -> &'static str {
        match edit {
            SubscriptionsEdit::Written(new) => {
                new.rename().expect("renamed");
                "written"
            }
            SubscriptionsEdit::Unchanged => "unchanged",
            SubscriptionsEdit::Busy => "busy",
        }
    }

    #[test]
    fn edits_under_the_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let wall = SystemTime::now();
        let subscribe = |name: &str| {
            let name = personal(name);
            finish(edit(root, wall, |all| all.set(&name, true)).expect("no error"))
        };
        assert_eq!(Subscriptions::read(root).expect("ok").1, None);
        assert_eq!(subscribe("A.B"), "written");
        assert_eq!(subscribe("A.B"), "unchanged");
        assert_eq!(fs::read(root.join(FILE)).expect("read"), b"V\t2\n\nA\tB\n");
        assert!(!root.join(LOCK).exists());

        fs::write(root.join(FILE), "A.B\n").expect("written");
        assert_eq!(subscribe("C.D"), "written");
        assert_eq!(fs::read(root.join(FILE)).expect("read"), b"A.B\nC.D\n");
    }

    #[test]
    fn a_lock_is_respected_for_half_a_minute() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        fs::write(root.join(LOCK), "").expect("written");
        let wall = SystemTime::now();
        let try_at = |seconds| {
            let wall = wall + Duration::from_secs(seconds);
            finish(edit(root, wall, |all| all.set(&personal("A"), true)).expect("no error"))
        };
        assert_eq!((try_at(0), try_at(29)), ("busy", "busy"));
        assert!(root.join(LOCK).exists());
        assert_eq!((try_at(32), try_at(32)), ("busy", "written"));
    }
}
