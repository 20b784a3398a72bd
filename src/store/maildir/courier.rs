//! What Courier-IMAP left in a Maildir: imported once, so that clients need not download their mail
//! again.
//!
//! Courier keeps the UIDs of a mailbox in `courierimapuiddb`, in the first version of the format of
//! [`super::uid_list`], and the subscriptions in `courierimapsubscribed`, as full names in UTF-8
//! under `INBOX.`. Both files are only read, and only while Dovecot's file for the same purpose
//! does not exist: the content goes there. UIDVALIDITY and UIDs stay the same.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

use hashbrown::HashTable;

use super::files;
use super::layout::name_on_disk;
use super::lines::Lines;
use super::subscriptions;
use super::subscriptions::{Copied, EditOutcome, LineDecision, SubscriptionsEdit};
use super::uid_list::{UidListError, UidListReader};
use crate::budget::{Budget, Step, Why};
use crate::file_stamp::FileStamp;
use crate::try_done;
use crate::types::{MailboxName, MailboxRef};

const UID_FILE: &str = "courierimapuiddb";
const SUBSCRIPTIONS_FILE: &str = "courierimapsubscribed";
/// A longer file is refused.
const MAX_SIZE: u64 = 1 << 20;

/// Opens Courier's list of UIDs of the mailbox in `dir`, to be written as a list of our own
/// ([`super::uid_list::UidListRewrite`]). Returns `None` if there is none.
///
/// # Errors
/// The same as those of [`UidListReader::open`].
pub(crate) fn open_uids(dir: &Path) -> Result<Option<UidListReader>, UidListError> {
    UidListReader::open_file(&dir.join(UID_FILE))
}

/// The lines of Courier's subscriptions that were not read yet.
#[derive(Debug)]
pub(crate) struct CourierSubscriptions(Lines);

impl CourierSubscriptions {
    /// Reads the file in `root`; its lines are parsed one at a time. Returns `None` if there is no
    /// such file, or if a file of Dovecot takes its place.
    ///
    /// # Errors
    /// Reading the file fails.
    pub(crate) fn read(root: &Path) -> io::Result<Option<Self>> {
        if FileStamp::at(&root.join(subscriptions::FILE))?.is_some() {
            return Ok(None);
        }
        let found = files::read(&root.join(SUBSCRIPTIONS_FILE), MAX_SIZE)?;
        Ok(found.map(|(text, _)| Self(Lines::new(text, 0))))
    }

    /// Parses the next line, and pays for it. Returns the mailbox under the name that it has here,
    /// or `Some(None)` for a line that has none, such as that of a shared folder.
    pub(crate) fn next(&mut self, budget: &mut Budget<'_>) -> Option<Option<MailboxName>> {
        self.0.next(budget).map(name)
    }
}

/// Imports Courier's subscriptions, if its file exists and Dovecot's does not.
#[derive(Debug)]
pub(crate) struct ImportSubscriptions(ImportStage);

#[derive(Debug)]
enum ImportStage {
    Begin,
    /// Checks that no other process has subscribed to anything first.
    Check(SubscriptionsEdit, CourierSubscriptions),
    Add(SubscriptionsEdit, AddedNames),
    Ended,
}

/// The names that were not added yet, and which were.
#[derive(Debug)]
struct AddedNames {
    left: CourierSubscriptions,
    /// The lines with the names that were added, with room for all lines: it never grows.
    added: HashTable<(u32, u32)>,
    hasher: RandomState,
}

impl ImportSubscriptions {
    /// Begins the import.
    pub(crate) fn new() -> Self {
        Self(ImportStage::Begin)
    }

