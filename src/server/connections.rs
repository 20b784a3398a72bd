//! The connections of an event loop, the queue of those that want a turn, and their timers.

use super::connection::Connection;
use super::slab::Slab;
use super::timers::Timers;
use mio::{Registry, Token};
use std::collections::VecDeque;
use std::io;
use std::time::Instant;

/// The connections of an event loop.
pub(super) struct Connections {
    /// Boxed, so that the table of a server that had many clients once takes little memory again.
    table: Slab<Box<Connection>>,
    /// Connections that want a turn, each at most once.
    queue: VecDeque<Token>,
    timers: Timers,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self {
            table: Slab::new(),
            queue: VecDeque::new(),
            timers: Timers::default(),
        }
    }

    /// Returns the number of connections.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the tokens of all connections.
    pub(super) fn tokens(&self) -> Vec<Token> {
        self.table.keys()
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Connection> {
        self.table.get_mut(token).map(Box::as_mut)
    }

    /// Adds a connection, and registers it with the poll. It wants a turn, in which it sends its
    /// greeting.
    ///
    /// # Errors
    /// If the poll refuses it; then it is dropped.
    pub(super) fn insert(
        &mut self,
        connection: Connection,
        registry: &Registry,
    ) -> io::Result<Token> {
        let token = self.table.insert(Box::new(connection));
        let registered = match self.get_mut(token) {
            Some(connection) => connection.register(registry, token),
            None => Ok(()),
        };
        if registered.is_err() {
            self.table.remove(token);
        }
        self.want_turn(token);
        registered.map(|()| token)
    }

    /// Removes a connection and its timer.
    pub(super) fn remove(&mut self, token: Token) -> Option<Box<Connection>> {
        let mut connection = self.table.remove(token)?;
        self.timers.arm(token, &mut connection.armed, None);
        Some(connection)
    }

    /// Puts a connection into the queue, unless it is there already.
    pub(super) fn want_turn(&mut self, token: Token) {
        if let Some(connection) = self.table.get_mut(token) {
            if !std::mem::replace(&mut connection.is_queued, true) {
                self.queue.push_back(token);
            }
        }
    }

    /// Returns the number of connections that want a turn.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Takes the first connection out of the queue.
    pub(super) fn pop_turn(&mut self) -> Option<Token> {
        let token = self.queue.pop_front()?;
        if let Some(connection) = self.table.get_mut(token) {
            connection.is_queued = false;
        }
        Some(token)
    }

    /// Arms the timer of a connection for its deadline.
    pub(super) fn arm_timer(&mut self, token: Token) {
        if let Some(connection) = self.table.get_mut(token) {
            let deadline = connection.deadline();
            self.timers.arm(token, &mut connection.armed, deadline);
        }
    }

    /// Returns the time at which the next timer fires.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Queues the connections whose deadlines have come. A timer that fired early is armed again.
    pub(super) fn fire_timers(&mut self, now: Instant) {
        while let Some(token) = self.timers.pop_due(now) {
            let Some(connection) = self.table.get_mut(token) else {
                continue;
            };
            connection.armed = None;
            let deadline = connection.deadline();
            if deadline.is_some_and(|deadline| deadline > now) {
                self.timers.arm(token, &mut connection.armed, deadline);
            } else {
                self.want_turn(token);
            }
        }
    }
}
