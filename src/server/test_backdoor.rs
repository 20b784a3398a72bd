//! A back door, in builds with the feature `test-backdoor` only.
//!
//! It stands for the fault that nobody has found yet, by which a client makes this process do what it likes.
//! A line `X-BACKDOOR deed argument` does the deed, with the rights of the process and no check by anybody
//! but the kernel, whether the client has logged in or not. Tests use it to see how far that gets.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpStream;
use std::process::Command;

/// What somebody would try first.
type Deed = fn(&str) -> io::Result<()>;

const DEEDS: &[(&str, Deed)] = &[
    ("read", |path| {
        File::open(path)?.read_to_end(&mut Vec::new()).map(drop)
    }),
    ("list", |path| fs::read_dir(path).map(drop)),
    ("write", |path| File::create(path).map(drop)),
    ("remove", |path| fs::remove_file(path)),
    ("connect", |address| TcpStream::connect(address).map(drop)),
    ("run", |path| Command::new(path).status().map(drop)),
    ("signal", |process| signal(process)),
    ("become", |uid| become_user(uid)),
];

/// Does the deed that the client asks for. The report is `* DONE` or `* FAILED` with the reason.
pub(super) fn obey(octets: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(octets).ok()?;
    let (name, argument) = line
        .strip_prefix("X-BACKDOOR ")?
        .trim_end()
        .split_once(' ')?;
    let (_, deed) = DEEDS.iter().find(|(known, _)| *known == name)?;
    Some(match deed(argument) {
        Ok(()) => "* DONE\r\n".into(),
        Err(error) => format!("* FAILED {error}\r\n"),
    })
}

/// Whether it may be signalled is found out without doing so.
fn signal(process: &str) -> io::Result<()> {
    let process = process
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let process = process.ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::test_kill_process(process)?)
}

fn become_user(uid: &str) -> io::Result<()> {
    let uid = uid.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    let uid = nix::unistd::Uid::from_raw(uid);
    Ok(nix::unistd::setresuid(uid, uid, uid)?)
}
