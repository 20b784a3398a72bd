//! What this process may touch.
//!
//! A mail server reads what strangers send it, and holds the mail of people who trust it. Should a stranger
//! ever make it run code of theirs, what that code can reach is decided here, and by the kernel:
//!
//! * **Who the process is.** A daemon becomes the user of `--run-as` once it has its ports, and does not
//!   serve as root. A process that serves one client, started by root from inetd, becomes the user who has
//!   logged in. Root itself stays at the door only (`--wait`). Both for good: [`Credentials::assume`].
//! * **Which files it may open.** A daemon: the mail, the bulletin boards, and to read, the certificates. A
//!   process that serves one client: that user's Maildir and the bulletin boards. Nothing else, whatever
//!   the permissions of the files say: [`Ruleset`](super::ruleset::Ruleset), by Landlock. A process that never writes mail may not.
//! * **What it could still gain or give away.** No privileges by running a program, no core dump, no
//!   debugger, no capabilities: [`process`].
//!
//! None of it can be taken back, and all of it is the process's: so it is done at the request of the program
//! ([`crate::server::Server::confine`]), never behind the back of a test suite that embeds a server.

use super::credentials::Credentials;
use super::{ownership, policy, process};
use crate::auth::AccountInfo;
use crate::options::{Mode, Options};
use crate::store::Account;

/// What this process does about those whom it lets in.
#[derive(Debug)]
pub(crate) enum Sandbox {
    /// It serves many, with the rights of one user: each mail has to be that user's.
    Shared,
    /// It serves one, whose rights are the process's already.
    Unconfined,
    /// It serves one, and is to be theirs alone from their login on.
    OnePerson {
        /// Who to be for somebody of whom the list of users says nothing: `--run-as`.
        fallback: Option<Credentials>,
        read_only: bool,
    },
    /// It is somebody's alone.
    Theirs(String),
}

impl Sandbox {
    /// Before [`confine`], and without it.
    pub(crate) fn of_mode(mode: &Mode) -> Self {
        match mode {
            Mode::Inetd | Mode::Preauth(_) => Self::Unconfined,
            _ => Self::Shared,
        }
    }

    /// True if nobody else can log in here any more.
    pub(crate) fn are_one_persons(&self) -> bool {
        matches!(self, Self::Theirs(_))
    }

    /// Called once somebody has proved who they are, and before their mail is touched. The error is for the
    /// log: they cannot be served by this process.
    pub(crate) fn admit(&mut self, person: &AccountInfo, account: &Account) -> Result<(), String> {
        match self {
            Self::Shared => ownership::check(person, &account.root),
            Self::Unconfined => Ok(()),
            Self::OnePerson {
                fallback,
                read_only,
            } => {
                policy::become_person(person, account, fallback.as_ref(), *read_only)?;
                *self = Self::Theirs(person.user.clone());
                Ok(())
            }
            Self::Theirs(user) if *user == person.user => Ok(()),
            Self::Theirs(user) => Err(format!("this process has become {user:?}")),
        }
    }
}

/// True if nobody is to be served by this process itself: it is root, and is to become nobody else.
pub(crate) fn needs_fork_server(options: &Options) -> bool {
    options.mode == Mode::Wait && options.run_as.is_none() && process::is_root()
}

/// True if [`confine`] leaves a process that serves many and reads nothing but mail.
pub(crate) fn will_be_closed(options: &Options) -> bool {
    match options.mode {
        Mode::Serve { .. } => true,
        Mode::Wait => !needs_fork_server(options),
        _ => false,
    }
}

/// What [`confine`] would have to say of the options, without doing anything.
pub(crate) fn check(options: &Options) -> Result<(), String> {
    run_as(options).map(drop)
}

fn run_as(options: &Options) -> Result<Option<Credentials>, String> {
    let named = options
        .run_as
        .as_deref()
        .map(Credentials::named)
        .transpose();
    named.map_err(|error| format!("run-as: {error}"))
}

/// Puts up the walls that the options ask for around a process that has bound its ports. What the process is to do about its clients from now on is the result.
///
/// # Errors
/// Says what is in the way, for the operator. The process must not serve then.
pub(crate) fn confine(options: &Options) -> Result<Sandbox, String> {
    process::require_one_thread()?;
    let run_as = run_as(options)?;
    match options.mode {
        Mode::Wait if needs_fork_server(options) => {
            process::leave_no_traces()?;
            Ok(Sandbox::Shared)
        }
        Mode::Serve { .. } | Mode::Wait => {
            policy::become_daemon(options, run_as.as_ref())?;
            Ok(Sandbox::Shared)
        }
        Mode::Inetd | Mode::Preauth(_) => {
            process::leave_no_traces()?;
            Ok(Sandbox::OnePerson {
                fallback: run_as,
                read_only: options.read_only,
            })
        }
        Mode::Demo { .. }
        | Mode::HashPassword(_)
        | Mode::CheckConfig
        | Mode::Help
        | Mode::Version => {
            process::leave_no_traces()?;
            process::renounce_privileges()?;
            Ok(Sandbox::Shared)
        }
    }
}
