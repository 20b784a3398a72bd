//! What a session asks the server when the client wants to log in, and what the server answers.

use crate::auth::scram::ChannelBinding;
use crate::protocol::{Mechanism, Secret};
use crate::store::Account;

/// A login attempt that the server has to verify. It answers with
/// [`Session::handle_verdict`](super::Session::handle_verdict).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginRequest {
    /// A user name and a password.
    Password {
        /// The user name as the client sent it.
        user: Vec<u8>,
        /// The password.
        password: Secret,
        /// The mechanism that brought both. For the command LOGIN (RFC 3501 §6.2.3) it is the
        /// mechanism of the same name.
        method: Mechanism,
    },
    /// A message of a SCRAM exchange.
    Scram(ScramExchange),
}

/// The messages of a SCRAM exchange so far; the last one is the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramExchange {
    /// The user name in the client's first message.
    pub user: Vec<u8>,
    /// Whether the mechanism is the one with channel binding.
    pub plus: bool,
    /// The channel bindings of the connection.
    pub channels: Vec<ChannelBinding>,
    /// The client's first message.
    pub client_first: Vec<u8>,
    /// The server's first message and the client's final message. `None` if the server has yet to
    /// answer the first message, by [`LoginVerdict::Challenge`].
    pub rest: Option<(String, Vec<u8>)>,
}

/// The server's answer to a [`LoginRequest`].
#[derive(Debug, Clone)]
pub enum LoginVerdict {
    /// The client has proved that it is the user.
    Granted {
        /// The canonical name of the user.
        user: String,
        /// Where the user's mail is.
        account: Account,
        /// The server's final message of SCRAM, which proves to the client that the server knows
        /// its secret.
        server_final: Option<String>,
    },
    /// The SCRAM exchange continues with this message of the server.
    Challenge(String),
    /// There is no such user, or the password is wrong.
    Denied,
    /// The server cannot verify logins at present; the text is for the client.
    Unavailable(String),
    /// The client has proved that it is the user, who has too many connections already.
    TooManyConnections,
}