    /// Steps the import into the Maildir at `root` until it is done.
    ///
    /// # Errors
    /// Reading or writing fails.
    pub(crate) fn step(
        &mut self,
        root: &Path,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<EditOutcome>> {
        loop {
            let stage = std::mem::replace(&mut self.0, ImportStage::Ended);
            self.0 = match stage {
                ImportStage::Begin => {
                    let Some(names) = try_done!(CourierSubscriptions::read(root)) else {
                        return Step::Done(Ok(EditOutcome::Unchanged));
                    };
                    match try_done!(SubscriptionsEdit::begin(root, budget.wall())) {
                        Some(edit) => ImportStage::Check(edit, names),
                        None => {
                            self.0 = ImportStage::Begin;
                            return Step::Done(Ok(EditOutcome::Busy));
                        }
                    }
                }
                ImportStage::Check(mut edit, names) => {
                    match try_done!(edit.copy_next(budget, |_| LineDecision::Stop)) {
                        Copied::Line => ImportStage::Check(edit, names),
                        Copied::All => ImportStage::Add(edit, AddedNames::new(names)),
                        Copied::Stopped => return Step::Done(Ok(EditOutcome::Unchanged)),
                    }
                }
                ImportStage::Add(mut edit, mut names) => match names.next(budget) {
                    Some(Some(name)) => {
                        try_done!(edit.add(&MailboxRef::Personal(name)));
                        ImportStage::Add(edit, names)
                    }
                    Some(None) => ImportStage::Add(edit, names),
                    None => return Step::Done(edit.end().map(EditOutcome::Written)),
                },
                ImportStage::Ended => return Step::Done(Ok(EditOutcome::Unchanged)),
            };
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }
}

impl AddedNames {
    fn new(left: CourierSubscriptions) -> Self {
        let most = left.0.count();
        Self {
            left,
            added: HashTable::with_capacity(most),
            hasher: RandomState::new(),
        }
    }

    /// Returns the next name, or `Some(None)` if the next line has none or one that was added.
    fn next(&mut self, budget: &mut Budget<'_>) -> Option<Option<MailboxName>> {
        let line = self.left.0.next_range(budget)?;
        let lines = &self.left.0;
        let found = name(lines.get(line.clone()));
        Some(found.filter(|found| {
            let is_added = |&(start, end): &(u32, u32)| {
                name(lines.get(start as usize..end as usize)).as_ref() == Some(found)
            };
            let hash = self.hasher.hash_one(found);
            let is_new = self.added.find(hash, is_added).is_none();
            if is_new {
                // The file is far shorter than 4 GiB.
                let line = (line.start as u32, line.end as u32);
                self.added.insert_unique(hash, line, |_| hash);
            }
            is_new
        }))
    }
}

/// Parses a line of the subscriptions.
///
/// ```text
/// line = "INBOX" / "INBOX." name / "#shared." name
/// ```
pub(super) fn name(line: &[u8]) -> Option<MailboxName> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.split_at_checked(b"INBOX.".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"INBOX.") => name_on_disk(rest),
        _ if line.eq_ignore_ascii_case(b"INBOX") => Some(MailboxName::inbox()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::budget::FakeClock;

    #[test]
    fn uids_stay_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(open_uids(dir.path()).expect("no error").is_none());
        let text = "1 795392309 4\n1 1700000000.A.host\n3 1700000001.B.host\n";
        fs::write(dir.path().join(UID_FILE), text).expect("written");
        let mut reader = open_uids(dir.path()).expect("no error").expect("a list");
        assert_eq!(reader.header().validity.get(), 795_392_309);
        let mut records = Vec::new();
        while let Some(record) = reader.next().expect("no error") {
            records.push((record.uid.get(), record.base().to_vec()));
        }
        assert_eq!(
            records,
            [
                (1, b"1700000000.A.host".to_vec()),
                (3, b"1700000001.B.host".to_vec())
            ]
        );
        assert_eq!(reader.next_uid(), 4);
        assert!(reader.needs_rewrite());
    }

    /// Imports in steps of so many units. Returns true if there was anything to import.
    fn import(root: &Path, units: u32) -> bool {
        let clock = FakeClock::new(SystemTime::now());
        let mut import = ImportSubscriptions::new();
        loop {
            let mut budget = Budget::new(&clock, units, Duration::from_secs(1));
            match import.step(root, &mut budget) {
                Step::Done(Ok(EditOutcome::Written(new))) => {
                    new.rename().expect("renamed");
                    return true;
                }
                Step::Done(Ok(EditOutcome::Unchanged)) => return false,
                Step::Done(other) => panic!("{other:?}"),
                Step::Yield(why) => assert_eq!(why, Why::Budget),
            }
        }
    }

    #[test]
    fn subscriptions_lose_their_prefix() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        assert!(!import(root, 1));
        let text = "INBOX\nINBOX.Café.Sub\ninbox.Old&AOk-\n#shared.all\nINBOX.\nINBOX.R&D";
        fs::write(root.join(SUBSCRIPTIONS_FILE), text).expect("written");
        assert!(import(root, 1));
        let written = fs::read(root.join(subscriptions::FILE)).expect("read");
        assert_eq!(written, b"V\t2\n\nINBOX\nCaf&AOk-\tSub\nOld&AOk-\nR&-D\n");
        fs::write(root.join(SUBSCRIPTIONS_FILE), "INBOX.New\n").expect("written");
        assert!(!import(root, 1));
    }

    #[test]
    fn many_subscriptions_are_imported_once_each_in_any_steps() {
        let text: String = (0..9_000)
            .map(|n| format!("INBOX.n{}\n", n % 7_000))
            .collect();
        let imported = [1, 300].map(|units| {
            let dir = tempfile::tempdir().expect("a directory");
            fs::write(dir.path().join(SUBSCRIPTIONS_FILE), &text).expect("written");
            assert!(import(dir.path(), units));
            fs::read_to_string(dir.path().join(subscriptions::FILE)).expect("read")
        });
        let want: String = (0..7_000).map(|n| format!("n{n}\n")).collect();
        assert_eq!(
            imported,
            [format!("V\t2\n\n{want}"), format!("V\t2\n\n{want}")]
        );
    }
}
