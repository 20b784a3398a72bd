//! How to see that a file has changed without reading it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What `stat` says of a file. Two equal stamps mean that nothing happened in between, as far as
/// the grain of the file system's clock lets anybody see: a change within the same tick that keeps
/// the size stays hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// From what `fstat` said of an open file, or `stat` of a name.
    pub fn of(status: &Metadata) -> Self {
        Self {
            device: status.dev(),
            inode: status.ino(),
            size: status.size(),
            modified: (status.mtime(), status.mtime_nsec()),
            changed: (status.ctime(), status.ctime_nsec()),
        }
    }

    /// Of the file with that name, not following a symbolic link; `None` if there is none.
    ///
    /// # Errors
    /// Whatever `lstat` fails with, except that there is no such file.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(status) => Ok(Some(Self::of(&status))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The number of the file in its file system.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Octets.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Time of the last change of the content: seconds since 1970 and nanoseconds.
    pub fn modified(&self) -> (i64, i64) {
        self.modified
    }

    /// How long ago the content was changed, as seen by a clock that says `wall`; zero if that was
    /// later.
    pub fn age(&self, wall: SystemTime) -> Duration {
        let (seconds, nanoseconds) = self.modified;
        let modified = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanoseconds).unwrap_or(0),
        );
        let now = wall.duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().saturating_sub(modified)
    }

    /// True if both are of the same file, whatever happened to its content.
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_change_from_a_new_file() {
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
