//! `dovecot-uidvalidity*`: the UIDVALIDITY of the next new mailbox.
//!
//! A mailbox that is deleted and created again must not have its old UIDVALIDITY. So all mailboxes
//! of a user take theirs from one counter in the root. The counter is the *name* of an empty file,
//! `dovecot-uidvalidity.` and eight hexadecimal digits. A name can be changed by one `rename`,
//! which succeeds for only one of two processes that try, so that no lock is needed.
//! `dovecot-uidvalidity` holds the same digits, for readers that use the file; we use the names.

use std::fs::{self, ReadDir};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files;
use crate::budget::{Budget, COST_OPEN, ENTRIES_PER_UNIT, RECORDS_PER_UNIT, Step, Why};
use crate::types::UidValidity;
use crate::work;
use crate::{ready, try_done};

/// Name of the file with the digits. The counter's name is this, a dot, and the digits.
const FILE: &str = "dovecot-uidvalidity";
/// How many times other processes may be faster.
const TRIES: u32 = 10;
/// Records that reading a directory entry takes as long as.
const RECORDS_PER_ENTRY: usize = (RECORDS_PER_UNIT / ENTRIES_PER_UNIT) as usize;
/// Mode of the counter: it is only renamed, never written.
const MODE: u32 = 0o444;

/// Gives out UIDVALIDITY values. One value of this type serves all users.
#[derive(Debug, Default)]
pub(crate) struct UidValidities {
    /// The last value that was taken from the clock because a counter could not be used.
    last: u32,
}

impl UidValidities {
    /// Returns the time, or one more than the last time.
    fn by_clock(&mut self, wall: SystemTime) -> UidValidity {
        let time = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let value = seconds.max(self.last.saturating_add(1));
        self.last = value;
        UidValidity::new(value).unwrap_or_else(|| behind(0))
    }
}

/// Takes one value for a new mailbox. It reads the root an entry at a time, because the root holds
/// the directories of all mailboxes.
#[derive(Debug, Default)]
pub(crate) struct TakeUidValidity {
    /// The entries of the root that were not read yet.
    entries: Option<ReadDir>,
    counters: Counters,
    /// How many times other processes were faster.
    tries: u32,
}

/// The least and the greatest counter that were found. Normally there is one.
type Counters = Option<(u32, u32)>;

impl TakeUidValidity {
    /// Reads on; done with the UIDVALIDITY of the next new mailbox in `root`. Never returns the
    /// same value twice, even if the counter cannot be used, which is logged.
    pub(crate) fn step(
        &mut self,
        values: &mut UidValidities,
        root: &Path,
        budget: &mut Budget<'_>,
    ) -> Step<UidValidity> {
        let wall = budget.wall();
        while self.tries < TRIES {
            match ready!(self.find_counters(root, budget))
                .and_then(|()| self.count(values, root, wall))
            {
                Ok(Some(value)) => return Step::Done(value),
                Ok(None) => self.tries += 1,
                Err(error) => {
                    log::warn!(
                        "cannot use the UIDVALIDITY counter {}, taking the value from the clock: \
                         {error}",
                        root.join(FILE).display()
                    );
                    break;
                }
            }
        }
        Step::Done(values.by_clock(wall))
    }

