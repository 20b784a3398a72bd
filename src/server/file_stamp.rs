//! Stamps by which the server notices that another program has changed or replaced a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What changes with a file. A link is followed: the tools that renew certificates change links.
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
    /// Returns the stamp of the file at `path`, or `None` if there is none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// True if both are stamps of the same file, whatever its content.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}
