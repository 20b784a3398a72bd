//! imap2d is a mail repository server for small hosts. It serves Maildirs over IMAP2 (RFC 1064,
//! RFC 1176) and its successors, from one thread.
//!
//! This page is the map of the source. Read it first, then the opening page of the room that you
//! are going to change. `contrib/DESIGN.md` gives the reasons: the decisions, and the facts about
//! Maildirs and old clients that they rest on.
//!
//! # The journey of a command
//!
//! ```text
//!  socket ──> server::connection    octets, decrypted
//!         ──> protocol::framer      a whole command, with its literals
//!         ──> protocol::parse       a typed command, and the dialect that it needs
//!         ──> session               is it legal in this state? then a job, which replies at last
//!         ──> store, message        what the mailbox contains, what the message contains
//!         ──> session::updates      what else has changed in the selected mailbox
//!         ──> session::output       octets, ranges of files, lists of numbers
//!         ──> server::connection ──> socket
//! ```
//!
//! # The rooms
//!
//! A room is a module of the crate. It imports from the rooms to the right of its arrow and from no
//! others, so imports go down only. Files do not import one another in circles either.
//! `tests/layering.rs` reads these lines and holds the source to them.
//!
//! ```text
//! program       ──> server, demo, hash_password, options, logging, auth
//! server        ──> session, protocol, store, auth, options, certificate, logging,
//!                   budget, file_stamp, types
//! session       ──> protocol, message, store, auth, budget, types, work
//! store         ──> budget, file_stamp, types, work
//! protocol      ──> types, work
//! message       ──> types, work
//! types         ──> work
//! auth          ──> file_stamp
//! hash_password ──> auth
//! demo          ──> options, types
//! options       ──> certificate, types
//! logging       ──> types
//! ```
//!
//! | room | what it knows | what it does not know |
//! | --- | --- | --- |
//! | [`types`] | UID, flags, sets of numbers, dates, mailbox names | their form on the wire |
//! | [`budget`] | how long a step may take, and the reasons why a step stops | what a step does |
//! | [`protocol`] | the grammar, octets to values and back; the dialects | files, sockets |
//! | [`message`] | RFC 822 and MIME, over octets | files, IMAP |
//! | [`store`] | Maildirs: it alone touches the file system of the mail | IMAP, MIME |
//! | [`auth`] | the users file, password schemes, SCRAM | how a client sends a password |
//! | [`session`] | one client, as a pure machine | sockets, clocks |
//! | [`server`] | sockets, time, signals, processes, descriptors | what clients and sessions say |
//! | `work` | how much is done, for tests that compare it with what is paid | |
//! | `file_stamp` | whether a file has changed | what is in it |
//! | `certificate` | certificates and keys in files | which client is shown which |
//! | [`options`] | the command line and the option file | what the options change |
//! | [`logging`] | where log lines go | |
//! | [`demo`] | the sample mail of `--demo` | |
//! | [`hash_password`] | the dialogue of `--hash-password` | |
//! | [`program`] | which mode runs, and the exit code | |
//! | [`testing`] | names that only the integration tests and the fuzzers use | |
//!
//! A file or folder `fuzz` says what must hold in its room for arbitrary octets: the fuzzers in
//! `tests/fuzz` check it, and so do the unit tests, with the inputs that are kept there.
//!
//! # Invariants
//!
//! 1. Below [`server`] nothing sleeps, waits for a lock, or learns the time except from its
//!    arguments. A job that needs something on disk waits for a flush that threads of [`server`]
//!    make; only in a process with one client it is made in place.
//! 2. A step does at least one unit of work and stops when its [`budget`] is spent.
//! 3. Unsent output of a session is at most the high-water mark and one chunk of 64 KiB; message
//!    texts and SEARCH results are queued as ranges ([`session`]). The memory of a user's sessions,
//!    and of all, has a limit.
//! 4. The session reads no input while a command runs and the input buffer is full. It reads input
//!    that is too long to its true end and answers it.
//! 5. What was announced is on disk: a UID is written before a client sees it; APPEND, COPY, MOVE,
//!    EXPUNGE, CLOSE and the commands that change mailboxes or subscriptions answer OK after the
//!    files and directories that they have changed are flushed.
//! 6. The server never edits a message file, and removes one only for EXPUNGE, CLOSE and MOVE. If
//!    another program removes a file, that message is gone and nothing else.
//! 7. A message that one `readdir` missed is not gone: the directory must have held still.
//! 8. Every number from a client is bounded, every recursion is counted down, and no input panics.
//!    A panic all the same ends that one session with a log line, and the mailboxes that it worked
//!    on are loaded anew.
//! 9. No secret reaches a log, and the event loop checks no password.
//!
//! # Embedding
//!
//! A test suite can run a real server over a temporary Maildir: see [`Server`].

mod auth;
mod budget;
#[cfg(feature = "tls")]
mod certificate;
mod demo;
mod file_stamp;
mod hash_password;
mod logging;
mod message;
mod options;
mod program;
mod protocol;
mod server;
mod session;
mod store;
#[doc(hidden)]
pub mod testing;
mod types;
mod work;

use budget::{ready, try_done, try_ready};

pub use options::{
    CertificateFiles, DialectOption, MailTemplate, Mode, OptionErrors, Options, PlaintextLogin,
};
pub use program::run;
pub use server::{Handle, Server, ServerError};