    /// Reads the root to its end.
    fn find_counters(&mut self, root: &Path, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let entries = match &mut self.entries {
            Some(entries) => entries,
            None => {
                budget.spend(COST_OPEN);
                self.counters = None;
                self.entries.insert(try_done!(fs::read_dir(root)))
            }
        };
        for entry in entries {
            work::things(1);
            if let Some(value) = counter_value(try_done!(entry).file_name().as_bytes()) {
                let (least, greatest) = self.counters.unwrap_or((value, value));
                self.counters = Some((least.min(value), greatest.max(value)));
            }
            budget.spend_records(RECORDS_PER_ENTRY);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        self.entries = None;
        Step::Done(Ok(()))
    }

    /// Counts on. Returns `None` if another process was faster.
    fn count(
        &self,
        values: &mut UidValidities,
        root: &Path,
        wall: SystemTime,
    ) -> io::Result<Option<UidValidity>> {
        let (value, moved) = match self.counters {
            None => {
                let value = values.by_clock(wall);
                let created = files::create_new(&counter(root, value.get()), MODE);
                (value, created.map(drop))
            }
            Some((least, greatest)) => {
                if least != greatest {
                    files::remove(&counter(root, least))?;
                }
                let value = behind(greatest);
                let (from, to) = (counter(root, greatest), counter(root, value.get()));
                (value, fs::rename(from, to))
            }
        };
        match moved {
            Ok(()) => {
                write_digits(root, value)?;
                Ok(Some(value))
            }
            Err(error) if is_race(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_race(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
    )
}

/// Returns the next greater value; 1 follows the greatest of all.
fn behind(value: u32) -> UidValidity {
    let next = value.checked_add(1).and_then(UidValidity::new);
    next.unwrap_or_else(|| UidValidity::new(1).expect("1 is not 0"))
}

fn counter(root: &Path, value: u32) -> PathBuf {
    root.join(format!("{FILE}.{value:08x}"))
}

fn counter_value(name: &[u8]) -> Option<u32> {
    let digits = name.strip_prefix(FILE.as_bytes())?.strip_prefix(b".")?;
    let octets = data_encoding::HEXLOWER.decode(digits).ok()?;
    octets.try_into().ok().map(u32::from_be_bytes)
}

/// Overwrites the digits in place, as Dovecot does.
fn write_digits(root: &Path, value: UidValidity) -> io::Result<()> {
    let mut file = files::open_or_create(&root.join(FILE))?;
    write!(file, "{:08x}", value.get())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::budget::FakeClock;

    const TIME: u32 = 0x6b03_8248;

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(TIME.into())
    }

    /// Takes a value in steps of one unit.
    fn next(values: &mut UidValidities, root: &Path) -> UidValidity {
        next_at(values, root, wall())
    }

    fn next_at(values: &mut UidValidities, root: &Path, wall: SystemTime) -> UidValidity {
        let (clock, mut taking) = (FakeClock::new(wall), TakeUidValidity::default());
        loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            if let Step::Done(value) = taking.step(values, root, &mut budget) {
                return value;
            }
        }
    }

    fn entries(root: &Path) -> Vec<String> {
        let names = fs::read_dir(root).expect("a directory").map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_counter_is_a_file_name_as_in_dovecot() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        let mut values = UidValidities::default();
        assert_eq!(next(&mut values, root).get(), TIME);
        assert_eq!(
            entries(root),
            ["dovecot-uidvalidity", "dovecot-uidvalidity.6b038248"]
        );
        assert_eq!(fs::read(root.join(FILE)).expect("read"), b"6b038248");
        assert_eq!(next(&mut UidValidities::default(), root).get(), TIME + 1);
        assert_eq!(
            entries(root),
            ["dovecot-uidvalidity", "dovecot-uidvalidity.6b038249"]
        );
        assert_eq!(fs::read(root.join(FILE)).expect("read"), b"6b038249");
    }

    #[test]
    fn the_greatest_of_several_counters_is_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        for name in ["00000005", "00000009", "0000000A", "9", "zzzzzzzz"] {
            fs::write(root.join(format!("{FILE}.{name}")), "").expect("written");
        }
        fs::write(root.join(FILE), "00000004").expect("written");
        assert_eq!(next(&mut UidValidities::default(), root).get(), 10);
        assert!(entries(root).contains(&format!("{FILE}.0000000a")));
        for old in ["00000005", "00000009"] {
            assert!(!entries(root).contains(&format!("{FILE}.{old}")), "{old}");
        }
    }

    #[test]
    fn one_follows_the_greatest_value() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(counter(dir.path(), u32::MAX), "").expect("written");
        assert_eq!(next(&mut UidValidities::default(), dir.path()).get(), 1);
    }

    #[test]
    fn a_step_reads_few_of_many_entries_and_counts_on_after_a_race() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        for number in 0..300 {
            fs::create_dir(root.join(format!(".{number}"))).expect("created");
        }
        fs::write(counter(root, 7), "").expect("written");
        let (clock, mut values) = (FakeClock::new(wall()), UidValidities::default());
        let (mut taking, mut steps) = (TakeUidValidity::default(), 0);
        let value = loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            match taking.step(&mut values, root, &mut budget) {
                Step::Done(value) => break value.get(),
                Step::Yield(why) => assert_eq!(why, Why::Budget),
            }
            steps += 1;
            if steps == 5 {
                assert_eq!(next(&mut values, root).get(), 8);
            }
        };
        assert_eq!(value, 9);
        assert!(steps >= 300 / ENTRIES_PER_UNIT, "{steps} steps");
    }

    #[test]
    fn without_a_counter_no_value_repeats() {
        let nowhere = Path::new("/nonexistent");
        let mut values = UidValidities::default();
        let got: Vec<u32> = (0..3).map(|_| next(&mut values, nowhere).get()).collect();
        assert_eq!(got, [TIME, TIME + 1, TIME + 2]);
        assert_eq!(
            next_at(&mut values, nowhere, SystemTime::UNIX_EPOCH).get(),
            TIME + 3
        );
    }
}
