//! One client on descriptors 0 and 1: `--inetd` and `--preauth`.
//!
//! The descriptors may be a socket, two pipes, a terminal or plain files, and the loop is the same for all
//! of them (see [`Descriptors`] for files). When the input ends, the session answers what it has received,
//! and its end is the end of the process.

use super::listener::{self, IMAPS};
use super::proxy_protocol;
use crate::server::login::Logins;
use crate::server::shared::Shared;
use crate::server::transport::Descriptors;
use crate::session::{Peer, Session};
use crate::store::Account;
use crate::types::AddressRange;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Instant;

/// Who the one client is.
pub(crate) enum StdioClient {
    /// Somebody who has yet to log in.
    Unauthenticated,
    /// Somebody whom the system let start this process.
    Preauthenticated {
        /// The name of the user.
        user: String,
        /// Where the mail is.
        account: Account,
    },
}

/// Descriptors 0 and 1. They are duplicated, so that nothing else that uses them is surprised.
pub(crate) fn standard_descriptors() -> io::Result<Descriptors> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    listener::tune(&input);
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Descriptors::new(input, output)
}

/// The session of the one client. Its greeting is queued.
///
/// # Errors
/// If it comes from one of the proxies, which does not say for whom.
pub(crate) fn session(
    client: StdioClient,
    shared: &Shared,
    proxies: &[AddressRange],
) -> io::Result<Session> {
    let config = shared.config.clone();
    Ok(match client {
        StdioClient::Unauthenticated => {
            let peer = inetd_peer(&shared.logins, proxies)?;
            Session::new(config, peer, Instant::now())
        }
        StdioClient::Preauthenticated { user, account } => {
            let peer = Peer {
                name: "preauth".into(),
                ..Peer::default()
            };
            Session::preauthenticated(config, peer, user, account, Instant::now())
        }
    })
}

/// Whether the client begins with TLS, which only the port tells under inetd.
pub(crate) fn begins_with_tls() -> bool {
    let address = rustix::net::getsockname(io::stdin()).ok();
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    address.is_some_and(|address| address.port() == IMAPS)
}

/// Who is at the other end of descriptor 0. If that is no socket, or a socket of this machine alone, it is
/// somebody on this machine; if it is a socket whose other end has no address, nothing is known.
fn inetd_peer(logins: &Logins, proxies: &[AddressRange]) -> io::Result<Peer> {
    let nameless = |name: &str, is_local| Peer {
        name: name.into(),
        may_log_in: logins.may_log_in(is_local),
        offers_scram: logins.offers_scram(),
        ..Peer::default()
    };
    Ok(match rustix::net::getpeername(io::stdin()) {
        Ok(Some(address)) if address.address_family() == AddressFamily::UNIX => {
            nameless("a local socket", true)
        }
        Ok(Some(address)) => match SocketAddr::try_from(address) {
            Ok(address) if proxy_protocol::is_trusted(proxies, address.ip()) => {
                proxy_protocol::read_header(io::stdin(), address)?.peer(logins)
            }
            Ok(address) => logins.peer(address),
            Err(_) => nameless("a foreign socket", false),
        },
        Err(Errno::NOTSOCK) => nameless("descriptor 0", true),
        Ok(None) | Err(_) => nameless("an unknown socket", false),
    })
}
