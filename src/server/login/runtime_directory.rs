//! [`RuntimeDirectory`]: where the processes of one host that serve a client each keep what they
//! share.
//!
//! It is the directory that the service manager names (`RUNTIME_DIRECTORY`, see systemd.exec(5)),
//! otherwise `/run/imap2d`. What is in it decides who may log in. So each file has to belong to the
//! user of the process or to root, and only the owner may write it, or the directory. The directory
//! may belong to another user, whom the operator trusts with that, such as the user of the daemon.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const DIRECTORY: &str = "/run/imap2d";

/// An open directory.
#[derive(Debug)]
pub(super) struct RuntimeDirectory {
    file: File,
    path: PathBuf,
}

impl RuntimeDirectory {
    /// Opens the directory. Root creates it if it does not exist.
    ///
    /// # Errors
    /// Says why the processes cannot share it.
    pub(super) fn open() -> Result<Self, String> {
        let listed = std::env::var("RUNTIME_DIRECTORY").unwrap_or_default();
        // There may be more than one, separated by colons.
        let first = listed.split(':').next().filter(|path| !path.is_empty());
        Self::open_at(Path::new(first.unwrap_or(DIRECTORY)))
    }

    pub(super) fn open_at(path: &Path) -> Result<Self, String> {
        if geteuid().is_root() {
            // If it fails, opening the directory says why, or it exists.
            let _ = rustix::fs::mkdir(path, Mode::from_raw_mode(0o755));
        }
        let opened = rustix::fs::open(path, DIRECTORY_FLAGS, Mode::empty());
        Self::checked(opened, path.to_owned())
    }

    /// Opens a directory in it, and creates it if it does not exist.
    pub(super) fn subdirectory(&self, name: &str) -> Result<Self, String> {
        let path = self.path.join(name);
        // As above.
        let _ = rustix::fs::mkdirat(&self.file, name, Mode::from_raw_mode(0o700));
        let flags = DIRECTORY_FLAGS | OFlags::NOFOLLOW;
        let opened = rustix::fs::openat(&self.file, name, flags, Mode::empty());
        let directory = Self::checked(opened, path)?;
        check_owner(&status(&directory.file)?, &directory.path)?;
        Ok(directory)
    }

    fn checked(opened: rustix::io::Result<OwnedFd>, path: PathBuf) -> Result<Self, String> {
        let file = File::from(opened.map_err(failed(&path))?);
        check_mode(&status(&file)?, &path, 0o022)?;
        Ok(Self { file, path })
    }

    /// Returns the path, for the log.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file in it, for reading or also for writing, and creates it if it does not exist.
    ///
    /// # Errors
    /// Says why the processes cannot share it.
    pub(super) fn open_file(&self, name: &str, access: OFlags) -> Result<File, String> {
        let path = self.path.join(name);
        let flags = OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let opened = rustix::fs::openat(&self.file, name, access | flags, mode);
        let file = File::from(opened.map_err(failed(&path))?);
        let status = status(&file)?;
        check_mode(&status, &path, 0o077)?;
        check_owner(&status, &path)?;
        if !status.is_file() || status.nlink() != 1 {
            return Err(format!("{}: is no plain file of its own", path.display()));
        }
        Ok(file)
    }
}

const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn failed(path: &Path) -> impl FnOnce(Errno) -> String {
    move |error| format!("{}: {}", path.display(), io::Error::from(error))
}

fn status(file: &File) -> Result<Metadata, String> {
    file.metadata().map_err(|error| error.to_string())
}

/// Checks that this process or root owns a file.
fn check_owner(status: &Metadata, path: &Path) -> Result<(), String> {
    let (owner, ours) = (status.uid(), geteuid().as_raw());
    match owner == ours || owner == 0 {
        true => Ok(()),
        false => Err(format!(
            "{}: is owned by uid {owner}, and this process runs as uid {ours}",
            path.display()
        )),
    }
}

/// Checks that the mode of a file or directory has none of these bits, which concern others.
fn check_mode(status: &Metadata, path: &Path, forbidden: u32) -> Result<(), String> {
    match status.mode() & forbidden {
        0 => Ok(()),
        _ => Err(format!("{}: its mode gives others access", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn a_file_that_others_may_write_is_not_used() {
        let temporary = tempfile::tempdir().expect("a directory");
        let open = || {
            let directory = RuntimeDirectory::open_at(temporary.path())?;
            directory.open_file("file", OFlags::RDWR)
        };
        let path = temporary.path().join("file");
        open().expect("a file");
        set_mode(&path, 0o620);
        assert!(open().is_err_and(|error| error.contains("gives others access")));
        set_mode(&path, 0o600);
        fs::hard_link(&path, temporary.path().join("link")).expect("a link");
        assert!(open().is_err_and(|error| error.contains("no plain file")));
        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("link", &path).expect("a link");
        assert!(open().is_err());
        fs::remove_file(&path).expect("removed");
        set_mode(temporary.path(), 0o777);
        assert!(open().is_err_and(|error| error.contains("gives others access")));
        let missing = RuntimeDirectory::open_at(&temporary.path().join("a/b"));
        assert!(missing.is_err_and(|error| error.contains("a/b: ")));
    }

    #[test]
    fn a_subdirectory_that_others_may_write_is_not_used() {
        let temporary = tempfile::tempdir().expect("a directory");
        let directory = RuntimeDirectory::open_at(temporary.path()).expect("a directory");
        let path = directory.subdirectory("x").expect("made").path().to_owned();
        set_mode(&path, 0o770);
        let opened = directory.subdirectory("x");
        assert!(opened.is_err_and(|error| error.contains("gives others access")));
        fs::remove_dir(&path).expect("removed");
        std::os::unix::fs::symlink("/", &path).expect("a link");
        assert!(directory.subdirectory("x").is_err());
    }
}
