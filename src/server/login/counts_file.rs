//! The file in which the processes of one host that serve a client each count failed logins
//! together.
//!
//! It is `failed-logins` in the runtime directory: the one that the service manager names
//! (`RUNTIME_DIRECTORY`, see systemd.exec(5)), otherwise `/run/imap2d`. A process that serves as
//! root opens it before any client is served, and closes it when it becomes the user who has logged
//! in: so no user's process can write it. It is rebuilt when it is damaged or missing, which
//! forgets all counts; so it has to belong to the user of the process or to root, and only the
//! owner may write it, or the directory. Its directory may belong to another user, whom the
//! operator trusts with the counts, such as the user of the daemon.
//!
//! Processes lock it for the time of one change, some microseconds, and never wait for the lock.

use super::counts_format::MAX_FILE;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

const NAME: &str = "failed-logins";
const DIRECTORY: &str = "/run/imap2d";

/// The open file.
#[derive(Debug)]
pub(super) struct CountsFile {
    file: File,
    path: PathBuf,
}

impl CountsFile {
    /// Opens the file, and creates it if it does not exist. Root creates the directory too.
    ///
    /// # Errors
    /// Says why the processes cannot share it.
    pub(super) fn open() -> Result<Self, String> {
        let listed = std::env::var("RUNTIME_DIRECTORY").unwrap_or_default();
        // There may be more than one, separated by colons.
        let first = listed.split(':').next().filter(|path| !path.is_empty());
        Self::open_in(Path::new(first.unwrap_or(DIRECTORY)))
    }

    pub(super) fn open_in(directory: &Path) -> Result<Self, String> {
        let path = directory.join(NAME);
        let failed =
            |at: &Path, error: Errno| format!("{}: {}", at.display(), io::Error::from(error));
        if geteuid().is_root() {
            // If it fails, opening the directory says why, or it exists.
            let _ = rustix::fs::mkdir(directory, Mode::from_raw_mode(0o755));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(directory, flags, Mode::empty());
        let opened = File::from(opened.map_err(|error| failed(directory, error))?);
        let status = opened.metadata().map_err(|error| error.to_string())?;
        check_mode(&status, directory, 0o022)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&opened, NAME, flags, Mode::from_raw_mode(0o600));
        let file: OwnedFd = file.map_err(|error| failed(&path, error))?;
        let file = File::from(file);
        let status = file.metadata().map_err(|error| error.to_string())?;
        check_mode(&status, &path, 0o077)?;
        check_owner(&status, &path)?;
        if !status.is_file() || status.nlink() != 1 {
            return Err(format!("{}: is no plain file of its own", path.display()));
        }
        Ok(Self { file, path })
    }

    /// Returns the path, for the log.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the content by what `change` makes of it, and returns what else it returns. Returns
    /// `None`, and changes nothing, if another process has locked the file.
    pub(super) fn try_change<R>(
        &self,
        change: impl FnOnce(&[u8]) -> (Vec<u8>, R),
    ) -> io::Result<Option<R>> {
        match fs2::FileExt::try_lock_exclusive(&self.file) {
            Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
                return Ok(None);
            }
            locked => locked?,
        }
        let changed = self.change(change);
        // A process that is starting has the file open too, until it runs its program: closing the
        // file would not be enough.
        fs2::FileExt::unlock(&self.file)?;
        changed.map(Some)
    }

    fn change<R>(&self, change: impl FnOnce(&[u8]) -> (Vec<u8>, R)) -> io::Result<R> {
        let length = usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut before = vec![0; if length > MAX_FILE { 0 } else { length }];
        self.file.read_exact_at(&mut before, 0)?;
        let (after, result) = change(&before);
        if after != before {
            // A process that is killed between the two leaves a file that counts as damaged.
            self.file.write_all_at(&after, 0)?;
            self.file.set_len(after.len() as u64)?;
        }
        Ok(result)
    }
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

    #[test]
    fn one_process_at_a_time_changes_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || CountsFile::open_in(directory.path()).expect("a file");
        let (one, other) = (open(), open());
        let append = |before: &[u8]| ([before, b"x"].concat(), before.len());
        let inside = one.try_change(|before| {
            let meanwhile = other.try_change(append).expect("no error");
            (append(before).0, meanwhile)
        });
        assert_eq!(inside.expect("no error"), Some(None), "it is locked");
        assert_eq!(other.try_change(append).expect("no error"), Some(1));
        let shorter = one.try_change(|before| (b"y".to_vec(), before.len()));
        assert_eq!(shorter.expect("no error"), Some(2));
        assert_eq!(fs::read(one.path()).expect("there"), b"y");
    }

    #[test]
    fn a_file_that_others_may_write_is_not_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || CountsFile::open_in(directory.path());
        let path = open().expect("a file").path().to_owned();
        let set_mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
        };
        set_mode(&path, 0o620);
        assert!(open().is_err_and(|error| error.contains("gives others access")));
        set_mode(&path, 0o600);
        fs::hard_link(&path, directory.path().join("link")).expect("a link");
        assert!(open().is_err_and(|error| error.contains("no plain file")));
        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("link", &path).expect("a link");
        assert!(open().is_err());
        fs::remove_file(&path).expect("removed");
        set_mode(directory.path(), 0o777);
        assert!(open().is_err_and(|error| error.contains("gives others access")));
        let missing = CountsFile::open_in(&directory.path().join("a/b"));
        assert!(missing.is_err_and(|error| error.contains("a/b: ")));
    }
}
