//! What Courier-IMAP left in a Maildir: imported once, so that clients need not download their mail
//! again.
//!
//! Courier keeps the UIDs of a mailbox in `courierimapuiddb`, in the first version of the format of
//! [`super::uid_list`], and the subscriptions in `courierimapsubscribed`, as full names in UTF-8
//! under `INBOX.`. Both files are only read, and only while Dovecot's file for the same purpose
//! does not exist: the content goes there. UIDVALIDITY and UIDs stay the same.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::file_stamp::FileStamp;
use crate::types::{MailboxName, MailboxRef};

use super::files;
use super::layout::name_on_disk;
use super::subscriptions;
use super::subscriptions::{Subscriptions, SubscriptionsEdit};
use super::uid_list::{UidListError, UidListReader};

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

/// Imports the user's subscriptions, if Courier's file exists and Dovecot's does not.
///
/// # Errors
/// Reading or writing fails.
pub(crate) fn import_subscriptions(root: &Path, wall: SystemTime) -> io::Result<SubscriptionsEdit> {
    if FileStamp::at(&root.join(subscriptions::FILE))?.is_some() {
        return Ok(SubscriptionsEdit::Unchanged);
    }
    let Some(names) = subscribed(root)? else {
        return Ok(SubscriptionsEdit::Unchanged);
    };
    subscriptions::edit(root, wall, |all| take_over(all, names))
}

/// Adds the names, unless another process has subscribed to something first.
fn take_over(all: &mut Subscriptions, names: Vec<MailboxName>) -> bool {
    if all.iter().next().is_some() {
        return false;
    }
    for name in names {
        all.set(&MailboxRef::Personal(name), true);
    }
    true
}

/// Returns the mailboxes of Courier's subscriptions under the names that they have here, or `None`
/// if there is no such file. Leaves out shared folders, which do not exist here.
///
/// # Errors
/// Reading the file fails.
pub(crate) fn subscribed(root: &Path) -> io::Result<Option<Vec<MailboxName>>> {
    let found = files::read(&root.join(SUBSCRIPTIONS_FILE), MAX_SIZE)?;
    Ok(found.map(|(text, _)| text.split(|&b| b == b'\n').filter_map(name).collect()))
}

/// Parses a line of the subscriptions.
///
/// ```text
/// line = "INBOX" / "INBOX." name / "#shared." name
/// ```
fn name(line: &[u8]) -> Option<MailboxName> {
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

    use super::*;

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

    #[test]
    fn subscriptions_lose_their_prefix() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let wall = SystemTime::now();
        let is_unchanged = || {
            let imported = import_subscriptions(root, wall).expect("ok");
            matches!(imported, SubscriptionsEdit::Unchanged)
        };
        assert!(is_unchanged());
        let text = "INBOX\nINBOX.Café.Sub\ninbox.Old&AOk-\n#shared.all\nINBOX.\nINBOX.R&D";
        fs::write(root.join(SUBSCRIPTIONS_FILE), text).expect("written");
        match import_subscriptions(root, wall).expect("ok") {
            SubscriptionsEdit::Written(new) => drop(new.rename().expect("renamed")),
            other => panic!("{other:?}"),
        }
        let written = fs::read(root.join(subscriptions::FILE)).expect("read");
        assert_eq!(written, b"V\t2\n\nINBOX\nCaf&AOk-\tSub\nOld&AOk-\nR&-D\n");
        fs::write(root.join(SUBSCRIPTIONS_FILE), "INBOX.New\n").expect("written");
        assert!(is_unchanged());
    }
}
