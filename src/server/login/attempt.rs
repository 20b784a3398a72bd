//! One attempt to log in, and its name in the log.

use super::login_counts::Started;
use super::origin::LoginOrigin;
use crate::protocol::Mechanism;
use crate::session::{LoginRequest, Peer};
use mio::Token;
use std::fmt;
use std::net::IpAddr;

/// The longest part of a user name that is repeated in the log, in octets.
const LOGGED_NAME: usize = 64;

/// An attempt to log in.
pub(super) struct Attempt {
    pub(super) connection: Token,
    /// Number of the connection in the log.
    pub(super) id: u64,
    /// Address of the client, or that for which the client says it speaks.
    address: Option<IpAddr>,
    method: Mechanism,
    /// What the attempt counts for, for the throttle; nothing if the exchange goes on and so
    /// nothing was guessed yet.
    pub(super) counts_for: Option<LoginOrigin>,
    /// Set while the attempt counts as under way.
    pub(super) started: Option<Started>,
    /// User name as the client sent it.
    user: Vec<u8>,
}

impl Attempt {
    pub(super) fn new(connection: Token, peer: &Peer, request: &LoginRequest) -> Self {
        let (user, method, is_guess) = match request {
            LoginRequest::Password { user, method, .. } => (user, *method, true),
            LoginRequest::Scram(exchange) => {
                let method = match exchange.plus {
                    true => Mechanism::ScramSha256Plus,
                    false => Mechanism::ScramSha256,
                };
                (&exchange.user, method, exchange.rest.is_some())
            }
        };
        Self {
            connection,
            id: peer.id,
            address: peer.originating_address.or(peer.address),
            method,
            counts_for: is_guess.then(|| LoginOrigin::new(peer, user)),
            started: None,
            user: user.clone(),
        }
    }
}

/// The part of the log line that programs parse.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "address={address}")?,
            None => f.write_str("address=-")?,
        }
        write!(
            f,
            " method={} user=\"{}\"",
            self.method.name(),
            printable(&self.user)
        )
    }
}

/// Returns a name from a client as it may stand in a log between quotes: no line break, no quote,
/// and not too long.
fn printable(name: &[u8]) -> String {
    let shown = &name[..name.len().min(LOGGED_NAME)];
    String::from_utf8_lossy(shown).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_name_cannot_forge_a_line() {
        let name = b"x\" address=10.0.0.1\r\nlogin failed: \xff";
        let shown = printable(name);
        assert!(!shown.contains(['\r', '\n']), "{shown}");
        assert!(shown.starts_with("x\\\" address"), "{shown}");
        assert_eq!(printable(&[b'a'; 1000]).len(), LOGGED_NAME);
        let attempt = |address| Attempt {
            connection: Token(1),
            id: 7,
            address,
            method: Mechanism::Login,
            counts_for: None,
            started: None,
            user: b"a\"b".to_vec(),
        };
        assert_eq!(
            attempt(None).to_string(),
            r#"address=- method=LOGIN user="a\"b""#
        );
        let address = "2001:db8::1".parse().ok();
        let text = attempt(address).to_string();
        assert!(text.starts_with("address=2001:db8::1 method="), "{text}");
    }
}
