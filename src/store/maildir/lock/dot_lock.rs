//! Dovecot's lock: a file that names its holder and exists as long as the lock is held.

use std::fs::File;
use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::file_stamp::FileStamp;
use crate::store::maildir::filename::number;
use crate::store::maildir::files;

/// Name of Dovecot's lock in the mailbox directory.
pub(super) const DOTLOCK: &str = "dovecot-uidlist.lock";

/// A lock younger than this is never taken away.
const YOUNG: Duration = Duration::from_secs(2);
/// For how long a lock of unknown holder, and the file that it protects, must not have changed
/// before the lock is stale.
const FOREIGN_STALE: Duration = Duration::from_secs(120);
/// How often a holder shows that it is still at work.
const TOUCH_EVERY: Duration = Duration::from_secs(10);
/// The text of a lock is `pid:host`. A longer text is ignored.
const MAX_TEXT: u64 = 1024;

/// The process that takes a lock: written into the lock, and compared with the text of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockOwner {
    /// Number of the process.
    pub(crate) pid: u32,
    /// Name of the host. A container needs a name of its own.
    pub(crate) host: String,
}

/// Since when a lock of unknown holder has not changed. Each mailbox keeps one from attempt to
/// attempt and from client to client, because a client gives up long before two minutes are over.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForeignLockAge {
    /// The stamps of the lock and of the protected file, and when they were first seen.
    seen: Option<(FileStamp, Option<FileStamp>, Instant)>,
}

/// A file that exists as long as this value does.
#[derive(Debug)]
pub(super) struct DotLock {
    path: PathBuf,
    file: File,
    stamp: FileStamp,
    touched: Instant,
}

impl DotLock {
    /// Creates the lock file `path`, which protects the file `protected`. Returns `None` in the
    /// same cases as [`MailboxLock::try_acquire`](super::MailboxLock::try_acquire). A lock with the
    /// number of this very process was left behind by an earlier process of that number; so within
    /// the process another lock must exclude other sessions.
    ///
    /// # Errors
    /// Creating, reading or removing the file fails.
    pub(super) fn try_acquire(
        path: &Path,
        protected: &Path,
        owner: &LockOwner,
        foreign_lock: &mut ForeignLockAge,
        (now, wall): (Instant, SystemTime),
    ) -> io::Result<Option<Self>> {
        match files::create_new(path, files::creation_mode(path)?) {
            Ok(file) => {
                *foreign_lock = ForeignLockAge::default();
                Self::fill(path, file, owner, now).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if is_stale(path, protected, owner, foreign_lock, (now, wall))? {
                    log::warn!("removing the stale lock {}", path.display());
                    files::remove(path)?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the text of the lock. A full disk may have room for a file and none for its content.
    /// Then the lock is held all the same, without naming its holder: otherwise no message could be
    /// expunged when that is most needed.
    pub(super) fn fill(
        path: &Path,
        mut file: File,
        owner: &LockOwner,
        now: Instant,
    ) -> io::Result<Self> {
        let text = format!("{}:{}", owner.pid, owner.host);
        let written = match file.write_all(text.as_bytes()) {
            Err(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => Ok(()),
            written => written,
        };
        match written.and_then(|()| file.metadata()) {
            Ok(status) => Ok(Self {
                path: path.to_path_buf(),
                file,
                stamp: FileStamp::of(&status),
                touched: now,
            }),
            Err(error) => {
                files::remove(path)?;
                Err(error)
            }
        }
    }

    pub(super) fn touch(&mut self, (now, wall): (Instant, SystemTime)) -> io::Result<()> {
        if now.saturating_duration_since(self.touched) < TOUCH_EVERY {
            return Ok(());
        }
        self.touched = now;
        self.file.set_modified(wall)
    }

    fn release(&self) -> io::Result<()> {
        match FileStamp::at(&self.path)? {
            Some(stamp) if stamp.is_same_file(&self.stamp) => files::remove(&self.path),
            _ => Err(io::Error::other("another program has removed it")),
        }
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            log::warn!("cannot release the lock {}: {error}", self.path.display());
        }
    }
}

/// What can be found out about the holder of a dotlock.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LockHolder {
    Gone,
    Alive,
    Unknown,
}

fn is_stale(
    path: &Path,
    protected: &Path,
    owner: &LockOwner,
    foreign_lock: &mut ForeignLockAge,
    (now, wall): (Instant, SystemTime),
) -> io::Result<bool> {
    let Some((stamp, text)) = read_lock(path)? else {
        return Ok(false);
    };
    if stamp.age(wall) < YOUNG {
        return Ok(false);
    }
    Ok(match holder(&text, owner) {
        LockHolder::Gone => true,
        LockHolder::Alive => false,
        LockHolder::Unknown => foreign_lock.is_stale(stamp, FileStamp::at(protected)?, now),
    })
}

/// Returns the stamp and the text of a lock; an empty text if it may not be read or is too long;
/// `None` if the lock has been released.
fn read_lock(path: &Path) -> io::Result<Option<(FileStamp, String)>> {
    let Some(stamp) = FileStamp::at(path)? else {
        return Ok(None);
    };
    let text = match files::read(path, MAX_TEXT) {
        Ok(Some((text, _))) => text,
        Ok(None) => return Ok(None),
        Err(_) => Vec::new(),
    };
    Ok(Some((stamp, String::from_utf8_lossy(&text).into_owned())))
}

/// Finds out about the holder of a lock with that text.
///
/// ```text
/// text = pid ":" host
/// ```
pub(super) fn holder(text: &str, owner: &LockOwner) -> LockHolder {
    let parsed = text.trim_end().split_once(':');
    let of_this_host = parsed.filter(|&(_, host)| host == owner.host);
    let pid = of_this_host.and_then(|(pid, _)| number::<i32>(pid.as_bytes()));
    // A text of digits is not negative, and 0 is no process.
    let Some(pid) = pid.and_then(Pid::from_raw) else {
        return LockHolder::Unknown;
    };
    let is_ours = u32::try_from(pid.as_raw_nonzero().get()) == Ok(owner.pid);
    if is_ours || test_kill_process(pid) == Err(Errno::SRCH) {
        LockHolder::Gone
    } else {
        LockHolder::Alive
    }
}

impl ForeignLockAge {
    /// True if neither the lock nor the protected file has changed for long enough.
    fn is_stale(&mut self, lock: FileStamp, protected: Option<FileStamp>, now: Instant) -> bool {
        match self.seen {
            Some((seen_lock, seen_protected, since))
                if (seen_lock, seen_protected) == (lock, protected) =>
            {
                now.saturating_duration_since(since) > FOREIGN_STALE
            }
            _ => {
                self.seen = Some((lock, protected, now));
                false
            }
        }
    }
}
