//! Users by a program of the operator's (`--checkpassword`), with the interface that Daniel J. Bernstein gave his
//! `checkpassword` and others have kept.
//!
//! ```text
//! PROGRAM [ARGUMENT]... imap2d checkpassword-reply
//! ```
//!
//! On descriptor 3 it reads `name NUL password NUL time NUL`, 512 octets at most. If the password is right it becomes that
//! user, sets `USER`, `HOME` and `SHELL`, and runs the program that its last arguments name: this one, which
//! tells what it finds itself to be ([`reply`]). Else it exits: with 1 if the password is wrong, with 2 if it was
//! misused, with 111 if it cannot tell now. As for Dovecot's programs of that kind, `userdb_mail`,
//! `userdb_home`, `userdb_uid` and `userdb_gid` in the environment come before all else.
//!
//! Such a program runs with the rights that imap2d was started with, and may be one that gains others. It has
//! bounded time; each runs for one login, in a thread that waits for it.

use super::client::Answer;
use crate::auth::AccountInfo;
use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The interface has it so.
const MAX_REQUEST: usize = 512;
/// Far more than a reply is.
const MAX_REPLY: u64 = 16 * 1024;
/// How much of what one program complains of goes to the log.
const MAX_COMPLAINTS: u64 = 4 * 1024;
/// Less than a client has to log in.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the end of a program is looked for once it has closed its output.
const LOOK: Duration = Duration::from_millis(5);

/// The argument with which a program runs this one in the end.
const REPLY: &str = "checkpassword-reply";

/// What a reply is made of, besides the numbers of the user and the group.
const VARIABLES: [&str; 6] = [
    "USER",
    "HOME",
    "userdb_mail",
    "userdb_home",
    "userdb_uid",
    "userdb_gid",
];

/// Asks the program. It is given by its path and its first arguments, with spaces between them.
pub(super) fn verify(program: &str, user: &[u8], password: &[u8]) -> Answer {
    let Some(request) = request(user, password) else {
        return Answer::Denied;
    };
    match run(program, &request) {
        Ok((status, reply)) => judge(program, user, status, &reply),
        Err(error) => Answer::Unavailable(format!("{program}: {error}")),
    }
}

/// Nothing if these cannot be a user and a password.
fn request(user: &[u8], password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if user.is_empty() || user.contains(&0) || password.contains(&0) {
        return None;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let time = now.map_or(0, |since| since.as_secs()).to_string();
    let mut request = Zeroizing::new(Vec::with_capacity(MAX_REQUEST));
    for part in [user, password, time.as_bytes()] {
        if request.len() + part.len() + 1 > MAX_REQUEST {
            return None;
        }
        request.extend_from_slice(part);
        request.push(0);
    }
    Some(request)
}

/// Runs it, and whatever it runs, to the end. They are a group of their own, so that one that takes too long can be
/// ended whole.
fn run(program: &str, request: &[u8]) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // It has room for that much before anybody reads.
    File::from(writer).write_all(request)?;
    let mut words = program.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command
        .args(words)
        .arg(this_program()?)
        .arg(REPLY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .fd_mappings(vec![FdMapping {
            parent_fd: reader,
            child_fd: 3,
        }])
        .map_err(io::Error::other)?;
    let mut child = command.spawn()?;
    if let Some(complaints) = child.stderr.take() {
        let program = program.to_string();
        std::thread::spawn(move || relay(&program, complaints));
    }
    let deadline = Instant::now() + PATIENCE;
    let ended =
        reply_of(&mut child, deadline).and_then(|reply| Ok((wait(&mut child, deadline)?, reply)));
    if ended.is_err() {
        end(&mut child);
    }
    ended
}

/// Passes on to the log what it complains of. It may repeat what a client said, so no line of it can look like one
/// of ours. What is too much is read over, for nothing is to make it wait.
fn relay(program: &str, complaints: ChildStderr) {
    let mut complaints = BufReader::new(complaints);
    let lines = complaints.by_ref().take(MAX_COMPLAINTS).split(b'\n');
    for line in lines.map_while(Result::ok) {
        log::warn!("{program} says: {}", String::from_utf8_lossy(&line));
    }
    // It fails if nobody is there any more to be read.
    let _ = io::copy(&mut complaints, &mut io::sink());
}

/// By its name, which another user can run it by. The mark of a file that was replaced is not part of that.
fn this_program() -> io::Result<PathBuf> {
    let mut path = std::env::current_exe()?.into_os_string().into_vec();
    if let Some(name) = path.strip_suffix(b" (deleted)") {
        path.truncate(name.len());
    }
    Ok(OsString::from_vec(path).into())
}

/// What it writes to its output.
fn reply_of(child: &mut Child, deadline: Instant) -> io::Result<Vec<u8>> {
    let Some(mut output) = child.stdout.take() else {
        return Ok(Vec::new());
    };
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match rustix::event::poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(too_slow()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        match output.read(&mut chunk)? {
            0 => return Ok(reply),
            count => reply.extend_from_slice(&chunk[..count]),
        }
        if reply.len() as u64 > MAX_REPLY {
            return Err(io::Error::other("it says too much"));
        }
    }
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(too_slow());
        }
        std::thread::sleep(LOOK);
    }
}

