//! Stamps by which a file shows that it has changed, without being read.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The attributes that change when a file is edited or replaced. Two equal stamps mean that nothing
/// happened to the file in between, as far as the clock of the file system shows it: a change
/// within the same tick that keeps the size stays hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Time of the last change of the content, in seconds and nanoseconds.
    modified: (i64, i64),
    /// Time of the last change of anything.
    changed: (i64, i64),
}

impl FileStamp {
    /// Returns the stamp of a file whose status is known.
    pub(crate) fn of(status: &Metadata) -> Self {
        Self {
            device: status.dev(),
            inode: status.ino(),
            size: status.size(),
            modified: (status.mtime(), status.mtime_nsec()),
            changed: (status.ctime(), status.ctime_nsec()),
        }
    }

    /// Returns the stamp of the file with that name, or `None` if there is none. Does not follow a
    /// symbolic link.
    ///
    /// # Errors
    /// If `lstat` fails for another reason than that there is no such file.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(status) => Ok(Some(Self::of(&status))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the stamp of the file that the name leads to, through symbolic links, or `None` if
    /// it cannot be found. The tools that renew certificates change links.
    pub(crate) fn at_target(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }

    /// Returns the size in octets.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the time of the last change of the content: seconds since 1970 and nanoseconds.
    pub(crate) fn modified(&self) -> (i64, i64) {
        self.modified
    }

    /// Returns the time since the last change of the content, by a clock that shows `wall`; zero if
    /// the change was later.
    pub(crate) fn age(&self, wall: SystemTime) -> Duration {
        let (seconds, nanoseconds) = self.modified;
        let modified = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanoseconds).unwrap_or(0),
        );
        let now = wall.duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().saturating_sub(modified)
    }

    /// True if both are stamps of the same file, whatever its content.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_tells_a_changed_file_from_a_replaced_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f");
        assert_eq!(FileStamp::at(&path).expect("no error"), None);
        fs::write(&path, "a").expect("written");
        let first = FileStamp::at(&path).expect("no error").expect("a file");
        fs::write(&path, "ab").expect("written");
        let grown = FileStamp::at(&path).expect("no error").expect("a file");
        assert!(first != grown && first.is_same_file(&grown));
        assert_eq!(grown.size(), 2);
        let other = dir.path().join("g");
        fs::write(&other, "ab").expect("written");
        fs::rename(&other, &path).expect("renamed");
        let replaced = FileStamp::at(&path).expect("no error").expect("a file");
        assert!(!grown.is_same_file(&replaced));
    }
}
