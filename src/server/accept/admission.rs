//! Which accepted connections become clients: the limits, and the proxies that name their clients
//! first.

use super::listener::AcceptedConnection;
use super::network::Network;
use super::proxy_protocol::{ClientOrigin, PendingHeaders, is_trusted};
use super::unauthenticated_limit::UnauthenticatedLimit;
use crate::options::Options;
use crate::server::refusal_log::RefusalLog;
use crate::types::AddressRange;
use mio::{Registry, Token};
use std::fmt;
use std::time::Instant;

/// The rules by which an event loop takes connections as clients.
pub(crate) struct Admission {
    max_connections: usize,
    max_per_user: usize,
    max_memory: usize,
    unauthenticated: UnauthenticatedLimit,
    /// Networks whose clients speak for others: they are not limited as one.
    trusted_networks: Vec<AddressRange>,
    pending_headers: PendingHeaders,
    /// Lines about [`Self::max_connections`].
    connections_log: RefusalLog,
    /// Lines about [`Self::unauthenticated`].
    unauthenticated_log: RefusalLog,
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
            max_per_user: options.max_per_user,
            max_memory: options.max_memory,
            unauthenticated: UnauthenticatedLimit::new(options.max_per_address),
            pending_headers: PendingHeaders::new(options.proxy_protocol.clone()),
            trusted_networks: options.trusted_network.clone(),
            connections_log: RefusalLog::new("connections refused or closed (max-connections)"),
            unauthenticated_log: RefusalLog::new("connections refused (max-per-address)"),
        }
    }

    /// Applies changed options to the connections that come from now on.
    pub(crate) fn change(&mut self, options: &Options) {
        self.max_connections = options.max_connections;
        self.max_per_user = options.max_per_user;
        self.max_memory = options.max_memory;
        self.unauthenticated.set_limit(options.max_per_address);
        self.trusted_networks.clone_from(&options.trusted_network);
        self.pending_headers.trust(options.proxy_protocol.clone());
    }

    /// Returns the number of connections that one user may have.
    pub(crate) fn max_per_user(&self) -> usize {
        self.max_per_user
    }

    /// Returns the octets of memory that all connections may have.
    pub(crate) fn max_memory(&self) -> usize {
        self.max_memory
    }

    /// True if this connection could become a client if one of the `clients` were not there.
    pub(crate) fn needs_room(&self, connection: &AcceptedConnection, clients: usize) -> bool {
        let address = connection.address.ip();
        let is_refused_anyway = !self.pending_headers.are_expected_from(address)
            && !is_trusted(&self.trusted_networks, address)
            && self.unauthenticated.reached(Network::of(address)).is_some();
        clients + self.pending() >= self.max_connections && !is_refused_anyway
    }

    /// Logs a line about a connection that was closed because all are taken, unless there are too
    /// many such lines.
    pub(crate) fn warn_of_closed(&mut self, now: Instant, line: fmt::Arguments<'_>) {
        self.connections_log.warn(now, line);
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
            self.connections_log.warn(
                now,
                format_args!(
                    "{connection}: refused, {limit} connections are open (max-connections)"
                ),
            );
            connection.refuse();
            return None;
        }
        let address = connection.address;
        if !self.pending_headers.are_expected_from(address.ip()) {
            return self.admit(connection, ClientOrigin::direct(address), now);
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

    /// Returns the time at which the first pending header is late, or lines that were left out of
    /// the log are to be counted there.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.pending_headers.deadline(),
            self.connections_log.deadline(),
            self.unauthenticated_log.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Logs, when it is time, how many lines about limits were left out.
    pub(crate) fn report_left_out(&mut self, now: Instant) {
        self.connections_log.report(now);
        self.unauthenticated_log.report(now);
        self.pending_headers.report_left_out(now);
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
            .filter_map(|(connection, origin)| self.admit(connection, origin, now))
            .collect()
    }

    fn admit(
        &mut self,
        connection: AcceptedConnection,
        origin: ClientOrigin,
        now: Instant,
    ) -> Option<AdmittedClient> {
        let network = Network::of(origin.address.ip());
        let speaks_for_others = is_trusted(&self.trusted_networks, origin.address.ip());
        if !speaks_for_others {
            if let Err(limit) = self.unauthenticated.enter(network) {
                let (id, address) = (connection.id, origin.address);
                self.unauthenticated_log.warn(
                    now,
                    format_args!(
                        "connection {id} from {address}: refused, {limit} connections from this \
                         address or site have not logged in (max-per-address)"
                    ),
                );
                connection.refuse();
                return None;
            }
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
