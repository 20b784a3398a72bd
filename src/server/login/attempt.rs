//! One attempt to log in, as the log names it.

use crate::protocol::Mechanism;
use crate::server::accept::Network;
use mio::Token;
use std::fmt;
use std::net::IpAddr;

/// The longest part of a name that is repeated in the log.
const LOGGED_NAME: usize = 64;

/// Somebody wants to log in.
pub(super) struct Attempt {
    /// The connection.
    pub(super) from: Token,
    pub(super) address: Option<IpAddr>,
    pub(super) method: Mechanism,
    /// Where it counts as one; nothing if it is not the end of an attempt.
    pub(super) counts_at: Option<Network>,
    pub(super) user: Vec<u8>,
}

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

/// A name from a client, as it may stand in a log between quotes: no line break, no quote, not endless.
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
            from: Token(1),
            address,
            method: Mechanism::Login,
            counts_at: None,
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
