//! The connections of an event loop, those of them that want a turn, and their timers.

use super::connection::Connection;
use super::shares::{Owner, Round, Shares};
use super::slab::Slab;
use super::timers::Timers;
use crate::store::MemoryCharge;
use mio::{Registry, Token};
use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

/// A command that holds fewer octets is not ended for its memory: to end it would free too little.
const LEAST_COMMAND: usize = 4 * 1024;

/// What ends for its memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Excess {
    /// The command in progress on a connection.
    Command(Token),
    /// The session of a connection.
    Session(Token),
}

/// The connections of an event loop.
pub(super) struct Connections {
    /// Boxed, so that the table of a server that had many clients once takes little memory again.
    table: Slab<Box<Connection>>,
    /// The owners of the connections, and those that want a turn, each at most once.
    shares: Shares,
    /// The connections that have not logged in, by their number: the oldest first.
    before_login: BTreeMap<u64, Token>,
    timers: Timers,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self {
            table: Slab::new(),
            shares: Shares::new(),
            before_login: BTreeMap::new(),
            timers: Timers::default(),
        }
    }

    /// Returns the number of connections.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the number of users who are logged in.
    pub(super) fn users(&self) -> usize {
        self.shares.users()
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
        mut connection: Connection,
        owner: Owner,
        registry: &Registry,
    ) -> io::Result<Token> {
        let share = self.shares.join(owner);
        connection.share = share;
        let (id, is_logged_in) = (connection.id(), connection.is_logged_in());
        let token = self.table.insert(Box::new(connection));
        let registered = match self.get_mut(token) {
            Some(connection) => connection.register(registry, token),
            None => Ok(()),
        };
        if registered.is_err() {
            self.table.remove(token);
            self.shares.leave(share);
        } else if !is_logged_in {
            self.before_login.insert(id, token);
        }
        self.want_turn(token);
        registered.map(|()| token)
    }

    /// Removes a connection and its timer. Call [`Self::leave`] once it is closed.
    pub(super) fn remove(&mut self, token: Token) -> Option<Box<Connection>> {
        let mut connection = self.table.remove(token)?;
        self.timers.arm(token, &mut connection.armed, None);
        let memory = connection.counted_memory;
        self.shares.count_memory(connection.share, memory, 0);
        self.before_login.remove(&connection.id());
        Some(connection)
    }

    /// Notes that a connection of this share is closed, after all that it has left to do is charged
    /// to the share.
    pub(super) fn leave(&mut self, share: Token) {
        self.shares.leave(share);
    }

    /// Makes owners pay for what closed connections have left to do.
    pub(super) fn charge(&mut self, charges: Vec<MemoryCharge>) {
        for MemoryCharge {
            owner,
            before,
            after,
        } in charges
        {
            self.shares.charge(Token(owner), before, after);
        }
    }

    /// Returns the oldest connection that has not logged in.
    pub(super) fn oldest_before_login(&self) -> Option<Token> {
        self.before_login.first_key_value().map(|(_, &token)| token)
    }

    /// Notes that the client of a connection has logged in.
    pub(super) fn note_login(&mut self, id: u64) {
        self.before_login.remove(&id);
    }

    /// Makes `user` the owner of a connection, unless the user has `limit` connections already:
    /// then it returns false.
    pub(super) fn give_to_user(&mut self, token: Token, user: &str, limit: usize) -> bool {
        let owner = Owner::User(user.into());
        let Some(connection) = self.table.get_mut(token) else {
            return false;
        };
        if self.shares.connections(&owner) >= limit {
            return false;
        }
        let share = self.shares.join(owner);
        let memory = connection.counted_memory;
        self.shares.count_memory(share, 0, memory);
        self.shares.count_memory(connection.share, memory, 0);
        self.shares
            .leave(std::mem::replace(&mut connection.share, share));
        if connection.is_queued {
            // Its entry in the share that it has left is skipped, or comes first.
            self.shares.push(share, connection.round(), token);
        }
        true
    }

    /// Returns true if a line about this user, who has reached a limit, may be logged now.
    pub(super) fn may_log(&mut self, user: &str, now: Instant) -> bool {
        self.shares.may_log(&Owner::User(user.into()), now)
    }

    /// Returns the octets of memory that were counted for all connections, and for what closed ones
    /// have left to do.
    pub(super) fn memory(&self) -> usize {
        self.shares.memory()
    }

    /// Counts the memory of a connection anew, after its turn.
    pub(super) fn note_memory(&mut self, token: Token) {
        if let Some(connection) = self.table.get_mut(token) {
            let memory = connection.memory();
            let before = std::mem::replace(&mut connection.counted_memory, memory);
            self.shares.count_memory(connection.share, before, memory);
        }
    }

    /// Returns what has to end for the memory of an owner or of the server: of the owner who has
    /// the most, if all have more than `limit`, or of the owner of `changed`, if that owner has
    /// more than a share of it.
    ///
    /// It is the command that holds the most, if the memory is enough without it, or if it holds
    /// half of what the largest session does; else the largest session.
    pub(super) fn too_large(&mut self, changed: Token, limit: usize) -> Option<Excess> {
        let changed = self.table.get_mut(changed);
        let share = changed.map(|connection| connection.share);
        let found = self.shares.too_large(share, limit)?;
        let (mut command, mut session) = (None, None);
        for token in self.table.keys() {
            let connection = self.table.get_mut(token);
            let connection = connection.filter(|connection| connection.share == found.share);
            if let Some(connection) = connection {
                command = command.max(Some((connection.command_memory(), token)));
                session = session.max(Some((connection.counted_memory, token)));
            }
        }
        let ((in_command, command), (in_session, session)) = (command?, session?);
        if in_command >= LEAST_COMMAND && in_command >= found.excess.min(in_session / 2) {
            return Some(Excess::Command(command));
        }
        found.by_connections.then_some(Excess::Session(session))
    }

    /// Puts a connection into the queue, unless it is there already.
    pub(super) fn want_turn(&mut self, token: Token) {
        if let Some(connection) = self.table.get_mut(token) {
            if !std::mem::replace(&mut connection.is_queued, true) {
                self.shares
                    .push(connection.share, connection.round(), token);
            }
        }
    }

    /// Returns the number of connections of a round that want a turn.
    pub(super) fn queued(&self, round: Round) -> usize {
        self.shares.queued(round)
    }

    /// Returns true if a connection wants a turn.
    pub(super) fn are_busy(&self) -> bool {
        self.queued(Round::Light) + self.queued(Round::Long) > 0
    }

    /// Takes the connection out of the queue whose turn it is. Skips the entries of those that are
    /// closed or have had that turn.
    pub(super) fn pop_turn(&mut self, round: Round) -> Option<Token> {
        loop {
            let token = self.shares.pop(round)?;
            let connection = self.table.get_mut(token);
            let is_queued = connection.map(|connection| &mut connection.is_queued);
            if is_queued.is_some_and(std::mem::take) {
                return Some(token);
            }
        }
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
