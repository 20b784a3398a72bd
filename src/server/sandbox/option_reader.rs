//! The process that reads the option file for a server in its sandbox.
//!
//! The server cannot open the file: an editor puts a new file in its place, so that the server
//! would need the whole directory, which holds others (the users file, or all of `/etc`). So before
//! it enters the sandbox the server starts this program once more, under another name, with the
//! rights it has then. That process knows one path, and replies to each request with the content of
//! that file. It ends with the server.
//!
//! ```text
//! request = OCTET
//! reply   = ("+" / "-") length content        ; the file, or why it cannot be read
//! length  = 4 OCTETs                          ; big-endian
//! ```

use super::process;
use crate::options::RawOptions;
use crate::server::helper_process;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

/// The name under which the process runs.
const NAME: &str = "imap2d-options";

/// Time-out of one request. The event loop waits for the reply; no file system that option files
/// are on takes that long.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server's end of the socket.
#[derive(Debug)]
pub(crate) struct OptionReader {
    socket: UnixStream,
}

impl OptionReader {
    /// Starts the process for this file.
    pub(crate) fn start(file: &Path) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        helper_process::helper(NAME)
            .arg(file)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            // The key that interrupts the server is not meant for its helpers.
            .process_group(0)
            .spawn()?;
        Ok(Self { socket })
    }

    /// Returns the content of the file.
    ///
    /// # Errors
    /// If the file cannot be read, or if the process has ended.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let ended = || io::Error::other("the process that reads it has ended: restart imap2d");
        self.socket.write_all(b"?").map_err(|_| ended())?;
        let mut head = [0; 5];
        self.socket.read_exact(&mut head)?;
        let [good, length @ ..] = head;
        let mut contents = vec![0; bounded(u32::from_be_bytes(length))?];
        self.socket.read_exact(&mut contents)?;
        match good {
            b'+' => Ok(contents),
            _ => Err(io::Error::other(
                String::from_utf8_lossy(&contents).into_owned(),
            )),
        }
    }
}

fn bounded(length: u32) -> io::Result<usize> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > RawOptions::MAX_FILE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(length)
}

/// Does the work of the option reader, if this process was started as it; otherwise returns `None`.
pub(crate) fn run_if_option_reader(args: &[OsString]) -> Option<ExitCode> {
    let [name, file, ..] = args else {
        return None;
    };
    if name != NAME {
        return None;
    }
    let ended = helper_process::prepare_helper(NAME)
        .and_then(|()| restrict().map_err(io::Error::other))
        .and_then(|()| reply_to_all(Path::new(file)));
    Some(ended.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

fn restrict() -> Result<(), String> {
    process::forbid_core_dumps()?;
    process::keep_reading_only()
}

/// Replies to requests until the server closes the socket.
fn reply_to_all(file: &Path) -> io::Result<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    while socket.read(&mut [0])? > 0 {
        socket.write_all(&reply(RawOptions::contents(file)))?;
    }
    Ok(())
}

fn reply(read: io::Result<Vec<u8>>) -> Vec<u8> {
    let (good, contents) = match read {
        Ok(contents) => (b'+', contents),
        Err(error) => (b'-', error.to_string().into_bytes()),
    };
    // The content is far less than 4 GiB: an option file has a limit.
    let length = u32::try_from(contents.len()).unwrap_or(u32::MAX);
    [&[good][..], &length.to_be_bytes(), &contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_reply(octets: &[u8]) -> io::Result<Vec<u8>> {
        let (socket, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        theirs.write_all(octets).expect("sent");
        drop(theirs.shutdown(std::net::Shutdown::Write));
        OptionReader { socket }.read()
    }

    #[test]
    fn a_reply_is_read_as_it_was_written() {
        let read = read_reply(&reply(Ok(b"listen [::1]:143\n".to_vec())));
        assert_eq!(read.expect("read"), b"listen [::1]:143\n");
        assert_eq!(read_reply(&reply(Ok(Vec::new()))).expect("read"), b"");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = read_reply(&reply(Err(denied))).expect_err("not read");
        assert!(error.to_string().contains("denied"), "{error}");
    }

    #[test]
    fn an_invalid_reply_is_an_error() {
        for octets in [&b""[..], b"+", b"+\0\0\0\x05abc", b"+\xff\xff\xff\xff"] {
            assert!(read_reply(octets).is_err(), "{octets:?}");
        }
    }

    #[test]
    fn only_its_own_name_starts_it() {
        let args = ["imap2d", "--help"].map(OsString::from);
        assert!(run_if_option_reader(&args).is_none());
    }
}
