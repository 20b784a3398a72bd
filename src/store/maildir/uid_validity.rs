//! `dovecot-uidvalidity*`: the UIDVALIDITY of the next new mailbox.
//!
//! A mailbox that is deleted and created again must not have its old UIDVALIDITY. So all mailboxes
//! of a user take theirs from one counter in the root. The counter is the *name* of an empty file,
//! `dovecot-uidvalidity.` and eight hexadecimal digits. A name can be changed by one `rename`,
//! which succeeds for only one of two processes that try, so that no lock is needed.
//! `dovecot-uidvalidity` holds the same digits, for readers that use the file; we use the names.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::types::UidValidity;

use super::files;

/// Name of the file with the digits. The counter's name is this, a dot, and the digits.
const FILE: &str = "dovecot-uidvalidity";
/// How many times other processes may be faster.
const TRIES: u32 = 10;
/// Mode of the counter: it is only renamed, never written.
const MODE: u32 = 0o444;

/// Gives out UIDVALIDITY values. One value of this type serves all users.
#[derive(Debug, Default)]
pub(crate) struct UidValidities {
    /// The last value that was taken from the clock because a counter could not be used.
    last: u32,
}

impl UidValidities {
    /// Returns the UIDVALIDITY of the next new mailbox in `root`. Never returns the same value
    /// twice, even if the counter cannot be used, which is logged.
    pub(crate) fn next(&mut self, root: &Path, wall: SystemTime) -> UidValidity {
        match self.count(root, wall) {
            Ok(Some(value)) => value,
            Ok(None) => self.by_clock(wall),
            Err(error) => {
                log::warn!(
                    "cannot use the UIDVALIDITY counter {}, taking the value from the clock: {error}",
                    root.join(FILE).display()
                );
                self.by_clock(wall)
            }
        }
    }

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

    /// Returns `None` if other processes were faster too many times.
    fn count(&mut self, root: &Path, wall: SystemTime) -> io::Result<Option<UidValidity>> {
        for _ in 0..TRIES {
            let moved = match counters(root)? {
                None => {
                    let value = self.by_clock(wall);
                    (
                        value,
                        files::create_new(&counter(root, value.get()), MODE).map(drop),
                    )
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
                (value, Ok(())) => {
                    write_digits(root, value)?;
                    return Ok(Some(value));
                }
                (_, Err(error)) if is_race(&error) => {}
                (_, Err(error)) => return Err(error),
            }
        }
        Ok(None)
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

/// Returns the least and the greatest counter. Normally there is one.
fn counters(root: &Path) -> io::Result<Option<(u32, u32)>> {
    let mut found: Option<(u32, u32)> = None;
    for entry in fs::read_dir(root)? {
        if let Some(value) = counter_value(entry?.file_name().as_bytes()) {
            let (least, greatest) = found.unwrap_or((value, value));
            found = Some((least.min(value), greatest.max(value)));
        }
    }
    Ok(found)
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

    const TIME: u32 = 0x6b03_8248;

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(TIME.into())
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
        assert_eq!(values.next(root, wall()).get(), TIME);
        assert_eq!(
            entries(root),
            ["dovecot-uidvalidity", "dovecot-uidvalidity.6b038248"]
        );
        assert_eq!(fs::read(root.join(FILE)).expect("read"), b"6b038248");
        assert_eq!(UidValidities::default().next(root, wall()).get(), TIME + 1);
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
        assert_eq!(UidValidities::default().next(root, wall()).get(), 10);
        assert_eq!(counters(root).expect("ok"), Some((10, 10)));
    }

    #[test]
    fn one_follows_the_greatest_value() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(counter(dir.path(), u32::MAX), "").expect("written");
        assert_eq!(UidValidities::default().next(dir.path(), wall()).get(), 1);
    }

    #[test]
    fn without_a_counter_no_value_repeats() {
        let nowhere = Path::new("/nonexistent");
        let mut values = UidValidities::default();
        let got: Vec<u32> = (0..3).map(|_| values.next(nowhere, wall()).get()).collect();
        assert_eq!(got, [TIME, TIME + 1, TIME + 2]);
        assert_eq!(values.next(nowhere, SystemTime::UNIX_EPOCH).get(), TIME + 3);
    }
}
