//! The sandbox of the process that checks passwords.
//!
//! It holds the hashes of all users, and parses octets that clients have sent: so it can open the
//! users file and no other, make no connection, and, if it is root, use none of root's rights but
//! to read that file. A users file may name the system's users, so the process may read the lists
//! of those too.
//!
//! It may open the files only, not their directories, which hold others. But a program that changes
//! one of the files puts a new file in its place, which this process cannot open: then another
//! worker has to follow it, which [`AllowedFiles`] tells.

use super::landlock;
use super::process;
use super::ruleset::Ruleset;
use crate::file_stamp::FileStamp;
use nix::unistd::{Gid, Group, Uid, User};
use std::path::{Path, PathBuf};

/// The files that the C library reads to find users and groups.
const SYSTEM_LISTS: [&str; 3] = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"];

/// The files that a process can open, as they were when it entered its sandbox.
#[derive(Debug)]
pub(crate) struct AllowedFiles(Vec<(PathBuf, Option<FileStamp>)>);

impl AllowedFiles {
    fn now(paths: impl Iterator<Item = PathBuf>) -> Self {
        Self(
            paths
                .map(|path| (path.clone(), FileStamp::at_target(&path)))
                .collect(),
        )
    }

    /// True if other files have taken their places.
    pub(crate) fn are_outdated(&self) -> bool {
        self.0
            .iter()
            .any(|(path, seen)| match (seen, FileStamp::at_target(path)) {
                (Some(seen), Some(now)) => !seen.is_same_file(&now),
                (seen, now) => seen.is_some() != now.is_some(),
            })
    }
}

/// Restricts this process, which must not have started its threads yet.
///
/// # Errors
/// If a kernel that can do it refuses.
pub(crate) fn enter_for_auth_worker(users: &Path) -> Result<AllowedFiles, String> {
    process::require_one_thread()?;
    let system = SYSTEM_LISTS.iter().map(PathBuf::from);
    let open = AllowedFiles::now(system.chain([users.to_owned()]));
    // The C library loads the files that it needs with its first answer.
    let _ = (
        User::from_uid(Uid::current()),
        Group::from_gid(Gid::current()),
    );
    let mut ruleset = Ruleset::default();
    for (path, _) in open.0.iter().filter(|(_, found)| found.is_some()) {
        ruleset.allow_reading(path);
    }
    process::forbid_core_dumps()?;
    process::keep_reading_only()?;
    let enforcement = landlock::enforce(ruleset)?;
    log::debug!("auth worker: {enforcement}");
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let open = AllowedFiles::now([path("users"), path("none")].into_iter());
        assert!(!open.are_outdated());
        std::fs::write(path("users"), "").expect("a file");
        assert!(open.are_outdated(), "the file exists now");
        let open = AllowedFiles::now([path("users"), path("none")].into_iter());
        std::fs::write(path("users"), "ann").expect("written");
        assert!(!open.are_outdated(), "it is the same file");
        std::fs::write(path("new"), "bob").expect("a file");
        std::fs::rename(path("new"), path("users")).expect("renamed");
        assert!(open.are_outdated());
    }
}
