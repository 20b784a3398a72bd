//! Sockets, time, signals and descriptors: this room drives [sessions](crate::session).
//!
//! [`Server::bind`] opens the listeners, or takes descriptors 0 and 1, as the options ask, and
//! [`Server::run`] serves until the server is shut down. One thread, one event loop, and beside it
//! threads that do nothing but wait for the disk; all rooms below this one get their octets, their
//! time and their verdicts as arguments.
//!
//! | file or folder | what is in it |
//! | --- | --- |
//! | `server`, `setup`, `error` | [`Server`], what it makes of its options, and why it fails |
//! | `event_loop` | the loop: events, turns, logins, changes of mailboxes, the end |
//! | `connections`, `connection` | all clients with their turns and timers; one client |
//! | `step_watch` | the times that steps take, and which are logged as too long |
//! | `shares` | connections and turns by user: no user has more than a share |
//! | `transport`, `tls/`, `no_tls` | the octets of one client, with and without TLS |
//! | `shared` | what all connections share: store, logins, certificates, configuration |
//! | `accept/` | listeners, socket activation, PROXY protocol, limits, stdio, fork server |
//! | `login/` | requests to log in: delays, the auth worker's answer, the account |
//! | `auth_worker/` | checking passwords in separate processes |
//! | `sandbox/` | what the process may touch: user, files (Landlock), privileges |
//! | `flusher/` | flushing files and directories to disk, in threads of its own |
//! | `control/` | signals, reload of the options, the service manager |
//! | `helper_process` | starting this program again, as a helper or a session |
//! | `idle_watch` | the sessions in IDLE, by the mailbox that each one watches |
//! | `clean_up` | finishing the work of clients that have disconnected |
//! | `refusal_log` | the log lines about limits, few enough not to fill the log |
//! | `mail_root` | the path of a user's Maildir |
//! | `poll`, `tokens`, `slab`, `timers`, `drain`, `panics` | parts of the loop |
//! | `test_backdoor` | commands that run inside the process, for tests only |
//!
//! # Embedding
//!
//! A test suite embeds a real server like this, on a port that the system picks:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = imap2d::Options::from_args([
//!     "--listen", "127.0.0.1:0", "--users", "passwd", "--mail", "/tmp/mail/%u",
//! ])?;
//! let server = imap2d::Server::bind(&options)?;
//! let (address, handle) = (server.local_addr(), server.handle());
//! let thread = std::thread::spawn(move || server.run());
//! // ... speak IMAP to `address` ...
//! handle.shut_down();
//! thread.join().expect("the server does not panic")?;
//! # Ok(())
//! # }
//! ```

mod accept;
mod auth_worker;
mod clean_up;
mod connection;
mod connections;
mod control;
mod drain;
mod error;
mod event_loop;
mod flusher;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod helper_process;
mod idle_watch;
mod login;
mod mail_root;
mod panics;
mod poll;
mod refusal_log;
mod sandbox;
#[expect(
    clippy::module_inception,
    reason = "the room is named after what it makes"
)]
mod server;
mod setup;
mod shared;
mod shares;
mod slab;
mod step_watch;
#[cfg(feature = "test-backdoor")]
mod test_backdoor;
#[cfg(test)]
mod tests;
mod timers;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod tokens;
mod transport;

pub use self::error::ServerError;
pub use self::server::{Handle, Server};

use crate::options::Options;
use std::ffi::OsString;
use std::process::ExitCode;

/// Does the work of a helper process, if this process was started as one; otherwise returns `None`.
/// The `main` of a program that calls [`Server::start_auth_worker`] or [`Server::enter_sandbox`]
/// calls this before anything else.
pub(crate) fn run_if_helper(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.collect();
    auth_worker::run_if_helper(&args).or_else(|| sandbox::run_if_option_reader(&args))
}

/// Checks valid options against this host, and changes nothing.
///
/// # Errors
/// If [`Server::enter_sandbox`] would not find the user or the group of `--run-as`.
pub(crate) fn check(options: &Options) -> Result<(), ServerError> {
    sandbox::check(options).map_err(ServerError::Sandbox)
}
