//! The verifier as processes of their own: this very program, started under other names.
//!
//! [`run_if_asked`] is called first of all in `main`. The name under which a program is started (`argv[0]`)
//! is free, so that no option is needed, and a list of processes shows who is who.

use super::checkpassword;
use super::packet::{self, Message};
use super::settings::{Settings, Users};
use super::worker;
use crate::logging;
use crate::server::{control, sandbox};
use rustix::net::RecvFlags;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// Waits for questions, and starts those who answer them.
const SUPERVISOR: &str = "imap2d-verifier";
/// Answers questions as long as there are any.
const WORKER: &str = "imap2d-verifier-worker";

/// The file that this process runs, even if another has its name meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Does the work of the verifier if this process was started for it. Nothing comes back if it was not.
pub(crate) fn run_if_asked(args: &[OsString]) -> Option<ExitCode> {
    if let Some(code) = checkpassword::reply_if_asked(args) {
        return Some(code);
    }
    let (name, args) = args.split_first()?;
    let name = name.to_str()?;
    let work: fn(&OwnedFd, &Settings) -> ExitCode = match name {
        SUPERVISOR => supervise,
        WORKER => answer,
        _ => return None,
    };
    let Some(settings) = Settings::from_args(args.iter().cloned()) else {
        return Some(ExitCode::FAILURE);
    };
    logging::start(settings.log_level, settings.syslog);
    Some(match prepare(name) {
        Ok(socket) => work(&socket, &settings),
        Err(error) => failure("begin", &error),
    })
}

/// What is true of both processes: neither leaves its memory behind when it dies. Returns the socket.
fn prepare(name: &str) -> io::Result<OwnedFd> {
    control::leave_to_the_server()?;
    sandbox::leave_no_traces().map_err(io::Error::other)?;
    sandbox::set_short_name(name);
    io::stdin().as_fd().try_clone_to_owned()
}

fn failure(doing: &str, error: &io::Error) -> ExitCode {
    log::error!("the verifier cannot {doing}: {error}");
    ExitCode::FAILURE
}

/// Starts the supervisor. `socket` is its end of a pair; that nobody else has it is how either side learns
/// that the other is gone.
pub(super) fn start(settings: &Settings, socket: OwnedFd) -> io::Result<Child> {
    command(SUPERVISOR, settings, socket)
        // A key that interrupts the server is not for its helpers: they go when it has gone.
        .process_group(0)
        .spawn()
}

fn command(name: &str, settings: &Settings, socket: OwnedFd) -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    command
        .arg0(name)
        .args(settings.to_args())
        // Whoever starts services is to hear of the server, and of nobody else.
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null());
    if settings.syslog {
        // It may be a client's socket.
        command.stderr(Stdio::null());
    }
    command
}

/// Starts a worker whenever there are questions and none is at work, until there is nobody left to ask.
/// It never looks at a question.
fn supervise(socket: &OwnedFd, settings: &Settings) -> ExitCode {
    // The server has read the list at its start, and said what is wrong with it.
    let mut list = settings.list();
    while has_questions(socket) {
        let before = std::mem::replace(&mut list, settings.list());
        let settings = Settings {
            faults_are_told: before == list,
            ..settings.clone()
        };
        let ended = socket
            .try_clone()
            .and_then(|socket| command(WORKER, &settings, socket).spawn())
            .and_then(|mut worker| worker.wait());
        if ended.as_ref().is_ok_and(ExitStatus::success) {
            continue;
        }
        // What it had taken is lost. What it had not is thrown away, so that both sides agree on which
        // questions have no answer: all that were asked before the message.
        worker::discard(socket);
        let told = worker::send(socket, &packet::message(&Message::Lost));
        match ended {
            Ok(status) => log::error!("the verifier's worker was ended: {status}"),
            Err(error) => log::error!("the verifier cannot start a worker: {error}"),
        }
        if told.is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Waits until there is a packet; false if there will be none.
fn has_questions(socket: &OwnedFd) -> bool {
    loop {
        match rustix::net::recv(socket, &mut [0; 1][..], RecvFlags::PEEK) {
            Ok((length, _)) => return length > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// All that happens from here on is reading the users and answering: every other right is given up.
fn answer(socket: &OwnedFd, settings: &Settings) -> ExitCode {
    let users = worker::Users::new(settings);
    let confined = match &settings.users {
        // The program may need any right that there is.
        Users::Nobody | Users::Checkpassword(_) => Ok(None),
        Users::PasswdFile(path) => sandbox::enter_for_auth_worker(path).map(Some),
    };
    match confined {
        Ok(allowed_files) => {
            worker::serve(socket, &users, Some(worker::IDLE), allowed_files);
            ExitCode::SUCCESS
        }
        Err(error) => failure("close itself in", &io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_ask_for_nothing() {
        let run = |name: &str| run_if_asked(&[name, "info"].map(OsString::from));
        assert!(run("imap2d").is_none() && run("").is_none());
        assert!(run_if_asked(&[]).is_none());
        assert!(run(SUPERVISOR).is_some(), "it is asked for in a wrong way");
    }
}
