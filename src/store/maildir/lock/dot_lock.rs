//! Dovecot's lock: a file that names its holder and exists as long as the lock is held.
//!
//! Ours is a second name of the file of the advisory lock. So it names its holder from the first
//! moment, and what a process that died or a power cut left behind is known by the file that it is:
//! the holder of the advisory lock knows that no other process holds it.

use std::fs::{File, OpenOptions};
use std::io;
use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::file_stamp::FileStamp;
use crate::store::maildir::filename::number;
use crate::store::maildir::files;

/// Name of Dovecot's lock in the mailbox directory.
pub(super) const DOTLOCK: &str = "dovecot-uidlist.lock";

/// Name of a new lock where the file of the advisory lock cannot have two names.
const COPY: &str = "imap2d-lock.new";

/// Another program that creates its lock writes its text within this time.
const YOUNG: Duration = Duration::from_secs(2);
/// For how long a lock of unknown holder, and the file that it protects, must not have changed
/// before the lock is stale.
const FOREIGN_STALE: Duration = Duration::from_secs(120);
/// How often a holder shows that it is still at work.
const TOUCH_EVERY: Duration = Duration::from_secs(10);
/// The text of a lock is `pid:host`. A longer text is ignored.
const MAX_TEXT: u64 = 1024;
/// File systems of one host, by the numbers in statfs(2): ext2 to ext4, XFS, Btrfs, tmpfs, F2FS,
/// overlayfs, ZFS, Bcachefs.
const LOCAL: [u32; 8] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0xf2f5_2010,
    0x794c_7630,
    0x2fc1_2fc1,
    0xca45_1a4e,
];

/// The process that takes a lock: written into the lock, and compared with the text of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockOwner {
    /// Number of the process.
    pub(crate) pid: u32,
    /// Name of the host. A container needs a name of its own.
    pub(crate) host: String,
    /// When the host started.
    pub(crate) booted: SystemTime,
}

impl LockOwner {
    /// True if a file was last changed before this host started.
    fn has_booted_after(&self, stamp: FileStamp) -> bool {
        !stamp.age(self.booted).is_zero()
    }
}

/// Since when a lock of unknown holder has not changed. Each mailbox keeps one from attempt to
/// attempt and from client to client, because a client gives up long before two minutes are over.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForeignLockAge {
    /// The stamps of the lock and of the protected file, and when they were first seen.
    seen: Option<(FileStamp, Option<FileStamp>, Instant)>,
}

/// A name that exists as long as this value does.
#[derive(Debug)]
pub(super) struct DotLock {
    path: PathBuf,
    stamp: FileStamp,
    touched: Instant,
}

/// The file of the advisory lock, locked by the caller, and the process that has locked it.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnFile<'a> {
    pub(super) path: &'a Path,
    pub(super) file: &'a File,
    pub(super) owner: &'a LockOwner,
}

