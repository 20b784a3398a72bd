//! Connections from proxies that have yet to say who the client is.

use super::{HEADER_TIME, Origin, Parsed, garbage, is_trusted, parse, read_some};
use crate::server::accept::Arrival;
use crate::types::AddressRange;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Instant;

/// The tokens from here on, up to those of connections, are for heralds.
pub(crate) const FIRST_HERALD: usize = 1 << 20;

/// The connections that wait for their headers.
pub(crate) struct Heralds {
    trusted: Vec<AddressRange>,
    /// An event for a place that has another herald by now has this one read for nothing.
    places: Vec<Option<Herald>>,
    count: usize,
}

/// One connection.
struct Herald {
    arrival: Arrival,
    octets: Vec<u8>,
    until: Instant,
    is_readable: bool,
}

/// A client whose proxy has said who it is.
pub(crate) struct Announced {
    pub(crate) arrival: Arrival,
    pub(crate) origin: Origin,
}

impl Heralds {
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
        mut arrival: Arrival,
        registry: &Registry,
        now: Instant,
    ) -> io::Result<()> {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or(self.places.len());
        registry.register(
            &mut arrival.client,
            Token(FIRST_HERALD + place),
            Interest::READABLE,
        )?;
        if place == self.places.len() {
            self.places.push(None);
        }
        self.places[place] = Some(Herald {
            arrival,
            octets: Vec::new(),
            until: now + HEADER_TIME,
            is_readable: false,
        });
        self.count += 1;
        Ok(())
    }

    /// The poll says that there is something to read.
    pub(crate) fn note(&mut self, token: Token) {
        let place = token.0 - FIRST_HERALD;
        if let Some(Some(herald)) = self.places.get_mut(place) {
            herald.is_readable = true;
        }
    }

    /// When the first of them has waited for too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.places
            .iter()
            .flatten()
            .map(|herald| herald.until)
            .min()
    }

    /// Takes out those whose client is known, and drops those of whom it will not be.
    pub(crate) fn announced(&mut self, registry: &Registry, now: Instant) -> Vec<Announced> {
        let mut announced = Vec::new();
        if self.count == 0 {
            return announced;
        }
        for place in &mut self.places {
            let Some(heard) = place.as_mut().and_then(|herald| herald.hear(now)) else {
                continue;
            };
            let Some(mut herald) = place.take() else {
                continue;
            };
            self.count -= 1;
            // Closing the socket does the same if this fails.
            let _ = registry.deregister(&mut herald.arrival.client);
            match heard {
                Ok(origin) => announced.push(herald.announce(origin)),
                Err(error) => log::warn!("{}: a proxy, refused: {error}", herald.arrival.address),
            }
        }
        announced
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.count = 0;
    }
}

impl Herald {
    fn announce(self, origin: Origin) -> Announced {
        log::debug!("{}: a proxy, for {}", self.arrival.address, origin.address);
        Announced {
            arrival: self.arrival,
            origin,
        }
    }

    /// Who the client is, if it is settled.
    fn hear(&mut self, now: Instant) -> Option<io::Result<Origin>> {
        while self.is_readable {
            match parse(&self.octets) {
                Parsed::Header(header) => {
                    return Some(Ok(Origin::behind(self.arrival.address, header)));
                }
                Parsed::Garbage => return Some(Err(garbage())),
                Parsed::More(count) => {
                    match read_some(&mut self.arrival.client, count, &mut self.octets) {
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
