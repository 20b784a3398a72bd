//! Reading the option file again from behind the walls.
//!
//! A confined server cannot open the file: whoever edits it makes a new one in its place, so that it would
//! take the whole directory, which holds more (the list of users, or all of `/etc`). So before the walls go
//! up the server starts this program once more, under another name, with the rights it has then. That process
//! knows one path, and each time it is asked it answers with what is in that file. It ends with the server.
//!
//! ```text
//! question = OCTET
//! answer   = ("+" / "-") length contents      ; the file, or why it cannot be read
//! length   = 4 OCTETs                         ; big-endian
//! ```

use super::process;
use crate::options::RawOptions;
use crate::server::control::leave_to_the_server;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The name under which the program is started for it.
const NAME: &str = "imap2d-options";

/// The file that this process runs, even if another has its name meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The loop waits for the answer; no file system that option files are on takes that long.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server's end.
#[derive(Debug)]
pub(crate) struct OptionReader {
    socket: UnixStream,
}

impl OptionReader {
    /// Starts the process that reads this file.
    pub(crate) fn start(file: &Path) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Command::new(THIS_PROGRAM)
            .arg0(NAME)
            .arg(file)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            // A key that interrupts the server is not for it.
            .process_group(0)
            .spawn()?;
        Ok(Self { socket })
    }

    /// What is in the file now.
    ///
    /// # Errors
    /// That it cannot be read, or that the process is gone.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let gone = || io::Error::other("the process that reads it has ended: restart imap2d");
        self.socket.write_all(b"?").map_err(|_| gone())?;
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

/// Does the work of that process if this one was started for it. Nothing comes back if it was not.
pub(crate) fn read_if_asked(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if args.next()? != NAME {
        return None;
    }
    let file = args.next()?;
    process::set_short_name(NAME);
    let answered = leave_to_the_server()
        .and_then(|()| close_in().map_err(io::Error::other))
        .and_then(|()| answer_all(Path::new(&file)));
    Some(answered.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

fn close_in() -> Result<(), String> {
    process::leave_no_traces()?;
    process::keep_reading_only()
}

/// Until nobody asks any more.
fn answer_all(file: &Path) -> io::Result<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    while socket.read(&mut [0])? > 0 {
        socket.write_all(&answer(RawOptions::contents(file)))?;
    }
    Ok(())
}

fn answer(read: io::Result<Vec<u8>>) -> Vec<u8> {
    let (good, contents) = match read {
        Ok(contents) => (b'+', contents),
        Err(error) => (b'-', error.to_string().into_bytes()),
    };
    // It is far less than 4 GiB: an option file has a limit.
    let length = u32::try_from(contents.len()).unwrap_or(u32::MAX);
    [&[good][..], &length.to_be_bytes(), &contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answered: &[u8]) -> io::Result<Vec<u8>> {
        let (socket, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        theirs.write_all(answered).expect("sent");
        drop(theirs.shutdown(std::net::Shutdown::Write));
        OptionReader { socket }.read()
    }

    #[test]
    fn there_and_back() {
        let read = asked(&answer(Ok(b"listen [::1]:143\n".to_vec())));
        assert_eq!(read.expect("read"), b"listen [::1]:143\n");
        assert_eq!(asked(&answer(Ok(Vec::new()))).expect("read"), b"");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = asked(&answer(Err(denied))).expect_err("not read");
        assert!(error.to_string().contains("denied"), "{error}");
    }

    #[test]
    fn nonsense_is_an_error() {
        for answered in [&b""[..], b"+", b"+\0\0\0\x05abc", b"+\xff\xff\xff\xff"] {
            assert!(asked(answered).is_err(), "{answered:?}");
        }
    }

    #[test]
    fn other_names_ask_for_nothing() {
        let args = ["imap2d", "--help"].map(OsString::from);
        assert!(read_if_asked(args.into_iter()).is_none());
    }
}
