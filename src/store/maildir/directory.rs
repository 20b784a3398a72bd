//! The two directories of a mailbox that hold messages, and how to tell that nothing happened in
//! them.
//!
//! # The problem
//!
//! A directory's time of change moves with every file that comes, goes or is renamed, but by the
//! tick of the file system's clock: two changes within one tick leave one time. So the same time
//! twice does not prove that nothing happened in between, unless the first look at it was already a
//! tick old: whatever happens later than one tick after a look must show another time. That is the
//! rule of [`Observation`]: a scan is *conclusive* if it began at least one tick after its
//! directories were first seen with these times, and they still have them when it ends. The looks
//! are timed by our own steady clock; the clock of the file server, which may be another machine's,
//! is compared with nothing but itself.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::layout;

/// The longest tick of a local clock: a jiffy of 10 ms, doubled.
const TICK: Duration = Duration::from_millis(20);
/// The longest tick where times have no fraction: FAT counts every other second.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// One of the two directories that hold messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subdir {
    New,
    Cur,
}

impl Subdir {
    /// Its name in the mailbox directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => layout::NEW,
            Self::Cur => layout::CUR,
        }
    }

    /// Its path.
    pub(crate) fn within(self, mailbox: &Path) -> PathBuf {
        mailbox.join(self.name())
    }

    /// The path of a file in it.
    pub(crate) fn file(self, mailbox: &Path, name: &[u8]) -> PathBuf {
        layout::join(&self.within(mailbox), name)
    }
}

/// What a directory is and when it was changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectoryStamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

impl DirectoryStamp {
    /// Of no directory at all.
    const ABSENT: Self = Self {
        device: 0,
        inode: 0,
        modified: (0, 0),
    };

    /// From what `fstat` said of an open directory.
    pub(crate) fn of(status: &fs::Metadata) -> Self {
        Self {
            device: status.dev(),
            inode: status.ino(),
            modified: (status.mtime(), status.mtime_nsec()),
        }
    }

    /// Of the directory with that path.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|status| Self::of(&status))
    }

    fn at_or_absent(path: &Path) -> io::Result<Self> {
        match Self::at(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::ABSENT),
            stamp => stamp,
        }
    }

    fn is_absent(&self) -> bool {
        *self == Self::ABSENT
    }

    /// True if both are of the same directory.
    pub(crate) fn is_same_directory(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    fn age(&self, wall: SystemTime) -> Option<Duration> {
        let seconds = u64::try_from(self.modified.0).ok()?;
        let nanoseconds = u32::try_from(self.modified.1).ok()?;
        let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))?;
        wall.duration_since(modified).ok()
    }
}

/// The stamps of `new/` and `cur/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectoryStamps {
    pub(crate) new: DirectoryStamp,
    pub(crate) cur: DirectoryStamp,
}

impl DirectoryStamps {
    /// Of both directories of a mailbox, as they are now.
    pub(crate) fn of(mailbox: &Path) -> io::Result<Self> {
        Ok(Self {
            new: DirectoryStamp::at_or_absent(&Subdir::New.within(mailbox))?,
            cur: DirectoryStamp::at_or_absent(&Subdir::Cur.within(mailbox))?,
        })
    }

    /// True if one of the directories is not there.
    pub(crate) fn is_any_absent(&self) -> bool {
        self.new.is_absent() || self.cur.is_absent()
    }

    fn tick(&self) -> Duration {
        if self.new.modified.1 == 0 || self.cur.modified.1 == 0 {
            COARSE_TICK
        } else {
            TICK
        }
    }

    /// True if by the machine's own clock no tick that could hide a change is running any more.
    /// Good enough where nothing that was told hangs on it.
    pub(crate) fn are_old(&self, wall: SystemTime) -> bool {
        let is_old = |stamp: &DirectoryStamp| stamp.age(wall).is_some_and(|age| age > COARSE_TICK);
        is_old(&self.new) && is_old(&self.cur)
    }
}

/// Since when the directories are known to have the stamps they have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    pub(crate) stamps: DirectoryStamps,
    since: Instant,
}

impl Observation {
    /// Looks again: if the stamps are the same, the observation is as old as the first one.
    pub(crate) fn renew(before: Option<Self>, stamps: DirectoryStamps, now: Instant) -> Self {
        match before {
            Some(before) if before.stamps == stamps => before,
            _ => Self { stamps, since: now },
        }
    }

    /// From when on a scan that finds the same stamps again is conclusive.
    pub(crate) fn ripens(&self) -> Instant {
        self.since + self.stamps.tick()
    }
}

/// Renames a file, but never over another one: where two files of one name are in question, neither
/// may be lost. A file system that cannot promise that is asked to rename all the same.
pub(crate) fn rename_onto_nothing(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

/// Flushes the entries of a directory. Some file systems do not know how to and need not.
pub(crate) fn flush_directory(path: &Path) -> io::Result<()> {
    match rustix::fs::fdatasync(File::open(path)?) {
        Err(Errno::INVAL | Errno::BADF | Errno::ROFS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_ages_only_while_nothing_moves() {
        let dir = tempfile::tempdir().expect("a directory");
        layout::create_parts(dir.path()).expect("created");
        let mut stamps = DirectoryStamps::of(dir.path()).expect("stamps");
        stamps.new.modified = (100, 5);
        stamps.cur.modified = (100, 7);
        let start = Instant::now();
        let first = Observation::renew(None, stamps, start);
        assert_eq!(first.ripens(), start + TICK);
        let later = start + Duration::from_secs(1);
        assert_eq!(
            Observation::renew(Some(first), stamps, later).ripens(),
            start + TICK
        );
        stamps.cur.modified = (100, 0);
        let moved = Observation::renew(Some(first), stamps, later);
        assert_eq!(moved.ripens(), later + COARSE_TICK);
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(!stamps.are_old(at(101)) && stamps.are_old(at(103)) && !stamps.are_old(at(1)));
    }

    #[test]
    fn never_renames_over_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "a").expect("written");
        fs::write(&b, "b").expect("written");
        let error = rename_onto_nothing(&a, &b).expect_err("b is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        fs::remove_file(&b).expect("removed");
        rename_onto_nothing(&a, &b).expect("renamed");
        assert_eq!(fs::read(&b).expect("read"), b"a");
        assert!(flush_directory(dir.path()).is_ok());
    }
}
