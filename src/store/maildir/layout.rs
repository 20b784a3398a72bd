//! Where mailboxes are: Maildir++.
//!
//! All mail of a user is below one directory, the root. The root itself is the mailbox INBOX; every
//! other mailbox is a directory in it, `A.B` being `.A.B`, never one within another, so that a
//! parent need not exist. The names of these directories are in modified UTF-7 where Dovecot made
//! them and in UTF-8 where Courier did. We find both, and make new ones in modified UTF-7.
//!
//! Bulletin boards are plain subdirectories of another directory, each a Maildir. Their names may
//! be written in both ways, too.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, ReadDir};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::types::{BboardName, MailboxName, NameError, modified_utf7};

use super::files;
use crate::work;

/// Name of the directory that mail is delivered to.
pub(crate) const NEW: &str = "new";
/// Name of the directory of the messages that an IMAP session has seen.
pub(crate) const CUR: &str = "cur";
/// Name of the directory of messages that are being written.
pub(crate) const TMP: &str = "tmp";
/// The three directories that make a Maildir.
pub(crate) const PARTS: [&str; 3] = [CUR, NEW, TMP];

/// Name of the file that marks a directory as a folder of the Maildir above it, for delivery agents
/// that enforce a quota.
const FOLDER_MARK: &str = "maildirfolder";

/// The name that a mailbox gets to be deleted. No mailbox can have this name.
pub(crate) const TRASHED: &str = "..DOVECOT-TRASHED";

/// Returns the directory that a mailbox gets when it is created.
pub(crate) fn directory(root: &Path, name: &MailboxName) -> PathBuf {
    if name.is_inbox() {
        return root.to_path_buf();
    }
    root.join(format!(".{name}"))
}

/// Returns the directory of a mailbox, whichever way its name is written, or `None` if the mailbox
/// does not exist.
///
/// # Errors
/// `stat` fails for another reason than a missing file.
pub(crate) fn find(root: &Path, name: &MailboxName) -> io::Result<Option<PathBuf>> {
    if name.is_inbox() {
        return Ok(is_maildir(root)?.then(|| root.to_path_buf()));
    }
    let as_encoded = directory(root, name);
    if is_directory(&as_encoded)? {
        return Ok(Some(as_encoded));
    }
    let Some(text) =
        modified_utf7::decode(name.as_str().as_bytes()).filter(|text| text != name.as_str())
    else {
        return Ok(None);
    };
    let in_utf8 = root.join(format!(".{text}"));
    // A name that decodes to one with a slash, or to `..`, is not the name of that directory.
    let is_the_name = name_of(in_utf8.file_name().unwrap_or_default()).as_ref() == Some(name);
    Ok((is_the_name && is_directory(&in_utf8)?).then_some(in_utf8))
}

/// Returns the mailbox name of a directory in the root, or `None` if it cannot be a mailbox. A name
/// that is not valid modified UTF-7 counts as UTF-8.
pub(crate) fn name_of(entry: &OsStr) -> Option<MailboxName> {
    let name = entry.as_bytes().strip_prefix(b".")?;
    // `.INBOX` is not the Maildir itself, and clients could not tell the two apart.
    name_on_disk(name).filter(|name| !name.is_inbox())
}

/// Returns the mailbox name of a name on disk with dots between its levels, or `None` if it cannot
/// be one.
pub(crate) fn name_on_disk(name: &[u8]) -> Option<MailboxName> {
    mailbox_name(name).ok()
}

/// Returns the mailbox name of a text in modified UTF-7 or else in UTF-8. All names, from clients
/// and from the disk, go through here, so that each mailbox has one name, and what can be created
/// can be found again.
///
/// # Errors
/// The name is invalid; the error says why.
pub(crate) fn mailbox_name(name: &[u8]) -> Result<MailboxName, NameError> {
    MailboxName::new(&in_mutf7(name))
}

/// Returns the bulletin board name of a text, like [`mailbox_name`].
///
/// # Errors
/// The name is invalid; the error says why.
pub(crate) fn bboard_name(name: &[u8]) -> Result<BboardName, NameError> {
    BboardName::new(&in_mutf7(name))
}

/// Returns a name in modified UTF-7. Octets that are not UTF-8, or have control characters, stay as
/// they are and make an invalid name.
fn in_mutf7(name: &[u8]) -> Cow<'_, [u8]> {
    let plain = |text: &&str| !text.chars().any(char::is_control);
    match std::str::from_utf8(name).ok().filter(plain) {
        Some(text) if modified_utf7::decode(name).is_none() => {
            Cow::Owned(modified_utf7::encode(text).into())
        }
        _ => Cow::Borrowed(name),
    }
}

/// The names in a directory that are mailboxes, or boards, in no order. The caller may pause
/// between any two of them.
///
/// The `maildir` crate could list subdirectories. But it takes a tree that cannot be read for an
/// empty one, skips folders that are symbolic links, and changes names that are not UTF-8.
#[derive(Debug)]
pub(crate) struct Listing<N> {
    entries: ReadDir,
    name_of: fn(&OsStr) -> Option<N>,
}

