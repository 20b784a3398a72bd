//! [`UserSlots`]: how many connections a user has (`--max-per-user`) where each connection has a
//! process of its own.
//!
//! The process in which a user logs in takes a *slot* of that user: it locks a file whose name is
//! that of the user and a number below the limit. The kernel releases the lock when the process
//! ends, in whatever way, so that no count is ever wrong, and nothing has to be repaired. The files
//! are empty. They stay, as many as the user has had connections at a time.
//!
//! The process keeps the locked file open when it becomes its user. It is open for reading only, so
//! that all it can do with it is give up its own slot.

use super::runtime_directory::RuntimeDirectory;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;

const NAME: &str = "connections";
/// Octets of the hash of a user's name, in the name of a file.
const NAME_HASH: usize = 16;

/// The slots of all users.
#[derive(Debug)]
pub(super) struct UserSlots(RuntimeDirectory);

/// A slot, until this value is dropped.
#[derive(Debug)]
pub(super) struct UserSlot(#[expect(dead_code, reason = "it is locked")] File);

impl UserSlots {
    /// # Errors
    /// Says why the processes cannot share the slots.
    pub(super) fn open_in(directory: &RuntimeDirectory) -> Result<Self, String> {
        directory.subdirectory(NAME).map(Self)
    }

    /// Takes one of the `limit` slots of a user. Returns `None` if they are all taken.
    ///
    /// # Errors
    /// Says why the slots cannot be counted.
    pub(super) fn take(&self, user: &str, limit: usize) -> Result<Option<UserSlot>, String> {
        let user = name_of(user);
        for number in 0..limit {
            let name = format!("{user}-{number}");
            let file = self.0.open_file(&name, OFlags::RDONLY)?;
            match fs2::FileExt::try_lock_exclusive(&file) {
                Ok(()) => return Ok(Some(UserSlot(file))),
                Err(error) if error.raw_os_error() == contended() => {}
                Err(error) => return Err(format!("{}/{name}: {error}", self.0.path().display())),
            }
        }
        Ok(None)
    }
}

fn contended() -> Option<i32> {
    fs2::lock_contended_error().raw_os_error()
}

/// Returns the part of the names of files that stands for a user: a name may be long, and contain
/// any character.
fn name_of(user: &str) -> String {
    let hash = Sha256::digest(user);
    hash[..NAME_HASH]
        .iter()
        .fold(String::new(), |mut name, octet| {
            // Writing to a string does not fail.
            let _ = write!(name, "{octet:02x}");
            name
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_that_many_slots_which_are_free_when_they_are_dropped() {
        let temporary = tempfile::tempdir().expect("a directory");
        let directory = RuntimeDirectory::open_at(temporary.path()).expect("a directory");
        let slots = || UserSlots::open_in(&directory).expect("a directory");
        let take = |user, limit| slots().take(user, limit).expect("no error");
        let first = take("ann", 2).expect("free");
        let second = take("ann", 2).expect("free");
        assert!(take("ann", 2).is_none());
        let other = take("../b/ob", 1).expect("of another user");
        assert!(take("../b/ob", 1).is_none());
        drop(first);
        let third = take("ann", 2).expect("free again");
        assert!(take("ann", 2).is_none() && take("ann", 3).is_some());
        assert!(take("ann", 0).is_none());
        drop((second, third, other));
    }
}
