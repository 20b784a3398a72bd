//! Both locks of a mailbox together.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::dot_lock::{DOTLOCK, DotLock, ForeignLockAge, LockOwner, OwnFile};
use crate::store::maildir::files;
use crate::store::maildir::uid_list;

/// Name of the file in the mailbox directory that imap2d processes lock among themselves. It stays:
/// if it were removed, two processes could lock two files of that name.
pub(crate) const ADVISORY: &str = "imap2d-lock";

/// The right to change the uid list and the keywords, and to remove messages.
#[derive(Debug)]
pub(crate) struct MailboxLock {
    // Dropped in this order: the inner lock first.
    dot: DotLock,
    pub(super) _advisory: Advisory,
}

impl MailboxLock {
    /// Takes both locks of the mailbox in `dir`, or none. Returns `None` if another process, or
    /// another session of this process, has one of them. Removes a stale dotlock and returns `None`
    /// that time: if two processes find it stale, the slower one must not remove the lock of the
    /// faster one.
    ///
    /// # Errors
    /// The lock files cannot be created.
    pub(crate) fn try_acquire(
        dir: &Path,
        owner: &LockOwner,
        foreign_lock: &mut ForeignLockAge,
        (now, wall): (Instant, SystemTime),
    ) -> io::Result<Option<Self>> {
        let Some(advisory) = try_advisory(dir)? else {
            return Ok(None);
        };
        let own = OwnFile {
            path: &advisory.path,
            file: &advisory.file,
            owner,
        };
        let list = dir.join(uid_list::FILE);
        let dot = DotLock::try_acquire(&dir.join(DOTLOCK), &list, own, foreign_lock, (now, wall))?;
        Ok(dot.map(|dot| Self {
            dot,
            _advisory: advisory,
        }))
    }

    /// Shows other programs that the holder is at work. A job that may hold the lock for more than
    /// a few seconds calls this in every step; it touches the file only when that is due.
    ///
    /// # Errors
    /// The time stamp cannot be changed.
    pub(crate) fn touch(&mut self, (now, wall): (Instant, SystemTime)) -> io::Result<()> {
        self.dot.touch((now, wall))
    }
}

/// The advisory lock. It belongs to the open file, not to the process, so two sessions exclude each
/// other, too. It is released explicitly: a process that is just being started shares the open file
/// until it executes its program, and would keep the lock for that long.
#[derive(Debug)]
pub(super) struct Advisory {
    pub(super) file: File,
    path: PathBuf,
}

impl Drop for Advisory {
    fn drop(&mut self) {
        if let Err(error) = fs2::FileExt::unlock(&self.file) {
            log::warn!("cannot release the lock {}: {error}", self.path.display());
        }
    }
}

fn try_advisory(dir: &Path) -> io::Result<Option<Advisory>> {
    let path = dir.join(ADVISORY);
    let file = files::open_or_create(&path)?;
    match fs2::FileExt::try_lock_exclusive(&file) {
        Ok(()) => Ok(Some(Advisory { file, path })),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
