//! Two files with one base name, found by one scan.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::scan::note_found_file;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::filename::{self, UniqueNames, fresh_base};
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::subdir::Subdir;

/// Two links to one message are left alone for so long, because another program may be about to
/// remove one of them.
const LINK_GRACE: Duration = Duration::from_secs(30);

/// Looks into a file whose base name another file has. Returns true if another scan is needed to
/// see the result.
///
/// In most cases the file was renamed while the directory was read, and only one of the two names
/// exists. If both exist: two links to one file are one message, and the second name is removed
/// after a while; two files are two messages, and the second gets a base name of its own.
pub(super) fn resolve_duplicate(
    mailbox: &mut Mailbox,
    (subdir, name): &(Subdir, Vec<u8>),
    names: &mut UniqueNames,
    wall: SystemTime,
) -> io::Result<bool> {
    let base = filename::base(name);
    let Some(index) = mailbox.records.find(base) else {
        return Ok(true);
    };
    let other = subdir.file(mailbox.dir(), name);
    let Some(second) = status(&other)? else {
        return Ok(false);
    };
    let Some(first) = status(&mailbox.path(index))? else {
        note_found_file(mailbox, index, *subdir, name);
        return Ok(false);
    };
    if mailbox.path(index) == other || !mailbox.is_writable() {
        return Ok(false);
    }
    if (first.dev(), first.ino()) == (second.dev(), second.ino()) {
        if has_old_link(&first, wall) {
            fs::remove_file(other)?;
        }
        return Ok(false);
    }
    let mut fresh = fresh_base(names, base, wall);
    fresh.extend_from_slice(&name[base.len()..]);
    rename_without_replacing(&other, &subdir.file(mailbox.dir(), &fresh))?;
    Ok(true)
}

/// True if the file has several links, and has had them for longer than the grace time.
fn has_old_link(status: &fs::Metadata, wall: SystemTime) -> bool {
    let seconds = status.ctime().try_into().unwrap_or(0);
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let is_old = wall
        .duration_since(changed)
        .is_ok_and(|age| age > LINK_GRACE);
    is_old && status.nlink() > 1
}

fn status(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
