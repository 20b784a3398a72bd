//! `--hash-password`: asks for a password, twice, and returns its text for the passwd-file.

use std::io::{self, Write as _};

use rustix::rand::{GetRandomFlags, getrandom};
use rustix::stdio::stdin;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::auth;

/// The longest password, in octets.
const MAX_PASSWORD: usize = 512;

/// Asks on the terminal, which does not show what the operator types. If standard input is not a
/// terminal, reads two lines from it. Returns the password field for a passwd-file, or with `user`
/// the whole line.
///
/// # Errors
/// If the two passwords differ, if the password or the user is not possible, or at the end of
/// input.
pub(crate) fn ask(user: Option<&str>) -> io::Result<String> {
    let password = ask_for("Password: ")?;
    if *password != *ask_for("Once more: ")? {
        return Err(io::Error::other("the two passwords differ"));
    }
    let mut salt = [0; auth::SALT_LENGTH];
    if getrandom(&mut salt, GetRandomFlags::empty())? < salt.len() {
        return Err(io::Error::other(
            "the kernel returned too few random octets",
        ));
    }
    auth::new_password(user, &password, salt).map_err(io::Error::other)
}

fn ask_for(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    if !isatty(stdin()) {
        return read_line(None);
    }
    let quiet = QuietTerminal::new()?;
    io::stderr().write_all(prompt.as_bytes())?;
    let line = read_line(Some(quiet.interrupt()));
    io::stderr().write_all(b"\n")?;
    line
}

/// Reads a line, octet by octet, because a buffer would keep the secret. Fails if it reads the
/// octet `interrupt`.
fn read_line(interrupt: Option<u8>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD));
    let mut octet = Zeroizing::new([0]);
    loop {
        match rustix::io::read(stdin(), &mut *octet) {
            Ok(0) if line.is_empty() => {
                return Err(io::Error::other("standard input has no password"));
            }
            Ok(0) => return Ok(line),
            Ok(_) if octet[0] == b'\n' => return Ok(line),
            Ok(_) if Some(octet[0]) == interrupt => return Err(io::Error::other("interrupted")),
            Ok(_) if line.len() == MAX_PASSWORD => {
                return Err(io::Error::other("the password is longer than 512 octets"));
            }
            Ok(_) => line.push(octet[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The terminal on standard input, which shows nothing until this value is dropped. The key that
/// would send SIGINT ends the line instead: a signal would leave the terminal without echo.
struct QuietTerminal {
    saved: Termios,
}

impl QuietTerminal {
    fn new() -> io::Result<Self> {
        let saved = tcgetattr(stdin())?;
        let mut quiet = saved.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        let interrupt = quiet.special_codes[SpecialCodeIndex::VINTR];
        quiet.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        tcsetattr(stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self { saved })
    }

    /// The octet of the key that would send SIGINT.
    fn interrupt(&self) -> u8 {
        self.saved.special_codes[SpecialCodeIndex::VINTR]
    }
}

impl Drop for QuietTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.saved);
    }
}
