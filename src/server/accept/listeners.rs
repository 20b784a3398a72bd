//! All listening sockets of an event loop.

use super::listener::{AcceptedConnection, Listener};
use crate::server::error::ServerError;
use crate::server::tokens::FIRST_LISTENER;
use mio::{Registry, Token};
use std::time::Instant;

/// Listening sockets that are registered with a poll.
#[derive(Default)]
pub(crate) struct Listeners {
    sockets: Vec<Listener>,
    /// Number of the connection that was accepted last.
    last_id: u64,
}

impl Listeners {
    /// Registers the sockets under the tokens from [`FIRST_LISTENER`] on.
    ///
    /// # Errors
    /// If the system refuses one of them.
    pub(crate) fn register(
        mut sockets: Vec<Listener>,
        registry: &Registry,
    ) -> Result<Self, ServerError> {
        for (index, socket) in sockets.iter_mut().enumerate() {
            let registered = socket.register(registry, Token(FIRST_LISTENER + index));
            registered.map_err(|source| ServerError::Listen {
                address: socket.address,
                source,
            })?;
        }
        Ok(Self {
            sockets,
            last_id: 0,
        })
    }

    /// Notes an event of the poll for a token from [`FIRST_LISTENER`] on.
    pub(crate) fn note_readable(&mut self, token: Token) {
        let index = token.0 - FIRST_LISTENER;
        if let Some(socket) = self.sockets.get_mut(index) {
            socket.note_readable();
        }
    }

    /// Notes that events may have been lost.
    pub(crate) fn note_all_readable(&mut self) {
        self.sockets.iter_mut().for_each(Listener::note_readable);
    }

    /// True if [`Self::accept`] may return connections now.
    pub(crate) fn are_ready(&self, now: Instant) -> bool {
        self.sockets.iter().any(|socket| socket.is_ready(now))
    }

    /// Returns the end of the first pause.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.sockets.iter().filter_map(Listener::deadline).min()
    }

    /// Accepts connections, as many of each socket as one turn of the event loop allows.
    pub(crate) fn accept(&mut self, now: Instant) -> Vec<AcceptedConnection> {
        self.accept_up_to(now, Listener::accepts_per_turn)
    }

    /// Accepts connections, at most `limit` of each socket.
    pub(super) fn accept_up_to(
        &mut self,
        now: Instant,
        limit: impl Fn(&Listener) -> usize,
    ) -> Vec<AcceptedConnection> {
        let mut accepted = Vec::new();
        for socket in &mut self.sockets {
            for _ in 0..limit(socket) {
                if !socket.is_ready(now) {
                    break;
                }
                if let Some(connection) = socket.accept(self.last_id + 1, now) {
                    self.last_id = connection.id;
                    accepted.push(connection);
                }
            }
        }
        accepted
    }

    /// True if no socket listens.
    pub(crate) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Closes all sockets.
    pub(crate) fn close(&mut self) {
        self.sockets.clear();
    }
}
