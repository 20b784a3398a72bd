//! One client connection as a pure machine. Input octets, the time and login verdicts go in; output
//! octets, deadlines and login requests come out. A session has no socket, no clock and no thread,
//! so that TCP, inetd, ssh, TLS, tests with a clock of their own and a fuzzer all drive the same
//! code.
//!
//! | the server calls | when |
//! | --- | --- |
//! | [`Session::new`], [`Session::preauthenticated`] | a connection was accepted |
//! | [`Session::handle_input`] | the socket is readable, if [`Session::wants_input`] |
//! | [`Session::handle_eof`] | the client has closed its side |
//! | [`Session::run`] | after any event, until the [`Turn`] says what it waits for |
//! | [`Session::poll_request`] | after a run: the client wants to log in |
//! | [`Session::handle_verdict`] | the login was verified |
//! | [`Session::is_starting_tls`] | after a run: the client begins TLS |
//! | [`Session::handle_tls`] | the handshake is over |
//! | [`Session::idle_mailbox`] | after a run: an IDLE command watches that mailbox |
//! | [`Session::handle_mailbox_change`] | that mailbox may have changed |
//! | [`Session::poll_output`] | the socket has room |
//! | [`Session::consume`] | octets were sent |
//! | [`Session::poll_timeout`] | to arm one timer |
//! | [`Session::handle_timeout`] | the timer fires |
//! | [`Session::change_wire_log`] | the operator has reloaded the options |
//! | [`Session::shut_down`] | the operator stops the server |
//! | [`Session::is_finished`] | to close the connection after its output is sent |
//! | [`Session::is_broken`] | to close the connection at once |
//!
//! # The journey of a command
//!
//! 1. The [framer](crate::protocol::Framer) yields one complete command. `input` has it parsed,
//!    lets the dialect climb to the protocol that the command belongs to, and checks that the
//!    command is legal in the state of the session.
//! 2. The file of the command below `commands/` turns it into a `Job`, or refuses it with a
//!    `Reply`.
//! 3. A `Task` steps the job until it has a reply, writes what has changed in the selected mailbox
//!    (`updates`), and ends the command with the tagged response.
//!
//! Commands run one at a time: pipelined ones wait in the input buffer.
//!
//! # The files
//!
//! From the top down; each imports only from those below it.
//!
//! | file | what it contains |
//! | --- | --- |
//! | `machine` | [`Session`]: the calls above |
//! | `input` | framer events to tasks; literals that are taken, streamed or refused |
//! | `commands/` | one file per command |
//! | `task` | one command from its job to its tagged response |
//! | `updates` | the untagged responses for changes of the selected mailbox |
//! | `message_data` | the data items FLAGS and UID, the FLAGS response |
//! | `long_responses` | responses with sets of numbers, written piece by piece |
//! | `condstore`, `utf8` | mod-sequences (RFC 7162), UTF8=ACCEPT (RFC 6855) |
//! | `job`, `each_message`, `rename_retry` | the trait, the cursor and the retry of commands |
//! | `state` | what a session knows |
//! | `selected`, `pending` | its selected mailbox; what it waits for |
//! | `reply`, `update_policy` | how a command ended; which updates go before |
//! | `output/` | the output queue: octets, file ranges, number lists |
//! | `layout_reader`, `range_locator` | reading message files piece by piece |
//! | `autocreate`, `special_use`, `wire_log` | mailboxes for a new user; RFC 6154; the wire log |
//! | `config`, `peer`, `login_request` | the nouns that the server and a session share |

mod autocreate;
mod commands;
mod condstore;
mod config;
mod disk_wait;
mod each_message;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod input;
mod job;
mod layout_reader;
mod login_request;
mod long_responses;
mod machine;
mod message_data;
mod output;
mod peer;
mod pending;
mod range_locator;
mod rename_retry;
mod reply;
mod selected;
mod special_use;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod update_policy;
mod updates;
mod utf8;
mod wire_log;

pub use self::config::SessionConfig;
pub use self::login_request::{LoginRequest, LoginVerdict, ScramExchange};
pub use self::machine::{Session, Turn};
pub use self::peer::{Peer, TlsInfo};
pub use self::special_use::SpecialUses;
pub use self::wire_log::WireLog;
