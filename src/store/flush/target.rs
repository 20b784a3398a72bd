//! What is flushed, and how.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::io::{Errno, retry_on_intr};

/// An open file or directory that is to be flushed to disk. The descriptor is the one through which
/// the file was written, because the kernel reports a failed write to the descriptors that were
/// open then.
#[derive(Debug)]
pub(crate) struct FlushTarget {
    file: Arc<File>,
    part: FlushPart,
}

/// What of the target is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlushPart {
    /// The content, and everything else about the file, such as its dates.
    Everything,
    /// The content, and what is needed to read it.
    Content,
    /// The entries of a directory, with its device and inode numbers.
    Entries(u64, u64),
    /// Everything on the file system.
    FileSystem,
}

impl FlushTarget {
    /// Returns the target of a file and its dates.
    pub(crate) fn file(file: Arc<File>) -> Self {
        let part = FlushPart::Everything;
        Self { file, part }
    }

    /// Returns the target of the content of a file.
    pub(crate) fn content(file: Arc<File>) -> Self {
        let part = FlushPart::Content;
        Self { file, part }
    }

    /// Opens a directory whose entries are to be flushed.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub(crate) fn directory(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let status = file.metadata()?;
        Ok(Self {
            file: Arc::new(file),
            part: FlushPart::Entries(status.dev(), status.ino()),
        })
    }

    /// Opens a new directory of which the directories above it may be new, too, so that the whole
    /// file system is to be flushed. The server may not open the directories above it to flush
    /// their entries.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub(crate) fn with_parents(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(File::open(path)?),
            part: FlushPart::FileSystem,
        })
    }

    /// True if flushing one of the two flushes the other as well, provided that it begins after
    /// both were changed.
    pub(super) fn covers(&self, other: &Self) -> bool {
        matches!(self.part, FlushPart::Entries(..)) && self.part == other.part
    }

    /// Returns the path of the file, by which the kernel knows it now.
    #[cfg(test)]
    pub(super) fn path(&self) -> std::path::PathBuf {
        use std::os::fd::AsRawFd;
        let link = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        std::fs::read_link(link).expect("an open file")
    }

    /// Flushes, and waits until the disk has it.
    pub(crate) fn flush(&self) -> Result<(), Errno> {
        match self.part {
            FlushPart::Everything => retry_on_intr(|| rustix::fs::fsync(&self.file)),
            FlushPart::Content => retry_on_intr(|| rustix::fs::fdatasync(&self.file)),
            FlushPart::FileSystem => retry_on_intr(|| rustix::fs::syncfs(&self.file)),
            FlushPart::Entries(..) => {
                match retry_on_intr(|| rustix::fs::fdatasync(&self.file)) {
                    // Some file systems cannot flush directories and need not.
                    Err(Errno::INVAL | Errno::BADF | Errno::ROFS) => Ok(()),
                    flushed => flushed,
                }
            }
        }
    }
}
