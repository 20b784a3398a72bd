//! imap2d: a mail repository server for small hosts. It serves Maildirs, over IMAP2 (RFC 1064, RFC
//! 1176) and its successors, from one thread.
//!
//! This page is the map. Read it, then the opening page of the room you are going to work in.
//!
//! # The journey of a command
//!
//! ```text
//!  socket ──> server::connection    octets
//!         ──> protocol::framer      a whole command, its literals included
//!         ──> protocol::request     a typed command, and the dialect it takes
//!         ──> session               legal now? then a job, stepped until it has a reply
//!         ──> store, message        what is in the mailbox, what is in the message
//!         ──> session::untagged     what else has changed
//!         ──> session::output       octets, ranges of files, lists of numbers
//!         ──> server::connection ──> socket
//! ```
//!
//! # The rooms
//!
//! Imports go down only:
//!
//! ```text
//! main ──> server ──> session ──> { protocol, message, store, auth } ──> types
//!             └────> logging, demo ──> options ──> types, hash_password ──> auth
//!                                                    budget: a leaf, for server, session and store
//!                                                    certificate: a leaf, for server and options
//! ```
//!
//! | room | what it knows | what it does not know |
//! | --- | --- | --- |
//! | [`types`] | the nouns: UIDs, flags, sets of numbers, dates, names | how any of them is written |
//! | [`budget`] | how long a step may take, and why one stops | what is done in a step |
//! | [`protocol`] | the grammar, octets to values and back; the dialects | files, sockets |
//! | [`message`] | RFC 822 and MIME | files, IMAP |
//! | [`store`] | Maildirs: the only room that touches the file system of the mail | IMAP, MIME |
//! | [`auth`] | who may log in | how they asked |
//! | [`session`] | one client, as a pure machine | sockets, clocks |
//! | [`server`] | sockets, time, signals, descriptors | what is said over them |
//! | [`program`] | which mode runs, and with which exit code it ends | |
//! | `certificate` | certificates and keys in files | who shows them to whom |
//! | [`options`], [`logging`], [`demo`], [`hash_password`] | what the operator wants and gets to see | |
//! | [`testing`] | the names that only the integration tests use | |
//!
//! # What always holds
//!
//! 1. Below [`server`] nothing sleeps, waits for a lock, or learns the time except from its arguments.
//!    Flushing to disk is the one thing that may take long, because nothing is announced before it.
//! 2. A step does at least one unit of work and stops when its [`budget`] is spent.
//! 3. Unsent output is at most the high-water mark and one response; message texts and SEARCH hits are
//!    queued as ranges ([`session`]).
//! 4. Input is not read while a command runs and the input buffer is full; input that is too long is read
//!    to its true end and answered.
//! 5. What was announced is on disk: a UID is written before it is told; APPEND and COPY say OK after the
//!    file and its directory are flushed.
//! 6. A message file is never edited, and never removed except by EXPUNGE, CLOSE and MOVE. If another program
//!    removes one, that message is gone and nothing else.
//! 7. A message is never declared gone on one missed `readdir`: the directory must have held still.
//! 8. Every number from a client is bounded, every recursion is counted down, no input panics. Should one
//!    panic all the same, it ends that one session with a line in the log.
//! 9. No secret reaches a log, and no password is checked in the loop.
//!
//! # Embedding
//!
//! A test suite can run a real server over a temporary Maildir: see [`Server`].

mod auth;
mod budget;
#[cfg(feature = "tls")]
mod certificate;
mod demo;
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

pub use options::{
    CertificateFiles, DialectOption, MailTemplate, Mode, OptionErrors, Options, PlaintextLogin,
};
pub use program::run;
pub use server::{Handle, Server, ServerError};
