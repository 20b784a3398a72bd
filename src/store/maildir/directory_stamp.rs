//! How to tell that nothing has happened in the directories of a mailbox.
//!
//! # The problem
//!
//! The modification time of a directory changes with every file that comes, goes or is renamed, but
//! in ticks of the file system's clock: two changes within one tick leave one time. So finding the
//! same time twice does not prove that nothing happened in between, unless the time was already a
//! tick old at the first look: a change more than one tick after a look must show another time.
//!
//! # The rule
//!
//! An [`Observation`] records since when the directories are known to have their present times. A
//! scan is *conclusive* if it began at least one tick after the directories were first seen with
//! these times, and they still have them when it ends. The looks are timed by our own monotonic
//! clock; the clock of the file server, which may be another machine, is compared with nothing but
//! itself.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::subdir::Subdir;

/// The longest tick of a local clock: a jiffy of 10 ms, doubled.
const TICK: Duration = Duration::from_millis(20);
/// The longest tick where times have no fraction: FAT counts every other second.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// Which directory it is, and when it was last modified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectoryStamp {
    device: u64,
    inode: u64,
    /// Seconds since 1970 and nanoseconds.
    modified: (i64, i64),
}

impl DirectoryStamp {
    /// The stamp of a directory that does not exist.
    const ABSENT: Self = Self {
        device: 0,
        inode: 0,
        modified: (0, 0),
    };

    /// Returns the stamp from the result of `fstat`.
    pub(crate) fn of(status: &fs::Metadata) -> Self {
        Self {
            device: status.dev(),
            inode: status.ino(),
            modified: (status.mtime(), status.mtime_nsec()),
        }
    }

    /// Returns the stamp of the directory with that path.
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

    /// True if both are stamps of the same directory.
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
    /// Returns the present stamps of a mailbox.
    pub(crate) fn of(mailbox: &Path) -> io::Result<Self> {
        Ok(Self {
            new: DirectoryStamp::at_or_absent(&Subdir::New.within(mailbox))?,
            cur: DirectoryStamp::at_or_absent(&Subdir::Cur.within(mailbox))?,
        })
    }

    /// True if one of the directories does not exist.
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

    /// True if, by the machine's own clock, the tick of the last modification is over, so that no
    /// change can be hidden. Good enough where nothing that was announced depends on it.
    pub(crate) fn are_old(&self, wall: SystemTime) -> bool {
        let is_old = |stamp: &DirectoryStamp| stamp.age(wall).is_some_and(|age| age > COARSE_TICK);
        is_old(&self.new) && is_old(&self.cur)
    }
}

/// Since when the directories are known to have their present stamps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    stamps: DirectoryStamps,
    since: Instant,
}

impl Observation {
    /// Returns the observation after another look. If the stamps are the same, it is as old as the
    /// one before.
    pub(crate) fn renew(before: Option<Self>, stamps: DirectoryStamps, now: Instant) -> Self {
        match before {
            Some(before) if before.stamps == stamps => before,
            _ => Self { stamps, since: now },
        }
    }

    /// Returns when a scan that finds the same stamps again becomes conclusive.
    pub(crate) fn ripens(&self) -> Instant {
        self.since + self.stamps.tick()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::maildir::layout;

    #[test]
    fn an_observation_ages_only_while_the_stamps_stay_the_same() {
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
}
