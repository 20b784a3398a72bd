//! One client on descriptors 0 and 1: `--inetd` and `--preauth`.
//!
//! The descriptors may be a socket, two pipes, a terminal or plain files, and the event loop is the
//! same for all of them (see [`Descriptors`] for files). At the end of the input the session
//! answers what it has received; the process ends with the session.

use super::listener::{IMAPS, set_socket_options};
use super::proxy_protocol::{is_trusted, read_header};
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

/// The one client.
pub(crate) enum StdioClient {
    /// It has to log in.
    Unauthenticated,
    /// The system has authenticated the user before it started this process.
    Preauthenticated {
        /// Name of the user.
        user: String,
        /// Where the mail is.
        account: Account,
    },
}

/// Duplicates descriptors 0 and 1, so that other users of them notice no change.
pub(crate) fn standard_descriptors() -> io::Result<Descriptors> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    set_socket_options(&input);
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Descriptors::new(input, output)
}

/// Starts the session of the one client. Its greeting is queued.
///
/// # Errors
/// If the client comes through a trusted proxy that sends no valid header.
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
                id: process_id(),
                name: "preauth".into(),
                ..Peer::default()
            };
            Session::preauthenticated(config, peer, user, account, Instant::now())
        }
    })
}

/// Returns the number by which the log names the one connection of this process. The fork server
/// knows the connection by the same number.
fn process_id() -> u64 {
    std::process::id().into()
}

/// True if the client begins with TLS. Under inetd only the port tells.
pub(crate) fn begins_with_tls() -> bool {
    let address = rustix::net::getsockname(io::stdin()).ok();
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    address.is_some_and(|address| address.port() == IMAPS)
}

/// Describes the other end of descriptor 0. If the descriptor is no socket, or a socket of this
/// host alone, the client runs on this host; if the other end of the socket has no address, nothing
/// is known about the client.
fn inetd_peer(logins: &Logins, proxies: &[AddressRange]) -> io::Result<Peer> {
    let id = process_id();
    let nameless = |name: &str, is_local| Peer {
        id,
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
            Ok(address) if is_trusted(proxies, address.ip()) => {
                read_header(io::stdin(), address)?.peer(id, logins)
            }
            Ok(address) => logins.peer(id, address),
            Err(_) => nameless("a foreign socket", false),
        },
        Err(Errno::NOTSOCK) => nameless("descriptor 0", true),
        Ok(None) | Err(_) => nameless("an unknown socket", false),
    })
}
