//! Users that a program of the operator's knows (`--checkpassword`), with the interface of Daniel
//! J. Bernstein's `checkpassword`, which other programs have kept.
//!
//! ```text
//! PROGRAM [ARGUMENT]... imap2d checkpassword-reply
//! ```
//!
//! On descriptor 3 the program reads `name NUL password NUL time NUL`, 512 octets at most. If the
//! password is right it becomes that user, sets `USER`, `HOME` and `SHELL`, and runs the program
//! that its last arguments name: this one, which reports the user and the environment that it finds
//! ([`reply`]). Otherwise it exits: with 1 if the password is wrong, with 2 if it was misused, with
//! 111 if it cannot check now. As with Dovecot's programs of that kind, `userdb_mail`,
//! `userdb_home`, `userdb_uid` and `userdb_gid` in the environment come before all other values.
//!
//! Such a program runs with the rights that imap2d was started with, and may gain others. Its time
//! is limited; each runs for one login, in a thread that waits for it.

use super::messages::AuthReply;
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

/// Longest request that the interface allows, in octets.
const MAX_REQUEST: usize = 512;
/// Longest reply, in octets: far more than one needs.
const MAX_REPLY: u64 = 16 * 1024;
/// Octets of error output of one program that go to the log.
const MAX_ERROR_OUTPUT: u64 = 4 * 1024;
/// Time that a program has: less than a client has to log in.
const PATIENCE: Duration = Duration::from_secs(20);
/// Interval of checks for the end of a program that has closed its output.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// The argument with which the program runs this one in the end.
const REPLY: &str = "checkpassword-reply";

/// The variables in a reply, which also has the numbers of the user and the group.
const VARIABLES: [&str; 6] = [
    "USER",
    "HOME",
    "userdb_mail",
    "userdb_home",
    "userdb_uid",
    "userdb_gid",
];

/// Checks a password by the program: its path and its first arguments, with spaces between them.
pub(super) fn check(program: &str, user: &[u8], password: &[u8]) -> AuthReply {
    let Some(request) = request(user, password) else {
        return AuthReply::Denied;
    };
    match run(program, &request) {
        Ok((status, reply)) => interpret(program, user, status, &reply),
        Err(error) => AuthReply::Unavailable(format!("{program}: {error}")),
    }
}

/// Returns the request for a user and a password, or `None` if they do not fit into one.
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

/// Runs the program to its end, with the programs that it runs. They are a process group of their
/// own, so that all can be killed if they take too long.
fn run(program: &str, request: &[u8]) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // A pipe holds that much before the program reads.
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
    if let Some(errors) = child.stderr.take() {
        let program = program.to_string();
        std::thread::spawn(move || log_errors(&program, errors));
    }
    let deadline = Instant::now() + PATIENCE;
    let ended =
        reply_of(&mut child, deadline).and_then(|reply| Ok((wait(&mut child, deadline)?, reply)));
    if ended.is_err() {
        kill(&mut child);
    }
    ended
}

/// Logs the error output of the program. It may repeat octets of a client, so each line begins with
/// the program's name and cannot look like one of ours. Reads and discards what is too much, so
/// that the program does not wait.
fn log_errors(program: &str, errors: ChildStderr) {
    let mut errors = BufReader::new(errors);
    let lines = errors.by_ref().take(MAX_ERROR_OUTPUT).split(b'\n');
    for line in lines.map_while(Result::ok) {
        log::warn!("{program} says: {}", String::from_utf8_lossy(&line));
    }
    // It fails if the program has ended.
    let _ = io::copy(&mut errors, &mut io::sink());
}

/// Returns the path of this program, by which another user can run it. The mark of a replaced file
/// is not part of the path.
fn this_program() -> io::Result<PathBuf> {
    let mut path = std::env::current_exe()?.into_os_string().into_vec();
    if let Some(name) = path.strip_suffix(b" (deleted)") {
        path.truncate(name.len());
    }
    Ok(OsString::from_vec(path).into())
}

/// Reads the output of the program to its end.
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
            return Err(io::Error::other("its output is too long"));
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
        std::thread::sleep(CHECK_INTERVAL);
    }
}

fn too_slow() -> io::Error {
    io::Error::other(format!("it takes longer than {} s", PATIENCE.as_secs()))
}

/// Kills the program. One that has become another user may be out of reach; then it goes on.
fn kill(child: &mut Child) {
    let group = rustix::process::Pid::from_child(child);
    let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    if killed.is_ok() {
        let _ = wait(child, Instant::now() + Duration::from_secs(1));
    }
}

fn interpret(program: &str, user: &[u8], status: ExitStatus, reply: &[u8]) -> AuthReply {
    match status.code() {
        Some(0) => account(user, reply).map_or_else(
            || AuthReply::Unavailable(format!("{program} did not run imap2d at its end")),
            |account| AuthReply::Granted {
                account,
                server_final: None,
            },
        ),
        Some(1) => AuthReply::Denied,
        Some(111) => AuthReply::Unavailable(format!("{program} cannot check at the moment")),
        _ => AuthReply::Unavailable(format!("{program}: {status}")),
    }
}

/// Does the work of the process that the program has become at its end, if this process was started
/// as it: reports the user and the environment.
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

/// Returns the account that a reply describes. If the program has not become another user, the
/// reply does not tell who owns the mail.
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
    fn a_request_has_three_parts_and_512_octets_at_most() {
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
    fn a_reply_describes_the_account() {
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
        let listed = AccountInfo {
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
        assert_eq!(of(&reply), Some(listed));
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
