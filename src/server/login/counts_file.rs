//! The file in which the processes of one host that serve a client each count failed logins
//! together.
//!
//! It is `failed-logins` in the [runtime directory](RuntimeDirectory). A process that serves as
//! root opens it before any client is served, and closes it when it becomes the user who has logged
//! in: so no user's process can write it. It is rebuilt when it is damaged or missing, which
//! forgets all counts.
//!
//! Processes lock it for the time of one change, some microseconds, and never wait for the lock.

use super::counts_format::MAX_FILE;
use super::runtime_directory::RuntimeDirectory;
use rustix::fs::OFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const NAME: &str = "failed-logins";

/// The open file.
#[derive(Debug)]
pub(super) struct CountsFile {
    file: File,
    path: PathBuf,
}

impl CountsFile {
    /// Opens the file, and creates it if it does not exist.
    ///
    /// # Errors
    /// Says why the processes cannot share it.
    pub(super) fn open_in(directory: &RuntimeDirectory) -> Result<Self, String> {
        Ok(Self {
            file: directory.open_file(NAME, OFlags::RDWR)?,
            path: directory.path().join(NAME),
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn one_process_at_a_time_changes_the_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = RuntimeDirectory::open_at(directory.path()).expect("a directory");
        let open = || CountsFile::open_in(&runtime).expect("a file");
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
}
