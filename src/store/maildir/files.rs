//! Opening and creating the small files of a mailbox: never through a symbolic link, never waiting
//! for the other end of a pipe, never with more rights than the directory they are in, and never
//! surprised that they are not there.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::file_stamp::FileStamp;

/// `O_NOFOLLOW`, and `O_NONBLOCK`, which means nothing to a file and everything to a named pipe.
const FLAGS: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits() as i32;

/// Opens a file as `options` say, but not a symbolic link to it; `None` if there is none.
///
/// # Errors
/// Whatever else opening it fails with.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<Option<File>> {
    match options.custom_flags(FLAGS).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The content of a file, with its stamp from before it was read; `None` if there is none.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if it is longer than `most` octets, or whatever reading fails
/// with.
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
            "the file is too long",
        ));
    }
    Ok(Some((content, stamp)))
}

/// Opens a file for writing over what is in it, and creates it if there is none.
///
/// # Errors
/// Whatever opening it fails with.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    if let Some(file) = open(path, OpenOptions::new().write(true))? {
        return Ok(file);
    }
    match create_new(path, creation_mode(path)?) {
        // Somebody was faster; but whoever made a symbolic link to nowhere is not helped.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open(path, OpenOptions::new().write(true))?.ok_or(error)
        }
        created => created,
    }
}

/// Creates a file that must not exist yet, with exactly that mode, open for reading and writing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`], or whatever else creating it fails with.
pub(crate) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(mode);
    let file = options.open(path)?;
    // The mode went through the umask of the process; in a shared mailbox it must not.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// The mode of a new file of that name: who may read or write its directory may do so with the
/// file.
///
/// # Errors
/// Whatever `stat` fails with.
pub(crate) fn creation_mode(path: &Path) -> io::Result<u32> {
    let dir = path.parent().unwrap_or(path);
    Ok(fs::metadata(dir)?.mode() & 0o666)
}

/// Removes a file; that there is none is fine.
///
/// # Errors
/// Whatever else `unlink` fails with.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_no_link() {
        let dir = tempfile::tempdir().expect("a directory");
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "secret").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        assert!(read(&link, 100).is_err() && open_or_create(&link).is_err());
        assert!(create_new(&link, 0o600).is_err());
        assert_eq!(fs::read(&target).expect("read"), b"secret");
    }

    #[test]
    fn waits_for_no_pipe() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        assert!(read(&pipe, 9).is_ok() && open_or_create(&pipe).is_err());
    }

    #[test]
    fn reads_what_fits() {
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
