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
//! written. No session blocks on the lock; if it is half a minute old, its holder is dead.
//!
//! Lines are parsed, compared and copied one at a time, because a file of [`MAX_SIZE`] may have
//! 100 000 of them. Reading that many octets at once takes less than half a millisecond.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::atomic_replace::{AtomicReplace, IfExists, WrittenReplacement};
use super::files;
use super::layout;
use super::lines::Lines;
use crate::budget::{Budget, Step, Why};
use crate::file_stamp::FileStamp;
use crate::try_done;
use crate::types::{BBOARD_PREFIX, MailboxRef};

/// Name of the file in the root.
pub(crate) const FILE: &str = "subscriptions";
/// Name of the lock, and of the new file.
const LOCK: &str = "subscriptions.lock";
/// Age at which a lock is stale.
const STALE: Duration = Duration::from_secs(30);
/// A longer file is refused, because the whole file is read at once.
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

/// The lines of the file that were not read yet.
#[derive(Debug)]
pub(crate) struct SubscriptionLines {
    version: SubscriptionsVersion,
    lines: Lines,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SubscriptionsVersion {
    One,
    Two,
}

impl SubscriptionLines {
    /// Reads the file in `root`; its lines are parsed one at a time. Without a file there are no
    /// subscriptions.
    ///
    /// # Errors
    /// Reading the file fails.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let found = files::read(&root.join(FILE), MAX_SIZE)?;
        Ok(found.map_or_else(|| Self::of(HEADER.to_vec()), |(text, _)| Self::of(text)))
    }

    fn of(text: Vec<u8>) -> Self {
        let (version, at) = match text.starts_with(HEADER) {
            true => (SubscriptionsVersion::Two, HEADER.len()),
            false => (SubscriptionsVersion::One, 0),
        };
        Self {
            version,
            lines: Lines::new(text, at),
        }
    }

    /// Parses the next line, and pays for it. Returns its text as well, and `None` for the mailbox
    /// if the line is not a valid name.
    pub(crate) fn next(&mut self, budget: &mut Budget<'_>) -> Option<(&[u8], Option<MailboxRef>)> {
        let line = self.lines.next(budget)?;
        Some((line, self.version.read_line(line)))
    }
}

/// A change of the file in progress. The new file is the lock until the caller has flushed and
/// renamed it; dropped before that, it leaves the old file as it is.
#[derive(Debug)]
pub(crate) struct SubscriptionsEdit {
    new: AtomicReplace,
    old: SubscriptionLines,
}

/// What [`SubscriptionsEdit::copy_next`] does with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineDecision {
    Keep,
    Drop,
    /// The file stays as it is: the edit is over.
    Stop,
}

/// What [`SubscriptionsEdit::copy_next`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copied {
    Line,
    /// All lines are copied.
    All,
    /// The caller has decided to stop.
    Stopped,
}

impl SubscriptionsEdit {
    /// Takes the lock of the file in `root` and begins the new one. Returns `None` if another
    /// process is changing the file.
    ///
    /// # Errors
    /// Reading or writing fails.
    pub(crate) fn begin(root: &Path, wall: SystemTime) -> io::Result<Option<Self>> {
        let mut new = match AtomicReplace::create(root, LOCK, FILE, IfExists::Fail) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_stale(root, wall)?;
                return Ok(None);
            }
            created => created?,
        };
        let old = SubscriptionLines::read(root)?;
        if old.version == SubscriptionsVersion::Two {
            new.write_all(HEADER)?;
        }
        Ok(Some(Self { new, old }))
    }

    /// Copies the next line into the new file if `decide` keeps it. A line that is not a valid name
    /// is always kept.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn copy_next(
        &mut self,
        budget: &mut Budget<'_>,
        decide: impl FnOnce(&MailboxRef) -> LineDecision,
    ) -> io::Result<Copied> {
        let Some((line, mailbox)) = self.old.next(budget) else {
            return Ok(Copied::All);
        };
        match mailbox.map_or(LineDecision::Keep, |mailbox| decide(&mailbox)) {
            LineDecision::Keep => write_line(&mut self.new, line)?,
            LineDecision::Drop => {}
            LineDecision::Stop => return Ok(Copied::Stopped),
        }
        Ok(Copied::Line)
    }

    /// Adds a subscription that no line has.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn add(&mut self, mailbox: &MailboxRef) -> io::Result<()> {
        write_line(&mut self.new, &self.old.version.write_line(mailbox))
    }

    /// Ends the new file, which is to be flushed and renamed.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn end(self) -> io::Result<WrittenReplacement> {
        self.new.end(|_| Ok(()))
    }
}

