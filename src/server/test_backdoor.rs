//! A test back door: commands that run inside the server process. Compiled only with the feature
//! `test-backdoor`.
//!
//! It stands for an unknown fault by which a client makes this process run code of its own. A line
//! `X-BACKDOOR action argument` runs the action with the rights of the process, whether the client
//! has logged in or not; only the kernel checks it. Tests use it to show what the sandbox forbids,
//! and to make the process panic in a place of their choice.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an attacker would try first.
type Action = fn(&str) -> io::Result<()>;

const ACTIONS: &[(&str, Action)] = &[
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
    ("fail", |place| {
        *wanted_fault() = Some(place.to_owned());
        Ok(())
    }),
    ("has-failed", |_| match wanted_fault().as_deref() {
        None => Ok(()),
        Some(_) => Err(io::ErrorKind::NotFound.into()),
    }),
];

/// The place where the process is to panic once.
static WANTED_FAULT: Mutex<Option<String>> = Mutex::new(None);

fn wanted_fault() -> MutexGuard<'static, Option<String>> {
    // A value that a panic has left is as good as any.
    WANTED_FAULT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Panics if a client has asked for that in this place.
pub(super) fn fail_if_wanted(place: &str) {
    let mut wanted = wanted_fault();
    if wanted.as_deref() == Some(place) {
        *wanted = None;
        drop(wanted);
        panic!("a test has asked for it");
    }
}

/// Runs the action that the client asks for. Returns the report, `* DONE` or `* FAILED` with the
/// reason, or `None` if `octets` is no such line.
pub(super) fn run(octets: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(octets).ok()?;
    let (name, argument) = line
        .strip_prefix("X-BACKDOOR ")?
        .trim_end()
        .split_once(' ')?;
    let (_, action) = ACTIONS.iter().find(|(known, _)| *known == name)?;
    Some(match action(argument) {
        Ok(()) => "* DONE\r\n".into(),
        Err(error) => format!("* FAILED {error}\r\n"),
    })
}

/// Asks the kernel whether this process may signal that one, without doing so.
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
