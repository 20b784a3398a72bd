//! Clients who come by way of a proxy: `--proxy-protocol`.
//!
//! Behind a proxy all clients seem to be the proxy. So it begins each connection with a [header](Header) that
//! says who the client is, and from then on the connection counts as that client's: in the log, for
//! limits and delays, and for who may send a password in clear text. Who could send such a header
//! could be anybody; so only addresses that the operator has named are listened to, and those *have* to
//! send one. From all others it is garbage like any other.
//!
//! The header comes before everything else, TLS too, and with the first packet. A connection waits for it among the
//! [`PendingHeaders`], where it costs a socket and some octets, and is nobody's yet.

mod header;
mod pending_headers;

pub(crate) use self::header::Header;
pub(crate) use self::pending_headers::{FIRST_PENDING_HEADER, PendingHeaders, ProxiedClient};

use self::header::{Parsed, parse};
use crate::server::login::Logins;
use crate::session::Peer;
use crate::types::AddressRange;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// A proxy sends its header at once.
const HEADER_TIME: Duration = Duration::from_secs(5);

/// How a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It has connected here.
    Direct,
    /// A proxy has, for it; the client is under TLS up to there, or not.
    Proxy {
        /// It is.
        is_encrypted: bool,
    },
    /// A proxy has, and does not say for whom.
    ProxyItself,
}

/// A client: where it comes from, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    way: Way,
}

impl Origin {
    /// Somebody who has connected here.
    pub(crate) fn direct(address: SocketAddr) -> Self {
        Self {
            address,
            way: Way::Direct,
        }
    }

    /// Somebody of whom the proxy at that address says this.
    fn behind(proxy: SocketAddr, header: Header) -> Self {
        let is_encrypted = header.is_encrypted;
        match header.client {
            Some(address) => Self {
                address,
                way: Way::Proxy { is_encrypted },
            },
            None => Self {
                address: proxy,
                way: Way::ProxyItself,
            },
        }
    }

    /// Who it is to the session. A client that nobody knows is not on this machine, even if the proxy is.
    pub(crate) fn peer(self, logins: &Logins) -> Peer {
        let mut peer = logins.peer(self.address);
        match self.way {
            Way::Direct => {}
            Way::Proxy { is_encrypted } => peer.may_log_in |= is_encrypted,
            Way::ProxyItself => peer.may_log_in = logins.may_log_in(false),
        }
        peer
    }
}

/// True if whoever connects from there is a proxy.
pub(crate) fn is_trusted(trusted: &[AddressRange], address: IpAddr) -> bool {
    trusted.iter().any(|range| range.contains(address))
}

/// Waits for the header on a socket that this process has for itself.
///
/// # Errors
/// It has not come in time, or something else has.
pub(crate) fn read_header(socket: impl AsFd, proxy: SocketAddr) -> io::Result<Origin> {
    let mut socket = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
    let deadline = Instant::now() + HEADER_TIME;
    let mut octets = Vec::new();
    loop {
        match parse(&octets) {
            Parsed::Header(header) => {
                socket.set_read_timeout(None)?;
                return Ok(Origin::behind(proxy, header));
            }
            Parsed::Garbage => return Err(garbage()),
            Parsed::More(count) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                socket.set_read_timeout(Some(left))?;
                read_some(&mut socket, count, &mut octets)?;
            }
        }
    }
}

/// Reads so many octets at most, and no more than there are.
fn read_some(from: &mut impl Read, count: usize, octets: &mut Vec<u8>) -> io::Result<()> {
    let before = octets.len();
    octets.resize(before + count, 0);
    let read = from.read(&mut octets[before..]);
    octets.truncate(before + *read.as_ref().unwrap_or(&0));
    match read {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

fn garbage() -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        "what it has sent is no header of the PROXY protocol",
    )
}
