//! The process that checks passwords.
//!
//! It holds what is worth most, and reads what strangers send: so it can open the list of users and nothing
//! else, make no connection, and, if it is root, use none of root's rights but to read that list. A list of users
//! may speak of the system's users by name, so that it reads these too.
//!
//! Only the files, not the directories they are in, which hold more. But whoever changes one of them puts a
//! new file in its place, which is out of reach: then the process has to be followed by another, which is
//! what [`AllowedFiles`] tells.

use super::landlock;
use super::process;
use super::ruleset::Ruleset;
use nix::unistd::{Gid, Group, Uid, User};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the C library reads to find users and groups.
const SYSTEM_LISTS: [&str; 3] = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"];

/// The files that a process can open, as they were when its walls went up.
#[derive(Debug)]
pub(crate) struct AllowedFiles(Vec<(PathBuf, Option<FileId>)>);

/// Device and inode.
type FileId = (u64, u64);

impl AllowedFiles {
    fn now(paths: impl Iterator<Item = PathBuf>) -> Self {
        Self(paths.map(|path| (path.clone(), file_id(&path))).collect())
    }

    /// True if others have taken their places.
    pub(crate) fn are_outdated(&self) -> bool {
        self.0.iter().any(|(path, seen)| file_id(path) != *seen)
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Closes this process in, which must not have started its threads.
///
/// # Errors
/// If a kernel that can do it refuses.
pub(crate) fn enter_for_auth_worker(users: &Path) -> Result<AllowedFiles, String> {
    process::require_one_thread()?;
    let system = SYSTEM_LISTS.iter().map(PathBuf::from);
    let open = AllowedFiles::now(system.chain([users.to_owned()]));
    // The C library loads what it needs with its first answer.
    let _ = (
        User::from_uid(Uid::current()),
        Group::from_gid(Gid::current()),
    );
    let mut ruleset = Ruleset::default();
    for (path, _) in open.0.iter().filter(|(_, found)| found.is_some()) {
        ruleset.may_read(path);
    }
    process::leave_no_traces()?;
    process::keep_reading_only()?;
    let enforcement = landlock::enclose(ruleset)?;
    log::debug!("verifier: {enforcement}");
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let open = AllowedFiles::now([path("users"), path("none")].into_iter());
        assert!(!open.are_outdated());
        std::fs::write(path("users"), "").expect("a file");
        assert!(open.are_outdated(), "now there is one");
        let open = AllowedFiles::now([path("users"), path("none")].into_iter());
        std::fs::write(path("users"), "ann").expect("written");
        assert!(!open.are_outdated(), "it is the same file");
        std::fs::write(path("new"), "bob").expect("a file");
        std::fs::rename(path("new"), path("users")).expect("renamed");
        assert!(open.are_outdated());
    }
}
