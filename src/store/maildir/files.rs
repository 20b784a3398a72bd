//! Opening, creating, renaming and removing files in a Maildir.
//!
//! These functions never follow a symbolic link, never wait for the other end of a pipe, never give
//! a file more rights than its directory has, and treat a missing file as a normal case.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::file_stamp::FileStamp;
use crate::work;

/// `O_NOFOLLOW`, and `O_NONBLOCK`, which means nothing for a file and avoids the wait for a named
/// pipe.
const FLAGS: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits() as i32;

/// Opens a file with `options`, but not through a symbolic link. Returns `None` if there is no
/// file.
///
/// # Errors
/// Opening the file fails for another reason.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<Option<File>> {
    work::call();
    match options.custom_flags(FLAGS).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the content of a file and its stamp from before it was read, or `None` if there is no
/// file.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the file is longer than `most` octets, or reading fails.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<(Vec<u8>, FileStamp)>> {
    let Some(file) = open(path, OpenOptions::new().read(true))? else {
        return Ok(None);
    };
    let stamp = FileStamp::of(&file.metadata()?);
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the file is longer than {most} octets"),
        ));
    }
    Ok(Some((content, stamp)))
}

/// Opens a file for reading and overwriting, and creates it if there is none.
///
/// # Errors
/// Opening or creating the file fails.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if let Some(file) = open(path, &mut options)? {
        return Ok(file);
    }
    match create_new(path, creation_mode(path)?) {
        // Another program created the file first. A symbolic link to nowhere is an error.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open(path, &mut options)?.ok_or(error)
        }
        created => created,
    }
}

/// Creates a file with exactly that mode, open for reading and writing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is a file of that name, or creating it fails.
pub(crate) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    work::call();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(mode);
    let file = options.open(path)?;
    // The umask of the process has reduced the mode, which is wrong in a shared mailbox.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Returns the mode of a new file: users that may read or write its directory may do the same with
/// the file.
///
/// # Errors
/// `stat` of the directory fails.
pub(crate) fn creation_mode(path: &Path) -> io::Result<u32> {
    let dir = path.parent().unwrap_or(path);
    Ok(fs::metadata(dir)?.mode() & 0o666)
}

/// Removes a file, if there is one.
///
/// # Errors
/// `unlink` fails for another reason.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    work::call();
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Renames a file, but never over another one: if two files claim one name, neither may be lost. On
/// a file system that cannot guarantee that, checks for the other file first.
pub(crate) fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    work::call();
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_renames_over_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "a").expect("written");
        fs::write(&b, "b").expect("written");
        let error = rename_without_replacing(&a, &b).expect_err("b exists");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        fs::remove_file(&b).expect("removed");
        rename_without_replacing(&a, &b).expect("renamed");
        assert_eq!(fs::read(&b).expect("read"), b"a");
    }

    #[test]
    fn follows_no_symbolic_link() {
        let dir = tempfile::tempdir().expect("a directory");
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "secret").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        assert!(read(&link, 100).is_err() && open_or_create(&link).is_err());
        assert!(create_new(&link, 0o600).is_err());
        assert_eq!(fs::read(&target).expect("read"), b"secret");
    }

    #[test]
    fn does_not_wait_for_a_pipe() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        assert!(read(&pipe, 9).is_ok() && open_or_create(&pipe).is_ok());
    }

    #[test]
    fn refuses_files_that_are_too_long() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f");
        assert_eq!(read(&path, 3).expect("no error"), None);
        fs::write(&path, "abc").expect("written");
        let (content, stamp) = read(&path, 3).expect("no error").expect("a file");
        assert_eq!((&content[..], stamp.size()), (&b"abc"[..], 3));
        assert!(read(&path, 2).is_err());
    }

    #[test]
    fn a_new_file_has_the_rights_of_its_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o770)).expect("set");
        let file = open_or_create(&dir.path().join("f")).expect("created");
        assert_eq!(file.metadata().expect("status").mode() & 0o777, 0o660);
    }
}
