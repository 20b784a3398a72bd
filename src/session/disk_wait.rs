//! Waiting for the octets of a message file without holding up the other sessions.
//!
//! A read of a file that is not in the page cache waits for the disk, and the event loop with it:
//! 10 ms on a hard disk, more on a card that others read too. So a job reads of a message file what
//! is in memory (`RWF_NOWAIT`). If nothing is, it asks the kernel to read on from there
//! (`POSIX_FADV_WILLNEED`), which does not wait, and yields. A disk without moving parts answers
//! within some turns of the loop; for another one the job comes again every millisecond.
//!
//! What cannot be asked for in advance still waits: opening a file whose inode is not in memory,
//! and reading a directory.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
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
    /// Reads octets at `position`, as soon as that does not wait for the disk; done with how many
    /// there were, which may be fewer than the buffer holds, and none at the end of the file.
    pub(super) fn read(
        &mut self,
        file: &File,
        buffer: &mut [u8],
        position: u64,
        budget: &Budget<'_>,
    ) -> Step<io::Result<usize>> {
        match read_from_memory(file, buffer, position) {
            Ok(None) => {}
            Ok(Some(count)) => {
                self.tries = 0;
                let end = position + count as u64;
                if position / WINDOW != end / WINDOW {
                    read_ahead(file, end);
                }
                return Step::Done(Ok(count));
            }
            Err(error) => return Step::Done(Err(error)),
        }
        if self.tries == 0 {
            read_ahead(file, position);
        }
        self.tries += 1;
        if self.tries <= AT_ONCE {
            Step::Yield(Why::Budget)
        } else if self.tries <= MOST {
            Step::Yield(Why::Until(budget.now() + SLEEP))
        } else {
            self.tries = 0;
            Step::Done(file.read_at(buffer, position))
        }
    }
}

/// Reads octets, or returns `None` if that would wait for the disk. Waits if the file system cannot
/// tell.
fn read_from_memory(file: &File, buffer: &mut [u8], position: u64) -> io::Result<Option<usize>> {
    let octets = &mut [IoSliceMut::new(buffer)];
    match rustix::io::preadv2(file, octets, position, ReadWriteFlags::NOWAIT) {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN) => Ok(None),
        Err(_) => file.read_at(buffer, position).map(Some),
    }
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
        let (mut wait, mut piece) = (DiskWait::default(), [0; 16 * 1024]);
        let mut read = 0;
        while read < 3 * WINDOW {
            let budget = Budget::step(&clock);
            match wait.read(&file, &mut piece, read, &budget) {
                Step::Done(count) => {
                    let count = count.expect("read");
                    assert!(count > 0 && piece[..count].iter().all(|&octet| octet == b'x'));
                    read += count as u64;
                }
                Step::Yield(Why::Budget) => std::thread::yield_now(),
                Step::Yield(why) => {
                    assert_eq!(why, Why::Until(clock.now() + SLEEP));
                    clock.advance(SLEEP);
                    std::thread::sleep(SLEEP);
                }
            }
        }
        let end = wait.read(&file, &mut piece, read, &Budget::step(&clock));
        assert!(matches!(end, Step::Done(Ok(0))));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let directory = File::open("/").expect("opened");
        let read = DiskWait::default().read(&directory, &mut [0], 0, &Budget::step(&clock));
        assert!(matches!(read, Step::Done(Err(_))));
    }
}