/// The result of a change of the file.
#[derive(Debug)]
pub(crate) enum EditOutcome {
    /// The new file is written, and is the lock until the caller has flushed and renamed it.
    Written(WrittenReplacement),
    /// There was nothing to change.
    Unchanged,
    /// Another process is changing the file: try again later.
    Busy,
}

/// Adds or removes one subscription.
#[derive(Debug)]
pub(crate) struct ChangeSubscription {
    mailbox: MailboxRef,
    on: bool,
    edit: Option<SubscriptionsEdit>,
    /// Whether a line with the mailbox was dropped.
    has_dropped: bool,
}

impl ChangeSubscription {
    /// Subscribes if `on`, else unsubscribes.
    pub(crate) fn new(mailbox: MailboxRef, on: bool) -> Self {
        Self {
            mailbox,
            on,
            edit: None,
            has_dropped: false,
        }
    }

    /// Steps the change of the file in `root` until it is done.
    ///
    /// # Errors
    /// Reading or writing fails; the old file is then still there.
    pub(crate) fn step(
        &mut self,
        root: &Path,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<EditOutcome>> {
        let edit = match &mut self.edit {
            Some(edit) => edit,
            None => match try_done!(SubscriptionsEdit::begin(root, budget.wall())) {
                Some(edit) => self.edit.insert(edit),
                None => return Step::Done(Ok(EditOutcome::Busy)),
            },
        };
        loop {
            let decide = |line: &MailboxRef| match (*line == self.mailbox, self.on) {
                (true, true) => LineDecision::Stop,
                (true, false) => {
                    self.has_dropped = true;
                    LineDecision::Drop
                }
                (false, _) => LineDecision::Keep,
            };
            match try_done!(edit.copy_next(budget, decide)) {
                Copied::Line if budget.is_spent() => return Step::Yield(Why::Budget),
                Copied::Line => {}
                Copied::All if self.on || self.has_dropped => break,
                Copied::All | Copied::Stopped => {
                    self.edit = None;
                    return Step::Done(Ok(EditOutcome::Unchanged));
                }
            }
        }
        if self.on {
            try_done!(edit.add(&self.mailbox));
        }
        let written = self.edit.take().map(SubscriptionsEdit::end);
        let written = written.unwrap_or_else(|| Err(io::Error::other("the edit is over")));
        Step::Done(written.map(EditOutcome::Written))
    }
}

fn write_line(out: &mut impl Write, line: &[u8]) -> io::Result<()> {
    out.write_all(line)?;
    out.write_all(b"\n")
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
    use crate::budget::{FakeClock, RECORDS_PER_UNIT};
    use crate::store::maildir::lines::RECORDS_PER_LINE;
    use crate::types::{BboardName, MailboxName};

    fn personal(name: &str) -> MailboxRef {
        MailboxRef::Personal(MailboxName::new(name.as_bytes()).expect("a name"))
    }

    fn board(name: &str) -> MailboxRef {
        MailboxRef::Bboard(BboardName::new(name.as_bytes()).expect("a name"))
    }

    fn all(text: &[u8]) -> Vec<MailboxRef> {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::unlimited(&clock);
        let mut lines = SubscriptionLines::of(text.to_vec());
        let next = || lines.next(&mut budget).map(|(_, mailbox)| mailbox);
        std::iter::from_fn(next).flatten().collect()
    }

    fn names(text: &[u8]) -> Vec<String> {
        all(text).iter().map(MailboxRef::to_string).collect()
    }

    /// Changes a file that has this text. Returns its text afterwards.
    fn changed(text: &[u8], changes: &[(MailboxRef, bool)]) -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(FILE), text).expect("written");
        for (mailbox, on) in changes {
            set(dir.path(), mailbox, *on, SystemTime::now());
        }
        fs::read(dir.path().join(FILE)).expect("read")
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
        assert_eq!(all(text), [personal("A")]);
        let changes = [(personal("B.C"), true), (personal("A"), false)];
        let written = b"V\t2\n\na.b\tc\n\x01x\n..\n~b\nB\tC\n";
        assert_eq!(changed(text, &changes), written);
    }

    #[test]
    fn writes_both_versions_back() {
        let mailboxes = [
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
            let changes = mailboxes.each_ref().map(|mailbox| (mailbox.clone(), true));
            assert_eq!(changed(start, &changes), written);
            assert_eq!(all(written), mailboxes);
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
        let text = "Café\n".as_bytes();
        let cafe = personal("Caf&AOk-");
        assert_eq!(changed(text, &[(cafe.clone(), true)]), text);
        assert_eq!(changed(text, &[(cafe, false)]), b"");
    }

    /// Subscribes or unsubscribes, in steps of one unit, and names the result.
    fn set(root: &Path, mailbox: &MailboxRef, on: bool, wall: SystemTime) -> &'static str {
        let clock = FakeClock::new(wall);
        let mut change = ChangeSubscription::new(mailbox.clone(), on);
        loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            match change.step(root, &mut budget) {
                Step::Done(Ok(EditOutcome::Written(new))) => {
                    new.rename().expect("renamed");
                    return "written";
                }
                Step::Done(Ok(EditOutcome::Unchanged)) => return "unchanged",
                Step::Done(Ok(EditOutcome::Busy)) => return "busy",
                Step::Done(Err(error)) => panic!("{error}"),
                Step::Yield(why) => assert_eq!(why, Why::Budget),
            }
        }
    }

    #[test]
    fn edits_under_the_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let subscribe = |name: &str| set(root, &personal(name), true, SystemTime::now());
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
            set(root, &personal("A"), true, wall)
        };
        assert_eq!((try_at(0), try_at(29)), ("busy", "busy"));
        assert!(root.join(LOCK).exists());
        assert_eq!((try_at(32), try_at(32)), ("busy", "written"));
    }

    #[test]
    fn a_step_looks_at_few_of_many_lines() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let count = 5_000;
        let text: String = (0..count).map(|number| format!("n{number}\n")).collect();
        fs::write(root.join(FILE), &text).expect("written");
        let clock = FakeClock::new(SystemTime::now());
        let mut change = ChangeSubscription::new(personal("n4999"), false);
        let mut steps = 0;
        let outcome = loop {
            steps += 1;
            let mut budget = Budget::new(&clock, 10, Duration::from_secs(1));
            if let Step::Done(outcome) = change.step(root, &mut budget) {
                break outcome.expect("no error");
            }
            assert!(root.join(LOCK).exists(), "the lock is kept between steps");
        };
        let least = count * RECORDS_PER_LINE / RECORDS_PER_UNIT as usize / 20;
        assert!(steps > least, "{steps} steps");
        match outcome {
            EditOutcome::Written(new) => drop(new.rename().expect("renamed")),
            other => panic!("{other:?}"),
        }
        let left = fs::read_to_string(root.join(FILE)).expect("read");
        assert_eq!(left, text.replace("n4999\n", ""));
    }

    #[test]
    fn a_change_that_is_dropped_leaves_no_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = "n\n".repeat(1000);
        fs::write(dir.path().join(FILE), &text).expect("written");
        let clock = FakeClock::new(SystemTime::now());
        let mut change = ChangeSubscription::new(personal("A"), true);
        let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
        assert!(matches!(
            change.step(dir.path(), &mut budget),
            Step::Yield(_)
        ));
        assert!(dir.path().join(LOCK).exists());
        drop(change);
        assert!(!dir.path().join(LOCK).exists());
        assert_eq!(
            fs::read_to_string(dir.path().join(FILE)).expect("read"),
            text
        );
    }
}
