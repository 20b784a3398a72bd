//! Checking passwords away from the event loop.
//!
//! # The problem
//!
//! A good password hash is slow on purpose: half a second in the one thread of the server would be
//! half a second for all clients. And an attacker who takes over the server through one of its
//! parsers should not find the hashes of all users in its memory.
//!
//! # The answer
//!
//! ```text
//!  event loop ──── requests ───> supervisor ── starts ──> worker
//!             <──────────────────── replies ─────────────────┘
//! ```
//!
//! The event loop has one end of a pair of sockets; the packets on it keep their bounds (`packet`).
//! Two processes share the other end, and both run this same program under another name
//! (`process`). The *supervisor* waits until there is a request and starts the *worker*, which
//! reads the users and replies with a few threads (`worker`). After a minute without requests the
//! worker ends, so that nothing secret is in memory while no user logs in. If the worker dies, the
//! supervisor reports it, the pending logins are refused as [`AuthReply::Unavailable`], and the
//! next request finds a new worker. If the server ends, the sockets close, and both processes end.
//! If the supervisor dies, a server that has given up its rights cannot start another: it ends too,
//! and the service manager starts it again.
//!
//! The supervisor is started before the server gives up the rights it was started with, so that the
//! users file can be readable by `root` alone.
//!
//! A server that is embedded in another program cannot start itself again, since that program is
//! not imap2d: it checks passwords with the same threads, in its own process. Either way the event
//! loop never hashes.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `client` | [`AuthWorker`]: the event loop's end of the socket |
//! | `messages` | the replies, and what else comes from the worker |
//! | `packet` | requests and messages as octets |
//! | `process` | the supervisor and the worker as processes |
//! | `settings` | their command line: where the users are, where the log goes |
//! | `worker` | the threads that check passwords |
//! | `request_socket` | the worker's end of the socket, shared by its threads |
//! | `checkpassword` | users that an external program knows (`--checkpassword`) |

mod checkpassword;
mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod messages;
mod packet;
mod process;
mod request_socket;
mod settings;
mod worker;

pub(crate) use self::client::AuthWorker;
pub(crate) use self::messages::{AuthReply, Serial, WorkerMessage};
pub(crate) use self::process::run_if_helper;
