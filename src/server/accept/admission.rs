//! Which accepted connections become clients: the limits, and the proxies that name their clients
//! first.

use super::listener::AcceptedConnection;
use super::network::Network;
use super::proxy_protocol::{ClientOrigin, PendingHeaders};
use super::unauthenticated_limit::UnauthenticatedLimit;
use crate::options::Options;
use mio::{Registry, Token};
use std::time::Instant;

/// The rules by which an event loop takes connections as clients.
pub(crate) struct Admission {
    max_connections: usize,
    unauthenticated: UnauthenticatedLimit,
    pending_headers: PendingHeaders,
}

/// A connection that becomes a client of the event loop.
pub(crate) struct AdmittedClient {
    pub(crate) connection: AcceptedConnection,
    pub(crate) origin: ClientOrigin,
    /// Network in which the client counts as unauthenticated, until [`Admission::leave`].
    pub(crate) network: Network,
}

impl Admission {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            max_connections: options.max_connections,
            unauthenticated: UnauthenticatedLimit::new(options.max_per_address),
            pending_headers: PendingHeaders::new(options.proxy_protocol.clone()),
        }
    }

    /// Applies changed options to the connections that come from now on.
    pub(crate) fn change(&mut self, options: &Options) {
        self.max_connections = options.max_connections;
        self.unauthenticated.set_limit(options.max_per_address);
        self.pending_headers.trust(options.proxy_protocol.clone());
    }

    /// Returns the number of connections that wait for the header of their proxy.
    pub(crate) fn pending(&self) -> usize {
        self.pending_headers.len()
    }

    /// Handles an accepted connection, which comes from a client or from a trusted proxy, while
    /// `clients` others are open. Returns it if it becomes a client at once; otherwise it is
    /// refused, or waits for the header of its proxy.
    pub(crate) fn receive(
        &mut self,
        connection: AcceptedConnection,
        clients: usize,
        registry: &Registry,
        now: Instant,
    ) -> Option<AdmittedClient> {
        if clients + self.pending() >= self.max_connections {
            let limit = self.max_connections;
            log::warn!("{connection}: refused, {limit} connections are open (max-connections)");
            connection.refuse();
            return None;
        }
        let address = connection.address;
        if !self.pending_headers.are_expected_from(address.ip()) {
            return self.admit(connection, ClientOrigin::direct(address));
        }
        let name = connection.to_string();
        if let Err(error) = self.pending_headers.add(connection, registry, now) {
            log::error!("{name}: cannot wait for the PROXY header: {error}");
        }
        None
    }

    /// Notes an event of the poll for a connection that waits for a header.
    pub(crate) fn note_readable(&mut self, token: Token) {
        self.pending_headers.note_readable(token);
    }

    /// Returns the time at which the first pending header is late.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending_headers.deadline()
    }

    /// Takes out the connections whose header has come. Closes those whose header is invalid or
    /// late.
    pub(crate) fn take_proxied(
        &mut self,
        registry: &Registry,
        now: Instant,
    ) -> Vec<AdmittedClient> {
        let ready = self.pending_headers.take_ready(registry, now);
        ready
            .into_iter()
            .filter_map(|(connection, origin)| self.admit(connection, origin))
            .collect()
    }

    fn admit(
        &mut self,
        connection: AcceptedConnection,
        origin: ClientOrigin,
    ) -> Option<AdmittedClient> {
        let network = Network::of(origin.address.ip());
        if !self.unauthenticated.enter(network) {
            let (id, address) = (connection.id, origin.address);
            let limit = self.unauthenticated.limit();
            log::warn!(
                "connection {id} from {address}: refused, {limit} connections from this address have \
                 not logged in (max-per-address)"
            );
            connection.refuse();
            return None;
        }
        Some(AdmittedClient {
            connection,
            origin,
            network,
        })
    }

    /// Notes that an unauthenticated client of this network has logged in or disconnected.
    pub(crate) fn leave(&mut self, network: Network) {
        self.unauthenticated.leave(network);
    }

    /// Closes all connections that wait for a header.
    pub(crate) fn close(&mut self) {
        self.pending_headers.close();
    }
}
