//! Removing from `tmp/` the files of deliveries that were never finished.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::layout;
use crate::work;

/// Age at which a file is abandoned: 36 hours, as in other Maildir programs.
const ABANDONED: Duration = Duration::from_secs(36 * 60 * 60);
/// Entries looked at per call, and removed within 2 ms. A fuller directory is cleaned by several
/// calls.
const MOST_ENTRIES: usize = 128;

/// Removes the abandoned files from a mailbox's `tmp/`, as far as possible.
pub(crate) fn clean_tmp(mailbox: &Path, wall: SystemTime) {
    let tmp = mailbox.join(layout::TMP);
    if let Err(error) = clean(&tmp, wall) {
        log::debug!("{}: cannot remove abandoned files: {error}", tmp.display());
    }
}

fn clean(tmp: &Path, wall: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(tmp)?.take(MOST_ENTRIES) {
        work::call();
        let entry = entry?;
        if !entry.file_type()?.is_file() || entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        // The change time of the entry, not of the content, which a delivery may set to any date.
        let seconds = u64::try_from(entry.metadata()?.ctime()).unwrap_or(0);
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        if wall.duration_since(begun).is_ok_and(|age| age > ABANDONED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_only_old_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let tmp = dir.path().join("tmp");
        fs::create_dir(&tmp).expect("created");
        fs::create_dir(tmp.join("sub")).expect("created");
        for name in ["a", ".nfs1"] {
            fs::write(tmp.join(name), "x").expect("written");
        }
        let now = SystemTime::now();
        clean_tmp(dir.path(), now + Duration::from_secs(35 * 3600));
        assert_eq!(fs::read_dir(&tmp).expect("read").count(), 3);
        clean_tmp(dir.path(), now + Duration::from_secs(37 * 3600));
        assert!(!tmp.join("a").exists() && tmp.join(".nfs1").exists() && tmp.join("sub").exists());
    }
}