/// Lists the mailboxes in a root, except INBOX. If the directory of a mailbox exists in both ways
/// of writing its name, the name is listed twice.
///
/// # Errors
/// The directory cannot be opened.
pub(crate) fn mailboxes(root: &Path) -> io::Result<Listing<MailboxName>> {
    let entries = fs::read_dir(root)?;
    Ok(Listing { entries, name_of })
}

/// Lists the bulletin boards.
///
/// # Errors
/// The directory cannot be opened.
pub(crate) fn bboards(tree: &Path) -> io::Result<Listing<BboardName>> {
    let entries = fs::read_dir(tree)?;
    let name_of = |entry: &OsStr| bboard_name(entry.as_bytes()).ok();
    Ok(Listing { entries, name_of })
}

impl<N> Iterator for Listing<N> {
    /// `None` for an entry that is not a mailbox, so that each call reads one entry.
    type Item = io::Result<Option<N>>;

    fn next(&mut self) -> Option<Self::Item> {
        work::things(1);
        let entry = self.entries.next()?;
        Some(entry.and_then(|entry| self.classify(&entry)))
    }
}

impl<N> Listing<N> {
    fn classify(&self, entry: &DirEntry) -> io::Result<Option<N>> {
        let Some(name) = (self.name_of)(&entry.file_name()) else {
            return Ok(None);
        };
        let kind = entry.file_type()?;
        let is_one = kind.is_dir() || kind.is_symlink() && is_directory(&entry.path())?;
        Ok(is_one.then_some(name))
    }
}

/// Returns the directory of a board, whichever way its name is written, or `None` if the board does
/// not exist.
///
/// # Errors
/// The same as those of [`find`].
pub(crate) fn find_bboard(tree: &Path, name: &BboardName) -> io::Result<Option<PathBuf>> {
    let as_encoded = tree.join(name.as_str());
    if is_directory(&as_encoded)? {
        return Ok(Some(as_encoded));
    }
    let text = modified_utf7::decode(name.as_str().as_bytes()).unwrap_or_default();
    // A name that decodes to one that leads elsewhere is not the name of that directory.
    let is_the_name = bboard_name(text.as_bytes()).as_ref() == Ok(name);
    let in_utf8 = tree.join(text);
    Ok((is_the_name && is_directory(&in_utf8)?).then_some(in_utf8))
}

/// True if there is a directory of that name, or a symbolic link to one.
///
/// # Errors
/// `stat` fails for another reason than a missing file.
pub(crate) fn is_directory(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(status) => Ok(status.is_dir()),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// True if the error means that there is no such file. `ENAMETOOLONG` counts, because no mailbox
/// can have such a name.
fn is_absent(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG)
    )
}

