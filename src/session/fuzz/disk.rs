//! What lies on disk, as another program sees it, and what may not happen to it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};

use super::client::Ended;
use crate::store;

/// The commands that may remove messages.
const REMOVING: [&str; 3] = ["EXPUNGE", "CLOSE", "DELETE"];

/// A message file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageFile {
    /// The directory of its mailbox.
    pub(super) mailbox: PathBuf,
    pub(super) path: PathBuf,
}

impl MessageFile {
    /// True if its name has the letter of `\Deleted`.
    fn is_deleted(&self) -> bool {
        let name = self
            .path
            .file_name()
            .map_or(&b""[..], |name| name.as_bytes());
        let info = name
            .rsplit(|&octet| octet == b':')
            .next()
            .unwrap_or_default();
        info.starts_with(b"2,") && info.contains(&b'T')
    }
}

/// The message files of a user by their inodes: a rename and a move keep the inode, and copies
/// share it.
pub(super) type MessageFiles = HashMap<u64, Vec<MessageFile>>;

/// What is known of the disk.
pub(super) struct Disk {
    root: PathBuf,
    pub(super) files: MessageFiles,
    /// The base of the file for each UID that was ever seen, by the mailbox and its UIDVALIDITY.
    uids: HashMap<(String, u32), Vec<u8>>,
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: message_files(root),
            uids: HashMap::new(),
        }
    }

    /// Takes note of a change that another program has made.
    pub(super) fn look_again(&mut self) {
        self.files = message_files(&self.root);
    }

    /// Forgets the UIDs: another program has damaged a list.
    pub(super) fn forget_uids(&mut self) {
        self.uids.clear();
    }

    /// Checks what the sessions have done with these commands, which have ended like that.
    pub(super) fn check(&mut self, commands: &[&str], ended: Ended) {
        let now = message_files(&self.root);
        for (inode, links) in &self.files {
            let left = now.get(inode).map_or(0, Vec::len);
            check_loss(links, links.len().saturating_sub(left), commands);
        }
        let count = |files: &MessageFiles| files.values().map(Vec::len).sum::<usize>();
        let (before, after) = (count(&self.files), count(&now));
        if ended.well == 0 && ended.badly == 1 {
            assert!(
                after <= before,
                "{commands:?} was refused and has made a message"
            );
        }
        if !commands.iter().any(|command| REMOVING.contains(command)) {
            assert!(
                after >= before + ended.appends,
                "an APPEND that was answered OK is lost"
            );
        }
        self.files = now;
        self.check_uids();
    }

    /// No UID names another message than before.
    fn check_uids(&mut self) {
        for mailbox in mailboxes(&self.root) {
            for (list, uid, base) in store::fuzz::listed(&mailbox) {
                let known = self.uids.entry((list, uid)).or_insert_with(|| base.clone());
                assert_eq!(*known, base, "UID {uid} names another message");
            }
        }
    }

    /// Returns the message files of INBOX.
    pub(super) fn inbox_files(&self) -> impl Iterator<Item = &MessageFile> {
        let files = self.files.values().flatten();
        files.filter(|file| file.mailbox == self.root)
    }
}

/// A file of a message may be gone if its mailbox is, or if it was marked as deleted and a command
/// has removed it. `links` are all files of the message, `lost` is how many of them are gone.
fn check_loss(links: &[MessageFile], lost: usize, commands: &[&str]) {
    let has = |names: &[&str]| commands.iter().any(|command| names.contains(command));
    let with_mailbox = links.iter().filter(|file| !file.mailbox.exists()).count();
    let marked = links.iter().filter(|file| file.is_deleted()).count();
    let deleted = if has(&["DELETE"]) { with_mailbox } else { 0 };
    let expunged = match has(&["EXPUNGE", "CLOSE"]) {
        true if has(&["STORE"]) => links.len(),
        true => marked,
        false => 0,
    };
    assert!(
        lost <= deleted + expunged,
        "{commands:?} has lost {lost} of {links:?}"
    );
}

/// Returns the directories of the mailboxes below a root.
pub(super) fn mailboxes(root: &Path) -> Vec<PathBuf> {
    let mut mailboxes = vec![root.to_owned()];
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_bytes().starts_with(b".") && !name.as_bytes().starts_with(b"..") {
            mailboxes.push(entry.path());
        }
    }
    mailboxes
}

fn message_files(root: &Path) -> MessageFiles {
    let mut files: MessageFiles = HashMap::new();
    for mailbox in mailboxes(root) {
        for part in ["new", "cur"] {
            for entry in fs::read_dir(mailbox.join(part))
                .into_iter()
                .flatten()
                .flatten()
            {
                let file = MessageFile {
                    mailbox: mailbox.clone(),
                    path: entry.path(),
                };
                files.entry(entry.ino()).or_default().push(file);
            }
        }
    }
    files
}
