//! Why a server cannot start or go on: what failed, where, and what to do about it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// An error that ends the server, or keeps it from starting.
#[derive(Debug)]
pub enum ServerError {
    /// No address to listen on was given.
    NoListener,
    /// An address cannot be listened on.
    Listen {
        /// The address as it was given.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate cannot be used: which, and why.
    Certificate(String),
    /// The client begins with TLS, and there is no certificate.
    NoCertificate,
    /// Whoever started the process has handed down no socket to serve.
    NoSocket(String),
    /// The session on descriptors 0 and 1 has nobody it could belong to.
    NoUser(String),
    /// The process cannot be confined to what it needs.
    Confine(String),
    /// The system refused something that the loop cannot do without.
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl ServerError {
    /// For `map_err`: the system refused it while `doing` this.
    pub(super) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// A certificate that was good until the process became this user.
    pub(super) fn after_becoming(self, user: Option<&str>) -> Self {
        match (self, user) {
            (Self::Certificate(reason), Some(user)) => Self::Certificate(format!(
                "{reason}; it is read by the user of --run-as, {user}, who has to find it when it is renewed: \
                 let this user, or a group of theirs, read it and search its directories"
            )),
            (other, _) => other,
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoListener => write!(
                out,
                "nothing to listen on: give an address with --listen (for example --listen 127.0.0.1:1143), \
                 or serve one client with --inetd or --preauth"
            ),
            Self::Listen { address, source } => {
                write!(out, "cannot listen on {address}: {source}")?;
                advice(source).map_or(Ok(()), |advice| write!(out, "; {advice}"))
            }
            Self::Certificate(reason) => out.write_str(reason),
            Self::NoCertificate => write!(
                out,
                "this connection came to port 993, where it begins with TLS: give a certificate with --tls-cert"
            ),
            Self::NoSocket(reason) => write!(
                out,
                "no socket to wait at: {reason}; --wait is for inetd (wait), xinetd (wait = yes) and socket \
                 units of systemd"
            ),
            Self::NoUser(reason) => write!(out, "no user for this session: {reason}"),
            Self::Confine(reason) => out.write_str(reason),
            Self::System { doing, source } => write!(out, "cannot {doing}: {source}"),
        }
    }
}

/// What to do about a failure to listen.
fn advice(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::AddrInUse => Some(
            "another program has this port: stop it (ss -ltnp shows which it is), or choose another port",
        ),
        io::ErrorKind::AddrNotAvailable => {
            Some("this machine has no such address: ip addr shows those it has")
        }
        io::ErrorKind::PermissionDenied => Some(
            "ports below 1024 are for root, or for who has the capability CAP_NET_BIND_SERVICE: \
             start imap2d with it, or choose a port such as 1143",
        ),
        _ => None,
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. } | Self::System { source, .. } => Some(source),
            Self::Certificate(_)
            | Self::Confine(_)
            | Self::NoCertificate
            | Self::NoListener
            | Self::NoSocket(_)
            | Self::NoUser(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_to_do() {
        let error = ServerError::Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 143)),
            source: io::ErrorKind::AddrInUse.into(),
        };
        let text = error.to_string();
        assert!(
            text.contains("127.0.0.1:143") && text.contains("choose another port"),
            "{text}"
        );
    }
}
