//! Where a client comes from, directly or through a proxy.

use super::header::Header;
use crate::server::login::Logins;
use crate::session::Peer;
use crate::types::AddressRange;
use std::net::{IpAddr, SocketAddr};

/// The path on which a connection has reached this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// The client has connected to this server.
    Direct,
    /// A proxy has connected for the client.
    Proxy {
        /// True if the client has connected to the proxy under TLS.
        is_encrypted: bool,
    },
    /// A proxy has connected, and names no client.
    ProxyItself,
}

/// The address of a client, and the path on which it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientOrigin {
    /// Address of the client; that of the proxy if the proxy names no client.
    pub(crate) address: SocketAddr,
    path: Path,
}

impl ClientOrigin {
    /// Returns the origin of a client that has connected to this server itself.
    pub(crate) fn direct(address: SocketAddr) -> Self {
        Self {
            address,
            path: Path::Direct,
        }
    }

    /// Returns the origin that the header of the proxy at `proxy` tells.
    pub(super) fn behind(proxy: SocketAddr, header: Header) -> Self {
        let is_encrypted = header.is_encrypted;
        match header.client {
            Some(address) => Self {
                address,
                path: Path::Proxy { is_encrypted },
            },
            None => Self {
                address: proxy,
                path: Path::ProxyItself,
            },
        }
    }

    /// Describes the client to its session. A client that the proxy does not name counts as one on
    /// another host, even if the proxy runs on this one.
    pub(crate) fn peer(self, id: u64, logins: &Logins) -> Peer {
        let mut peer = logins.peer(id, self.address);
        match self.path {
            Path::Direct => {}
            Path::Proxy { is_encrypted } => peer.may_log_in |= is_encrypted,
            Path::ProxyItself => peer.may_log_in = logins.may_log_in(false),
        }
        peer
    }
}

/// True if connections from this address come from a trusted proxy.
pub(crate) fn is_trusted(trusted: &[AddressRange], address: IpAddr) -> bool {
    trusted.iter().any(|range| range.contains(address))
}
