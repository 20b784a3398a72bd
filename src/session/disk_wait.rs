//! Waiting for the octets of a message file without holding up the other sessions.
//!
//! A read of a file that is not in the page cache waits for the disk, and the event loop with it:
//! 10 ms on a hard disk, more on a card that others read too. So a job that reads message files
//! asks first whether the octets are in memory. If they are not, it asks the kernel to read them
//! and what follows (`POSIX_FADV_WILLNEED`), which does not wait, and yields. A disk without moving
//! parts answers within some turns of the loop; for another one the job comes again every
//! millisecond.
//!
//! What cannot be asked for in advance still waits: opening a file whose inode is not in memory,
//! and reading a directory.

use std::fs::File;
use std::io::IoSliceMut;
use std::num::NonZeroU64;
use std::ops::Range;
use std::time::Duration;

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};

use crate::budget::{Budget, Step, Why};

/// Octets that the kernel is asked to read at once.
const WINDOW: u64 = 512 * 1024;
/// How often the job asks again in the next turn of the loop, before it begins to sleep.
const AT_ONCE: u32 = 50;
/// How long it sleeps then.
const SLEEP: Duration = Duration::from_millis(1);
/// After so many times the job reads all the same: a disk that fails must not hide that, and
/// memory may be so short that the octets never stay.
const MOST: u32 = 5_000;

/// Waits for the octets of one file after the other.
#[derive(Debug, Default)]
pub(super) struct DiskWait {
    /// How often the octets that are wanted were not in memory.
    tries: u32,
}

impl DiskWait {
    /// Done when reading the octets of this range will not wait for the disk.
    pub(super) fn poll(&mut self, file: &File, range: Range<u64>, budget: &Budget<'_>) -> Step<()> {
        if is_in_memory(file, range.start) && is_in_memory(file, range.end.saturating_sub(1)) {
            self.tries = 0;
            if range.start / WINDOW != range.end / WINDOW {
                read_ahead(file, range.end);
            }
            return Step::Done(());
        }
        if self.tries == 0 {
            read_ahead(file, range.start);
        }
        self.tries += 1;
        if self.tries <= AT_ONCE {
            Step::Yield(Why::Budget)
        } else if self.tries <= MOST {
            Step::Yield(Why::Until(budget.now() + SLEEP))
        } else {
            self.tries = 0;
            Step::Done(())
        }
    }
}

/// True unless reading the octet at `position` would wait for the disk. True if the file has no
/// such octet, or if its file system cannot tell.
fn is_in_memory(file: &File, position: u64) -> bool {
    let mut octet = [0];
    let octets = &mut [IoSliceMut::new(&mut octet)];
    let read = rustix::io::preadv2(file, octets, position, ReadWriteFlags::NOWAIT);
    read != Err(Errno::AGAIN)
}

/// Asks the kernel to read the octets from `position` on. If it does not, the job waits longer.
fn read_ahead(file: &File, position: u64) {
    let advised = rustix::fs::fadvise(file, position, NonZeroU64::new(WINDOW), Advice::WillNeed);
    if let Err(error) = advised {
        log::trace!("cannot ask for readahead: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;
    use std::time::SystemTime;

    use super::*;
    use crate::budget::{Clock as _, FakeClock};

    /// Makes a file of that many octets, none of which are in memory if its file system allows.
    fn cold_file(octets: usize) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&vec![b'x'; octets]).expect("written");
        file.sync_all().expect("flushed");
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).expect("advised");
        file
    }

    #[test]
    fn a_file_that_is_not_in_memory_is_there_after_a_while() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let file = cold_file(3 * WINDOW as usize);
        let mut wait = DiskWait::default();
        for start in (0..3 * WINDOW).step_by(16 * 1024) {
            loop {
                let budget = Budget::step(&clock);
                match wait.poll(&file, start..start + 16 * 1024, &budget) {
                    Step::Done(()) => break,
                    Step::Yield(Why::Budget) => std::thread::yield_now(),
                    Step::Yield(why) => {
                        assert_eq!(why, Why::Until(clock.now() + SLEEP));
                        clock.advance(SLEEP);
                        std::thread::sleep(SLEEP);
                    }
                }
            }
            assert!(is_in_memory(&file, start));
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_wait() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let budget = Budget::step(&clock);
        let mut wait = DiskWait::default();
        let file = cold_file(10);
        assert_eq!(wait.poll(&file, 100..200, &budget), Step::Done(()));
        assert_eq!(wait.poll(&file, 100..100, &budget), Step::Done(()));
        let directory = File::open("/").expect("opened");
        assert_eq!(wait.poll(&directory, 0..9, &budget), Step::Done(()));
        assert!(directory.read_at(&mut [0], 0).is_err());
    }
}
