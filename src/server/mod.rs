//! The part that touches sockets, time and signals: it drives [sessions](crate::session).
//!
//! [`Server::bind`] takes the listeners, or descriptors 0 and 1, that the options ask for, and
//! [`Server::run`] serves until it is told to stop. One thread, one loop (`event_loop.rs`); everything below
//! this module is given its octets, its time and its verdicts as arguments.
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
mod connection;
mod control;
mod error;
mod event_loop;
mod idle_watch;
mod login;
mod mail_root;
mod sandbox;
#[expect(
    clippy::module_inception,
    reason = "the room is named after what it makes"
)]
mod server;
mod shared;
mod slab;
#[cfg(feature = "test-backdoor")]
mod test_backdoor;
#[cfg(test)]
mod tests;
mod timers;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod transport;

pub use self::error::ServerError;
pub use self::server::{Handle, Server};

use crate::options::Options;
use std::ffi::OsString;
use std::process::ExitCode;

/// Does the work of one of the processes that a server starts beside itself, if this process was started for
/// it: to be called before anything else in the `main` of a program that calls [`Server::verify_apart`] or
/// [`Server::confine`]. Nothing comes back if it was not.
pub(crate) fn run_if_asked(args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let args: Vec<OsString> = args.collect();
    auth_worker::run_if_asked(&args).or_else(|| sandbox::read_if_asked(args.into_iter()))
}

/// What is wrong with options that are good in themselves, on this machine: nothing is done but to look.
///
/// # Errors
/// If [`Server::confine`] would not find the user or the group of `--run-as`.
pub(crate) fn check(options: &Options) -> Result<(), ServerError> {
    sandbox::check(options).map_err(ServerError::Confine)
}
