//! `--hash-password`: asks for a password, twice, and gives what the passwd-file is to hold.

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

/// Asks on the terminal, without showing what is typed, or reads two lines if standard input is
/// none. Gives the password field, or with a user the line, of a passwd-file.
///
/// # Errors
/// If the two differ, if there can be no such password or user, or if nobody answers.
pub(crate) fn ask(user: Option<&str>) -> io::Result<String> {
    let password = ask_for("Password: ")?;
    if *password != *ask_for("Once more: ")? {
        return Err(io::Error::other("the two passwords differ"));
    }
    let mut salt = [0; auth::SALT_LENGTH];
    if getrandom(&mut salt, GetRandomFlags::empty())? < salt.len() {
        return Err(io::Error::other("the system has no random numbers"));
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

/// Reads a line, octet by octet: a buffer would keep what is secret. `interrupt` ends everything.
fn read_line(interrupt: Option<u8>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD));
    let mut octet = Zeroizing::new([0]);
    loop {
        match rustix::io::read(stdin(), &mut *octet) {
            Ok(0) if line.is_empty() => return Err(io::Error::other("there is no password")),
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

/// The terminal on standard input, showing nothing until this value goes. The key that would
/// interrupt us ends the line instead, so that nobody is left with such a terminal.
struct QuietTerminal {
    as_found: Termios,
}

impl QuietTerminal {
    fn new() -> io::Result<Self> {
        let as_found = tcgetattr(stdin())?;
        let mut quiet = as_found.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        let interrupt = quiet.special_codes[SpecialCodeIndex::VINTR];
        quiet.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        tcsetattr(stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self { as_found })
    }

    fn interrupt(&self) -> u8 {
        self.as_found.special_codes[SpecialCodeIndex::VINTR]
    }
}

impl Drop for QuietTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.as_found);
    }
}
