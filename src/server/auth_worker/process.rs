//! The supervisor and the worker as processes: this same program, started under other names.

use super::checkpassword;
use super::messages::WorkerMessage;
use super::request_socket::{self, RequestSocket};
use super::settings::{UserSource, WorkerSettings};
use super::worker::{self, PasswordChecker};
use crate::logging;
use crate::server::{helper_process, sandbox};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// Waits for requests, and starts the workers that reply to them.
const SUPERVISOR: &str = "imap2d-auth";
/// Replies to requests as long as there are any.
const WORKER: &str = "imap2d-auth-worker";

/// Does the work of the supervisor, of the worker or of the end of a checkpassword program, if this
/// process was started as one; otherwise returns `None`.
pub(crate) fn run_if_helper(args: &[OsString]) -> Option<ExitCode> {
    if let Some(code) = checkpassword::reply_if_asked(args) {
        return Some(code);
    }
    let (name, args) = args.split_first()?;
    let name = name.to_str()?;
    let work: fn(&OwnedFd, &WorkerSettings) -> ExitCode = match name {
        SUPERVISOR => supervise,
        WORKER => work,
        _ => return None,
    };
    let Some(settings) = WorkerSettings::from_args(args.iter().cloned()) else {
        return Some(ExitCode::FAILURE);
    };
    logging::start(settings.log_level, settings.syslog);
    Some(match prepare(name) {
        Ok(socket) => work(&socket, &settings),
        Err(error) => failure("start", &error),
    })
}

/// Prepares the process of either; neither leaves its memory behind when it dies. Returns the
/// socket.
fn prepare(name: &str) -> io::Result<OwnedFd> {
    helper_process::prepare_helper(name)?;
    sandbox::forbid_core_dumps().map_err(io::Error::other)?;
    io::stdin().as_fd().try_clone_to_owned()
}

fn failure(doing: &str, error: &io::Error) -> ExitCode {
    log::error!("the auth worker cannot {doing}: {error}");
    ExitCode::FAILURE
}

/// Starts the supervisor. `socket` is its end of a pair; no other process has it, so that either
/// side notices the end of the other.
pub(super) fn start(settings: &WorkerSettings, socket: OwnedFd) -> io::Result<Child> {
    command(SUPERVISOR, settings, socket)
        // The key that interrupts the server is not meant for its helpers: they end after it.
        .process_group(0)
        .spawn()
}

fn command(name: &str, settings: &WorkerSettings, socket: OwnedFd) -> Command {
    let mut command = helper_process::helper(name);
    command.args(settings.to_args()).stdin(Stdio::from(socket));
    if settings.syslog {
        // Descriptor 2 may be a client's socket.
        command.stderr(Stdio::null());
    }
    command
}

/// Starts a worker whenever there are requests and no worker, until the server closes the socket.
/// The supervisor never reads a request.
fn supervise(socket: &OwnedFd, settings: &WorkerSettings) -> ExitCode {
    // The server has read the users file at its start, and logged its faults.
    let mut stamp = settings.users_file_stamp();
    while request_socket::has_requests(socket) {
        let before = std::mem::replace(&mut stamp, settings.users_file_stamp());
        let settings = WorkerSettings {
            faults_are_logged: before == stamp,
            ..settings.clone()
        };
        let ended = socket
            .try_clone()
            .and_then(|socket| command(WORKER, &settings, socket).spawn())
            .and_then(|mut worker| worker.wait());
        if ended.as_ref().is_ok_and(ExitStatus::success) {
            continue;
        }
        // The requests that the worker had taken are lost. Those that it had not taken are
        // discarded, so that both sides agree on which requests get no reply: all that were sent
        // before this message.
        request_socket::discard(socket);
        let sent = request_socket::send(socket, &WorkerMessage::Lost);
        match ended {
            Ok(status) => log::error!("the auth worker was ended: {status}"),
            Err(error) => log::error!("cannot start an auth worker: {error}"),
        }
        if sent.is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Reads the users, gives up every other right, and replies to requests.
fn work(socket: &OwnedFd, settings: &WorkerSettings) -> ExitCode {
    let checker = PasswordChecker::new(settings);
    let entered = match &settings.users {
        // The program may need any right that this process has.
        UserSource::NoUsers | UserSource::Checkpassword(_) => Ok(None),
        UserSource::PasswdFile(path) => sandbox::enter_for_auth_worker(path).map(Some),
    };
    match entered {
        Ok(allowed_files) => {
            let socket = RequestSocket::new(socket, Some(worker::IDLE), allowed_files);
            worker::serve(&socket, &checker);
            ExitCode::SUCCESS
        }
        Err(error) => failure("enter its sandbox", &io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_helpers_start_helpers() {
        let run = |name: &str| run_if_helper(&[name, "info"].map(OsString::from));
        assert!(run("imap2d").is_none() && run("").is_none());
        assert!(run_if_helper(&[]).is_none());
        assert!(run(SUPERVISOR).is_some(), "its arguments are invalid");
    }
}
