//! Connections from trusted proxies that have not sent their header yet.

use super::client_origin::{ClientOrigin, is_trusted};
use super::read::{HEADER_TIME, PartialHeader};
use crate::server::accept::listener::AcceptedConnection;
use crate::server::refusal_log::RefusalLog;
use crate::server::tokens::FIRST_PENDING_HEADER;
use crate::types::AddressRange;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Instant;

/// The trusted proxies, and their connections that wait for headers.
pub(crate) struct PendingHeaders {
    trusted: Vec<AddressRange>,
    /// Connections by token. A slot is used again: a late event for the connection before makes the
    /// loop read the next one for nothing.
    slots: Vec<Option<PendingHeader>>,
    count: usize,
    /// Lines about invalid headers.
    log: RefusalLog,
}

/// One connection.
struct PendingHeader {
    connection: AcceptedConnection,
    header: PartialHeader,
    deadline: Instant,
    /// True until a read answers `WouldBlock`.
    is_readable: bool,
}

impl PendingHeaders {
    pub(crate) fn new(trusted: Vec<AddressRange>) -> Self {
        Self {
            trusted,
            slots: Vec::new(),
            count: 0,
            log: RefusalLog::new("connections of proxies refused"),
        }
    }

    /// Replaces the list of trusted proxies.
    pub(crate) fn trust(&mut self, trusted: Vec<AddressRange>) {
        self.trusted = trusted;
    }

    /// True if connections from this address come from a trusted proxy.
    pub(crate) fn are_expected_from(&self, address: IpAddr) -> bool {
        is_trusted(&self.trusted, address)
    }

    /// Returns the number of connections that wait.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds the connection of a proxy.
    ///
    /// # Errors
    /// If the poll refuses it.
    pub(crate) fn add(
        &mut self,
        mut connection: AcceptedConnection,
        registry: &Registry,
        now: Instant,
    ) -> io::Result<()> {
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.slots.len());
        registry.register(
            &mut connection.stream,
            Token(FIRST_PENDING_HEADER + slot),
            Interest::READABLE,
        )?;
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(PendingHeader {
            connection,
            header: PartialHeader::default(),
            deadline: now + HEADER_TIME,
            is_readable: false,
        });
        self.count += 1;
        Ok(())
    }

    /// Notes an event of the poll.
    pub(crate) fn note_readable(&mut self, token: Token) {
        let slot = token.0 - FIRST_PENDING_HEADER;
        if let Some(Some(pending)) = self.slots.get_mut(slot) {
            pending.is_readable = true;
        }
    }

    /// Returns the time at which the first header is late, or lines that were left out of the log
    /// are to be counted there.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let pending = self.slots.iter().flatten();
        let deadlines = pending.map(|pending| pending.deadline);
        deadlines.chain(self.log.deadline()).min()
    }

    /// Logs, when it is time, how many lines about invalid headers were left out.
    pub(crate) fn report_left_out(&mut self, now: Instant) {
        self.log.report(now);
    }

    /// Takes out the connections whose header has come. Closes those whose header is invalid or
    /// late.
    pub(crate) fn take_ready(
        &mut self,
        registry: &Registry,
        now: Instant,
    ) -> Vec<(AcceptedConnection, ClientOrigin)> {
        let mut ready = Vec::new();
        if self.count == 0 {
            return ready;
        }
        for slot in &mut self.slots {
            let Some(result) = slot.as_mut().and_then(|pending| pending.read(now)) else {
                continue;
            };
            let Some(mut pending) = slot.take() else {
                continue;
            };
            self.count -= 1;
            // Closing the socket does the same if this fails.
            let _ = registry.deregister(&mut pending.connection.stream);
            let connection = pending.connection;
            match result {
                Ok(origin) => {
                    log::debug!("{connection}: is a proxy, for {}", origin.address);
                    ready.push((connection, origin));
                }
                Err(error) => self.log.warn(
                    now,
                    format_args!("{connection}: is a proxy, refused: {error}"),
                ),
            }
        }
        ready
    }

    /// Closes all connections.
    pub(crate) fn close(&mut self) {
        self.slots.clear();
        self.count = 0;
    }
}

impl PendingHeader {
    /// Reads what is there. Returns the client, or why there is none, once that is certain.
    fn read(&mut self, now: Instant) -> Option<io::Result<ClientOrigin>> {
        while self.is_readable {
            match self.header.origin(self.connection.address).transpose() {
                Some(settled) => return Some(settled),
                None => match self.header.read(&mut self.connection.stream) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                    Err(error) => return Some(Err(error)),
                },
            }
        }
        (self.deadline <= now).then(|| Err(ErrorKind::TimedOut.into()))
    }
}
