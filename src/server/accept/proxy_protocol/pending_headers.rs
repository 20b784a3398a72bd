//! Connections from proxies that have yet to say who the client is.

use super::{HEADER_TIME, Origin, Parsed, garbage, is_trusted, parse, read_some};
use crate::server::accept::AcceptedConnection;
use crate::types::AddressRange;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Instant;

/// The tokens from here on, up to those of connections, are for heralds.
pub(crate) const FIRST_PENDING_HEADER: usize = 1 << 20;

/// The connections that wait for their headers.
pub(crate) struct PendingHeaders {
    trusted: Vec<AddressRange>,
    /// An event for a place that has another herald by now has this one read for nothing.
    places: Vec<Option<PendingHeader>>,
    count: usize,
}

/// One connection.
struct PendingHeader {
    accepted: AcceptedConnection,
    octets: Vec<u8>,
    until: Instant,
    is_readable: bool,
}

/// A client whose proxy has said who it is.
pub(crate) struct ProxiedClient {
    pub(crate) accepted: AcceptedConnection,
    pub(crate) origin: Origin,
}

impl PendingHeaders {
    pub(crate) fn new(trusted: Vec<AddressRange>) -> Self {
        Self {
            trusted,
            places: Vec::new(),
            count: 0,
        }
    }

    /// From now on these are the proxies.
    pub(crate) fn trust(&mut self, trusted: Vec<AddressRange>) {
        self.trusted = trusted;
    }

    /// True if whoever connects from there is a proxy.
    pub(crate) fn are_expected_from(&self, address: IpAddr) -> bool {
        is_trusted(&self.trusted, address)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// A proxy has connected.
    pub(crate) fn add(
        &mut self,
        mut accepted: AcceptedConnection,
        registry: &Registry,
        now: Instant,
    ) -> io::Result<()> {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or(self.places.len());
        registry.register(
            &mut accepted.client,
            Token(FIRST_PENDING_HEADER + place),
            Interest::READABLE,
        )?;
        if place == self.places.len() {
            self.places.push(None);
        }
        self.places[place] = Some(PendingHeader {
            accepted,
            octets: Vec::new(),
            until: now + HEADER_TIME,
            is_readable: false,
        });
        self.count += 1;
        Ok(())
    }

    /// The poll says that there is something to read.
    pub(crate) fn note(&mut self, token: Token) {
        let place = token.0 - FIRST_PENDING_HEADER;
        if let Some(Some(pending)) = self.places.get_mut(place) {
            pending.is_readable = true;
        }
    }

    /// When the first of them has waited for too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.places
            .iter()
            .flatten()
            .map(|pending| pending.until)
            .min()
    }

    /// Takes out those whose client is known, and drops those of whom it will not be.
    pub(crate) fn take_ready(&mut self, registry: &Registry, now: Instant) -> Vec<ProxiedClient> {
        let mut take_ready = Vec::new();
        if self.count == 0 {
            return take_ready;
        }
        for place in &mut self.places {
            let Some(heard) = place.as_mut().and_then(|pending| pending.hear(now)) else {
                continue;
            };
            let Some(mut pending) = place.take() else {
                continue;
            };
            self.count -= 1;
            // Closing the socket does the same if this fails.
            let _ = registry.deregister(&mut pending.accepted.client);
            match heard {
                Ok(origin) => take_ready.push(pending.announce(origin)),
                Err(error) => log::warn!("{}: a proxy, refused: {error}", pending.accepted.address),
            }
        }
        take_ready
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.count = 0;
    }
}

impl PendingHeader {
    fn announce(self, origin: Origin) -> ProxiedClient {
        log::debug!("{}: a proxy, for {}", self.accepted.address, origin.address);
        ProxiedClient {
            accepted: self.accepted,
            origin,
        }
    }

    /// Who the client is, if it is settled.
    fn hear(&mut self, now: Instant) -> Option<io::Result<Origin>> {
        while self.is_readable {
            match parse(&self.octets) {
                Parsed::Header(header) => {
                    return Some(Ok(Origin::behind(self.accepted.address, header)));
                }
                Parsed::Garbage => return Some(Err(garbage())),
                Parsed::More(count) => {
                    match read_some(&mut self.accepted.client, count, &mut self.octets) {
                        Ok(()) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            self.is_readable = false;
                        }
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }
        (self.until <= now).then(|| Err(ErrorKind::TimedOut.into()))
    }
}
