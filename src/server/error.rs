//! The errors of a server: what failed, where, and what the operator can do.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// An error that ends the server, or keeps it from starting.
#[derive(Debug)]
pub enum ServerError {
    /// The options name no address to listen on.
    NoListener,
    /// The system refuses to listen on an address.
    Listen {
        /// The address in the options.
        address: SocketAddr,
        /// Error of the system.
        source: io::Error,
    },
    /// A certificate cannot be used: which one, and why.
    Certificate(String),
    /// Connections begin with TLS, and the options name no certificate.
    NoCertificate,
    /// The process was started without a listening socket.
    NoSocket(String),
    /// The session on descriptors 0 and 1 belongs to no known user.
    NoUser(String),
    /// The process cannot enter its sandbox.
    Sandbox(String),
    /// The system refused something that the server cannot do without.
    System {
        /// What the server was doing.
        doing: &'static str,
        /// Error of the system.
        source: io::Error,
    },
}

impl ServerError {
    /// Returns a function for `map_err`: the system refused it while the server was `doing` this.
    pub(super) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }

    /// Adds advice to the error of a certificate that was good until the process became this user.
    pub(super) fn after_becoming(self, user: Option<&str>) -> Self {
        match (self, user) {
            (Self::Certificate(reason), Some(user)) => Self::Certificate(format!(
                "{reason}; the user of --run-as, {user}, reads it, also when it is renewed: \
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
                "no listening socket: {reason}; --wait is for inetd (wait), xinetd (wait = yes) and socket \
                 units of systemd"
            ),
            Self::NoUser(reason) => write!(out, "no user for this session: {reason}"),
            Self::Sandbox(reason) => out.write_str(reason),
            Self::System { doing, source } => write!(out, "cannot {doing}: {source}"),
        }
    }
}

/// Returns advice on a failure to listen.
fn advice(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::AddrInUse => Some(
            "another program has this port: stop it (ss -ltnp shows which it is), or choose another port",
        ),
        io::ErrorKind::AddrNotAvailable => {
            Some("this host has no such address: ip addr shows those it has")
        }
        io::ErrorKind::PermissionDenied => Some(
            "only root, or a process with the capability CAP_NET_BIND_SERVICE, may use ports below 1024: \
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
            | Self::Sandbox(_)
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
    fn an_error_says_what_failed_and_where_and_gives_advice() {
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