/// True if one of the three parts exists: a root without any is not an INBOX yet.
///
/// # Errors
/// The same as those of [`is_directory`].
pub(crate) fn is_maildir(dir: &Path) -> io::Result<bool> {
    for part in PARTS {
        if is_directory(&dir.join(part))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Creates those of the three parts that are missing, with the mode of the directory itself.
/// Returns true if there were any, so that the directory has to be flushed.
///
/// # Errors
/// A directory cannot be created.
pub(crate) fn create_parts(dir: &Path) -> io::Result<bool> {
    let mode = fs::metadata(dir)?.mode() & 0o7777;
    let mut has_created = false;
    for part in PARTS {
        match fs::DirBuilder::new().mode(mode).create(dir.join(part)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => {
                created?;
                has_created = true;
            }
        }
    }
    Ok(has_created)
}

/// Marks a directory, which is not the root, as a folder.
///
/// # Errors
/// The file cannot be created.
pub(crate) fn mark_folder(dir: &Path) -> io::Result<()> {
    files::open_or_create(&dir.join(FOLDER_MARK)).map(drop)
}

/// Returns the path of a file whose name is any octets.
pub(crate) fn join(dir: &Path, name: &[u8]) -> PathBuf {
    dir.join(OsString::from_vec(name.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> MailboxName {
        MailboxName::new(text.as_bytes()).expect("a name")
    }

    fn root(dirs: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for dir in dirs {
            fs::create_dir(root.path().join(dir)).expect("created");
        }
        root
    }

    #[test]
    fn maps_names_to_directories() {
        let root = Path::new("/r");
        assert_eq!(directory(root, &MailboxName::inbox()), root);
        assert_eq!(
            directory(root, &name("Work.2024")),
            Path::new("/r/.Work.2024")
        );
    }

    #[test]
    fn maps_directories_to_names() {
        let of = |entry: &str| name_of(OsStr::new(entry)).map(|name| name.to_string());
        assert_eq!(of(".Work.2024").as_deref(), Some("Work.2024"));
        assert_eq!(of(".Caf&AOk-").as_deref(), Some("Caf&AOk-"));
        assert_eq!(of(".Café").as_deref(), Some("Caf&AOk-"));
        assert_eq!(of(".R&D").as_deref(), Some("R&-D"));
        assert_eq!(of(".R&-D").as_deref(), Some("R&-D"));
        for none in [
            "cur", ".", "..", "..junk", TRASHED, ".a\tb", ".INBOX", ".inbox", ".a..b", ".a.", "",
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
        assert_eq!(name_of(OsStr::from_bytes(b".\xff")), None);
    }

    #[test]
    fn lists_directories_only() {
        let root = root(&[
            "cur",
            "new",
            "tmp",
            ".Sent",
            ".Café",
            "..junk",
            "courierimaphieracl",
        ]);
        fs::write(root.path().join(".afile"), "").expect("written");
        std::os::unix::fs::symlink(".Sent", root.path().join(".Link")).expect("linked");
        std::os::unix::fs::symlink("nowhere", root.path().join(".Dead")).expect("linked");
        let listed = mailboxes(root.path()).expect("a listing");
        let mut names: Vec<MailboxName> = listed.filter_map(|name| name.expect("ok")).collect();
        names.sort();
        assert_eq!(names, [name("Caf&AOk-"), name("Link"), name("Sent")]);
    }

    #[test]
    fn finds_both_ways_of_writing_a_name() {
        let root = root(&["cur", ".Café", ".Caf&AOk-", ".&2D3c7A-", ".R&D", ".x"]);
        let found = |text: &str| {
            let found = find(root.path(), &name(text)).expect("no error");
            found.map(|path| path.file_name().expect("a name").to_os_string())
        };
        assert_eq!(found("Caf&AOk-"), Some(".Caf&AOk-".into()));
        fs::remove_dir(root.path().join(".Caf&AOk-")).expect("removed");
        assert_eq!(found("Caf&AOk-"), Some(".Café".into()));
        assert_eq!(found("R&-D"), Some(".R&D".into()));
        assert_eq!(found("&2D3c7A-"), Some(".&2D3c7A-".into()));
        assert_eq!((found("y"), found("Caf&AOk-.z")), (None, None));
        assert!(
            find(root.path(), &MailboxName::inbox())
                .expect("ok")
                .is_some()
        );
        let longest = "a".repeat(254);
        assert_eq!(found(&longest), None);
    }

    #[test]
    fn no_encoded_name_leads_out_of_the_root() {
        let root = root(&["cur"]);
        fs::create_dir_all(root.path().join(".é/x")).expect("created");
        // The name decodes to U+00E9 and a slash, which has to stand for itself and makes the name
        // invalid.
        assert!(MailboxName::new("&AOk-/x".as_bytes()).is_err());
        assert_eq!(find(root.path(), &name("&AOkALwB4-")).expect("ok"), None);
        assert_eq!(find(root.path(), &name("&AC4-")).expect("ok"), None);
    }

    #[test]
    fn a_root_without_parts_is_no_inbox() {
        let root = root(&[]);
        let inbox = MailboxName::inbox();
        assert_eq!(find(root.path(), &inbox).expect("ok"), None);
        create_parts(root.path()).expect("created");
        create_parts(root.path()).expect("again");
        assert_eq!(
            find(root.path(), &inbox).expect("ok").as_deref(),
            Some(root.path())
        );
        mark_folder(root.path()).expect("marked");
        assert_eq!(
            fs::read(root.path().join("maildirfolder")).expect("read"),
            b""
        );
    }

    #[test]
    fn boards_are_plain_directories() {
        let tree = root(&["general", ".git", "Café", "a&b"]);
        fs::write(tree.path().join("README"), "").expect("written");
        let listed = bboards(tree.path()).expect("a listing");
        let mut names: Vec<String> = listed
            .filter_map(|name| name.expect("ok"))
            .map(|name| name.to_string())
            .collect();
        names.sort();
        assert_eq!(names, ["Caf&AOk-", "a&-b", "general"]);
        let found = |name: &[u8]| {
            let name = bboard_name(name).expect("a name");
            let found = find_bboard(tree.path(), &name).expect("no error");
            found.map(|path| path.file_name().expect("a name").to_os_string())
        };
        assert_eq!(found(b"general"), Some("general".into()));
        assert_eq!(found(b"Caf&AOk-"), Some("Café".into()));
        assert_eq!(found("Café".as_bytes()), Some("Café".into()));
        assert_eq!(found(b"a&b"), Some("a&b".into()));
        assert_eq!((found(b"nowhere"), found(b"&AOk-")), (None, None));
    }

    #[test]
    fn a_mailbox_has_one_name() {
        let named = |name: &[u8]| mailbox_name(name).map(|name| name.to_string());
        for (written, name) in [
            ("R&D", "R&-D"),
            ("R&-D", "R&-D"),
            ("Café.x", "Caf&AOk-.x"),
            ("Caf&AOk-.x", "Caf&AOk-.x"),
            // An encoded slash is not a slash.
            ("&AC8-etc", "&-AC8-etc"),
            ("inbox", "INBOX"),
        ] {
            assert_eq!(named(written.as_bytes()).as_deref(), Ok(name), "{written}");
        }
        for none in [
            &b"caf\xe9"[..],
            b"&AOk-/x",
            b"a\x07&",
            b"\xc2\x85",
            b"..",
            b"~x&",
            b"",
        ] {
            assert!(named(none).is_err(), "{none:?}");
        }
    }
}