impl DotLock {
    /// Creates the lock `path`, which protects the file `protected`. Returns `None` in the same
    /// cases as [`MailboxLock::try_acquire`](super::MailboxLock::try_acquire).
    ///
    /// # Errors
    /// Creating, reading or removing the file fails.
    pub(super) fn try_acquire(
        path: &Path,
        protected: &Path,
        own: OwnFile<'_>,
        foreign_lock: &mut ForeignLockAge,
        (now, wall): (Instant, SystemTime),
    ) -> io::Result<Option<Self>> {
        match own.appear_as(path) {
            Ok(()) => {
                *foreign_lock = ForeignLockAge::default();
                Ok(FileStamp::at(path)?.map(|stamp| Self {
                    path: path.to_path_buf(),
                    stamp,
                    touched: now,
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_stale(path, protected, own, foreign_lock, (now, wall))?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn touch(&mut self, (now, wall): (Instant, SystemTime)) -> io::Result<()> {
        if now.saturating_duration_since(self.touched) < TOUCH_EVERY {
            return Ok(());
        }
        self.touched = now;
        let file = files::open(&self.path, OpenOptions::new().write(true))?;
        file.map_or(Ok(()), |file| file.set_modified(wall))
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

impl OwnFile<'_> {
    /// Makes the lock `path`, which names its holder from the first moment.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if another program holds the lock, or making it fails.
    pub(super) fn appear_as(self, path: &Path) -> io::Result<()> {
        // Most attempts find the lock of another program, which needs no text of ours.
        if FileStamp::at(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.write_text(self.file)?;
        match rustix::fs::link(self.path, path) {
            Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => self.copy_to(path),
            linked => Ok(linked?),
        }
    }

    /// Makes the lock as a file of its own, on a file system without links.
    pub(super) fn copy_to(self, path: &Path) -> io::Result<()> {
        let copy = self.path.with_file_name(COPY);
        files::remove(&copy)?;
        let file = files::create_new(&copy, files::creation_mode(&copy)?)?;
        let named = self
            .write_text(&file)
            .and_then(|()| files::rename_without_replacing(&copy, path));
        if named.is_err() {
            files::remove(&copy)?;
        }
        named
    }

    /// Writes who holds the lock. A full disk may have no room for that. Then the lock is held all
    /// the same, without naming its holder: otherwise no message could be expunged when that is
    /// most needed.
    fn write_text(self, file: &File) -> io::Result<()> {
        let text = format!("{}:{}", self.owner.pid, self.owner.host);
        let mut present = [0; 256];
        let length = file.read_at(&mut present, 0)?;
        if present[..length] == *text.as_bytes() {
            return Ok(());
        }
        let wanted = match file.write_all_at(text.as_bytes(), 0) {
            Err(error) if matches!(error.kind(), StorageFull | QuotaExceeded) => 0,
            written => {
                written?;
                text.len() as u64
            }
        };
        if file.metadata()?.len() > wanted {
            file.set_len(wanted)?;
        }
        Ok(())
    }

    /// True if no other host can have taken the advisory lock. Where hosts share a file system,
    /// they may not share its advisory locks.
    fn excludes_other_hosts(self) -> bool {
        let status = rustix::fs::fstatfs(self.file);
        // The type of the number depends on the machine; its 32 bits do not.
        status.is_ok_and(|status| LOCAL.contains(&(status.f_type as u32)))
    }
}

/// What can be found out about the holder of a dotlock.
#[derive(Debug)]
enum LockHolder {
    /// A process of this host that has ended.
    Gone,
    /// A process of this host.
    Alive,
    OnOtherHost,
    /// The text ends within the name of this host, or names another host that is called so.
    Torn,
    /// The text names no process.
    Unnamed,
}

/// Removes the lock if it is stale.
fn remove_stale(
    path: &Path,
    protected: &Path,
    own: OwnFile<'_>,
    foreign_lock: &mut ForeignLockAge,
    (now, wall): (Instant, SystemTime),
) -> io::Result<()> {
    let Some((stamp, text)) = read_lock(path)? else {
        return Ok(());
    };
    let is_ours = stamp.is_same_file(&FileStamp::of(&own.file.metadata()?));
    let is_complete = stamp.age(wall) >= YOUNG;
    let is_stale = match holder(&text, own.owner) {
        LockHolder::Gone => true,
        LockHolder::Alive => is_ours || own.owner.has_booted_after(stamp),
        LockHolder::Unnamed => is_ours || is_complete,
        LockHolder::Torn if own.excludes_other_hosts() => is_ours || is_complete,
        LockHolder::OnOtherHost if is_ours && own.excludes_other_hosts() => true,
        LockHolder::Torn | LockHolder::OnOtherHost => {
            foreign_lock.is_stale(stamp, FileStamp::at(protected)?, now)
        }
    };
    if is_stale && FileStamp::at(path)? == Some(stamp) {
        log::warn!("removing the stale lock {}", path.display());
        files::remove(path)?;
    }
    Ok(())
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
fn holder(text: &str, owner: &LockOwner) -> LockHolder {
    let Some((pid, host)) = text.trim_end().split_once(':') else {
        return LockHolder::Unnamed;
    };
    // A text of digits is not negative, and 0 is no process.
    let Some(pid) = number::<i32>(pid.as_bytes()).and_then(Pid::from_raw) else {
        return LockHolder::Unnamed;
    };
    if host != owner.host {
        let is_torn = owner.host.starts_with(host);
        return if is_torn {
            LockHolder::Torn
        } else {
            LockHolder::OnOtherHost
        };
    }
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
