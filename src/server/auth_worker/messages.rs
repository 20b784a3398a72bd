//! The replies of the auth worker, and what else comes from it. Its requests are those of the
//! session ([`LoginRequest`](crate::session::LoginRequest)).

use crate::auth::{AccountInfo, AuthOutcome};

/// The serial number of a request. No two requests of a server have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Serial(pub(crate) u64);

/// The reply to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthReply {
    /// The user is authenticated.
    Granted {
        account: AccountInfo,
        /// The last message of a SCRAM exchange that succeeds.
        server_final: Option<String>,
    },
    /// There is no such user, or the password is wrong.
    Denied,
    /// The password cannot be checked, for this reason.
    Unavailable(String),
    /// The SCRAM exchange goes on, with this message of the server.
    Challenge(String),
}

impl From<AuthOutcome> for AuthReply {
    fn from(outcome: AuthOutcome) -> Self {
        match outcome {
            AuthOutcome::Granted(account) => Self::Granted {
                account,
                server_final: None,
            },
            AuthOutcome::Denied => Self::Denied,
            AuthOutcome::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// What comes from the worker or from its supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WorkerMessage {
    /// The reply to one request.
    Reply(Serial, AuthReply),
    /// No request so far gets a reply any more.
    Lost,
    /// Whether all users can log in by SCRAM, so that it may be offered.
    OffersScram(bool),
}