fn too_slow() -> io::Error {
    io::Error::other(format!("it takes longer than {} s", PATIENCE.as_secs()))
}

/// A program that has become somebody else may be out of reach. Then it is left to itself.
fn end(child: &mut Child) {
    let group = rustix::process::Pid::from_child(child);
    let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    if killed.is_ok() {
        let _ = wait(child, Instant::now() + Duration::from_secs(1));
    }
}

fn judge(program: &str, user: &[u8], status: ExitStatus, reply: &[u8]) -> Answer {
    match status.code() {
        Some(0) => account(user, reply).map_or_else(
            || Answer::Unavailable(format!("{program} did not run imap2d in the end")),
            |account| Answer::Granted {
                account,
                server_final: None,
            },
        ),
        Some(1) => Answer::Denied,
        Some(111) => Answer::Unavailable(format!("{program} cannot tell at the moment")),
        _ => Answer::Unavailable(format!("{program}: {status}")),
    }
}

/// The process that the program has become in the end: says who it is.
///
/// ```text
/// reply = uid NUL gid NUL *(variable "=" value NUL) "."
/// ```
pub(super) fn reply_if_asked(args: &[OsString]) -> Option<ExitCode> {
    match args {
        [_, asked] if asked == REPLY => Some(reply()),
        _ => None,
    }
}

fn reply() -> ExitCode {
    let mut reply = Vec::new();
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    reply.extend_from_slice(format!("{uid}\0{gid}\0").as_bytes());
    for name in VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            reply.extend_from_slice(name.as_bytes());
            reply.push(b'=');
            reply.extend_from_slice(value.as_bytes());
            reply.push(0);
        }
    }
    reply.push(b'.');
    match io::stdout().write_all(&reply) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(111),
    }
}

/// Who that is. If the program has not become anybody else, it says nothing about who owns the mail.
fn account(user: &[u8], reply: &[u8]) -> Option<AccountInfo> {
    let mut parts = reply.strip_suffix(b"\0.")?.split(|&octet| octet == 0);
    let mut number = || parse(parts.next()?);
    let (uid, gid) = (number()?, number()?);
    let variables: Vec<&[u8]> = parts.collect();
    let variable = |name: &str| {
        let mut variables = variables.iter();
        let value = variables.find_map(|part| {
            let value = part.strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        })?;
        String::from_utf8(value.to_vec())
            .ok()
            .filter(|value| !value.is_empty())
    };
    let became = uid != rustix::process::geteuid().as_raw();
    let listed = |name: &str, own: u32| match variable(name) {
        Some(text) => parse(text.as_bytes()).map(Some),
        None => Some(became.then_some(own)),
    };
    Some(AccountInfo {
        user: variable("USER").or_else(|| String::from_utf8(user.to_vec()).ok())?,
        home: variable("userdb_home")
            .or_else(|| variable("HOME"))
            .map(PathBuf::from),
        mail: variable("userdb_mail"),
        uid: listed("userdb_uid", uid)?,
        gid: listed("userdb_gid", gid)?,
    })
}

fn parse(number: &[u8]) -> Option<u32> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_bounded_and_have_three_parts() {
        let whole = request(b"ann", b"secret").expect("a request");
        let parts: Vec<&[u8]> = whole.split(|&octet| octet == 0).collect();
        assert_eq!(
            (parts.len(), parts[0], parts[1], parts[3]),
            (4, &b"ann"[..], &b"secret"[..], &b""[..])
        );
        for (user, password) in [
            (&b""[..], &b"x"[..]),
            (b"a\0b", b"x"),
            (b"ann", b"x\0y"),
            (b"ann", &[b'x'; MAX_REQUEST]),
        ] {
            assert_eq!(request(user, password), None);
        }
    }

    #[test]
    fn replies() {
        let own = rustix::process::geteuid().as_raw();
        let of = |reply: &str| account(b"ann", reply.as_bytes());
        let bare = AccountInfo {
            user: "ann".into(),
            home: None,
            mail: None,
            uid: None,
            gid: None,
        };
        assert_eq!(of(&format!("{own}\x007\0.")), Some(bare.clone()));
        let other = own + 1;
        let became = AccountInfo {
            home: Some("/home/ann".into()),
            uid: Some(other),
            gid: Some(7),
            ..bare
        };
        let reply = format!("{other}\x007\0USER=ann\0HOME=/home/ann\0.");
        assert_eq!(of(&reply), Some(became));
        let told = AccountInfo {
            user: "Ann".into(),
            home: Some("/h".into()),
            mail: Some("maildir:~/M".into()),
            uid: Some(5),
            gid: Some(6),
        };
        let reply = format!(
            "{own}\x007\0USER=Ann\0HOME=/x\0userdb_mail=maildir:~/M\0userdb_home=/h\0\
             userdb_uid=5\0userdb_gid=6\0."
        );
        assert_eq!(of(&reply), Some(told));
        for wrong in [
            "",
            ".",
            "\0.",
            "1\0.",
            "1\x002\0",
            "1\x002\0USER=x",
            "x\x002\0.",
            "1\x002\0userdb_uid=x\0.",
        ] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}
