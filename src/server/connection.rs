//! One client: a transport, a session, and whether the transport is readable and writable.
//!
//! The poll is edge-triggered: it says *once* that a socket has become readable or writable. So
//! both are noted here and stay noted until a call answers `WouldBlock`. A connection gets one turn
//! at a time, in which it may read and write a limited number of octets and compute for a limited
//! time; if it has more to do it queues again, behind the others. Octets are read into a buffer
//! that all connections share, and written from where the session keeps them: an idle connection
//! owns no buffer.

use super::accept::Network;
use super::auth_worker::Serial;
use super::login::Logins;
use super::shared::Shared;
use super::shares::{LIGHT_TIME, Round};
use super::tls::{Handshake, TlsStream};
use super::transport::Transport;
use crate::budget::{Budget, Clock, SystemClock};
use crate::session::{LoginVerdict, Session, Turn, WireLog};
use crate::store::MailboxHandle;
use mio::event::Event;
use mio::{Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Octets that one connection may read, and write, in one turn: large enough for a system call to
/// be cheap beside it, small enough for a turn of the loop with a hundred busy connections to be
/// short.
const TURN_OCTETS: usize = 64 * 1024;

/// Octets that a read counts for that returned none.
const NO_OCTETS: usize = 1024;

/// What the loop does with a connection after its turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterTurn {
    /// Give it another turn.
    Turn,
    /// Leave it until an event or its [`Connection::deadline`] comes.
    Wait,
    /// Close it.
    Close,
}

/// The connection of one client.
pub(super) struct Connection {
    transport: Transport,
    session: Session,
    /// True until a read answers `WouldBlock`.
    is_readable: bool,
    /// True until a write answers `WouldBlock`.
    is_writable: bool,
    /// True if the client sends no more.
    is_at_end: bool,
    /// Octets that were read and that the session had no room for. Nothing is read before it has
    /// taken them.
    leftover: Vec<u8>,
    /// Time at which its timer fires: kept for [`super::timers::Timers::arm`].
    pub(super) armed: Option<Instant>,
    /// Mailbox that its session watches in IDLE: kept for [`super::idle_watch::IdleWatch::note`].
    pub(super) watched: Option<Token>,
    /// Its request to log in that has no verdict yet.
    pub(super) login: Option<Serial>,
    /// Network in which it counts as unauthenticated.
    pub(super) unauthenticated_in: Option<Network>,
    /// True while it is in the queue of those that want a turn.
    pub(super) is_queued: bool,
    /// Key of the share of its owner: kept for [`super::connections::Connections`], which sets it.
    pub(super) share: Token,
    /// Octets of memory that were counted for it: kept for [`super::connections::Connections`].
    pub(super) counted_memory: usize,
    /// Time that its turns have taken since it last had nothing to do.
    used: Duration,
}

impl Connection {
    /// Returns a connection that counts as writable, so that the greeting is sent in its first
    /// turn.
    pub(super) fn new(transport: Transport, session: Session) -> Self {
        Self {
            transport,
            session,
            is_readable: false,
            is_writable: true,
            is_at_end: false,
            leftover: Vec::new(),
            armed: None,
            watched: None,
            login: None,
            unauthenticated_in: None,
            is_queued: false,
            share: Token(0),
            counted_memory: 0,
            used: Duration::ZERO,
        }
    }

    /// Registers the transport with the poll.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.is_readable = self.transport.register(registry, token)?;
        Ok(())
    }

    /// Notes an event of the poll. Errors and hang-ups count as readiness: the next call finds
    /// them.
    pub(super) fn note(&mut self, event: &Event) {
        self.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.is_writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// Notes that events may have been lost: the next calls find out.
    pub(super) fn note_ready(&mut self) {
        self.is_readable = true;
        self.is_writable = true;
    }

    /// Returns the beginning of every log line about the connection: `connection 7 from
    /// 192.0.2.1:40000, user "ann", mailbox INBOX`, as far as it is known.
    pub(super) fn log_prefix(&self) -> String {
        self.session.log_prefix()
    }

    /// Returns the number of the connection, which grows with each connection of this process.
    pub(super) fn id(&self) -> u64 {
        self.session.peer().id
    }

    /// Describes for the log what its turn was about: the connection, the user, the mailbox and the
    /// name of the command.
    pub(super) fn work(&self) -> String {
        format!("{}, {}", self.session.log_prefix(), self.session.command())
    }

    /// Returns the octets of memory that grow with what its client sends and asks for.
    pub(super) fn memory(&self) -> usize {
        self.leftover.capacity() + self.session.memory() + self.transport.memory()
    }

    /// Returns the octets of memory that [`Self::end_command`] frees.
    pub(super) fn command_memory(&self) -> usize {
        self.session.command_memory()
    }

    /// Ends the command in progress, because its user, or the server, has no memory for it.
    pub(super) fn end_command(&mut self, now: Instant) {
        self.session.end_command(now);
    }

    /// Ends the session because its user, or the server, has no memory left. Returns true if the
    /// connection has to be closed at once.
    pub(super) fn end_for_memory(&mut self) -> bool {
        self.leftover = Vec::new();
        self.session.end_for_memory();
        self.session.is_broken()
    }

    /// Returns the round in which it gets its next turn.
    pub(super) fn round(&self) -> Round {
        match self.used < LIGHT_TIME {
            true => Round::Light,
            false => Round::Long,
        }
    }

    /// Notes how long a turn has taken that ended with `next`. A command keeps what it has used
    /// while it waits for its client to read, for a lock, or for a flush.
    pub(super) fn note_time(&mut self, took: Duration, next: &io::Result<AfterTurn>) {
        let waits = matches!(next, Ok(AfterTurn::Wait));
        let is_command_over = match self.session.turn() {
            Turn::Idle | Turn::Line | Turn::External => true,
            Turn::Runnable | Turn::OutputFull | Turn::Until(_) | Turn::Flush => false,
        };
        match waits && is_command_over {
            true => self.used = Duration::ZERO,
            false => self.used += took,
        }
    }

    /// Returns the time at which it wants a turn even if no event comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timeout = self.session.poll_timeout();
        match self.session.turn() {
            Turn::Until(time) => Some(timeout.map_or(time, |timeout| timeout.min(time))),
            _ => timeout,
        }
    }

    /// Returns the mailbox that the session watches, if it is in IDLE.
    pub(super) fn idle_mailbox(&self) -> Option<&MailboxHandle> {
        self.session.idle_mailbox()
    }

    /// Notes that this mailbox may have changed.
    pub(super) fn note_mailbox_change(&mut self) {
        self.session.handle_mailbox_change();
    }

    /// Begins or ends the wire log, after the operator has changed whose traffic is logged.
    pub(super) fn change_wire_log(&mut self, wanted: &WireLog) {
        self.session.change_wire_log(wanted);
    }

    /// Says BYE. Output that is queued is still sent.
    pub(super) fn shut_down(&mut self, text: &str) {
        self.session.shut_down(text);
    }

    /// Takes one turn: reads what the client has sent, goes on with the work, sends what there is
    /// room for.
    ///
    /// # Errors
    /// If the client has disconnected.
    pub(super) fn turn(&mut self, token: Token, shared: &mut Shared) -> io::Result<AfterTurn> {
        let clock = SystemClock;
        let now = clock.now();
        let is_late = self.session.poll_timeout().is_some_and(|due| due <= now);
        if is_late {
            self.session.handle_timeout(now);
        }
        if self.transport.is_handshaking() {
            if let Some(next) = self.handshake(shared, now)? {
                return Ok(next);
            }
        }
        self.receive(&mut shared.buffer, now)?;
        let mut budget = Budget::step(&clock);
        shared.store.set_session(token.0, self.share.0);
        self.session.run(&mut shared.store, &mut budget);
        #[cfg(feature = "test-backdoor")]
        super::test_backdoor::fail_if_wanted(self.session.command());
        self.pass_login_on(token, &mut shared.logins, now);
        let sent = self.send(now)?;
        if self.begins_tls(shared) {
            return Ok(AfterTurn::Turn);
        }
        // A session that is over and late has had its last chance to send.
        if is_late && self.session.is_finished() {
            return Ok(AfterTurn::Close);
        }
        Ok(self.after_turn(sent > 0))
    }

    /// Goes on with the TLS handshake. The session gets nothing until the handshake is complete, so
    /// there is nothing else to do in this turn, unless it is.
    fn handshake(&mut self, shared: &mut Shared, now: Instant) -> io::Result<Option<AfterTurn>> {
        let Some(certificates) = shared.tls.as_mut().filter(|_| !self.session.is_finished()) else {
            return Ok(Some(AfterTurn::Close));
        };
        match self.transport.handshake(certificates, now)? {
            Handshake::Done(info) => {
                log::debug!("{}: {}", self.log_prefix(), self.transport.tls_summary());
                self.session.handle_tls(info);
                // Octets behind the handshake may have been read with it; no event announces them.
                self.is_readable = true;
                return Ok(None);
            }
            Handshake::NeedsInput => self.is_readable = false,
            Handshake::NeedsRoom => self.is_writable = false,
            Handshake::Again => return Ok(Some(AfterTurn::Turn)),
        }
        Ok(Some(AfterTurn::Wait))
    }

    /// Begins TLS once the response to STARTTLS is sent. Octets that were read behind the command
    /// are discarded, as the session has discarded those that it was given.
    fn begins_tls(&mut self, shared: &Shared) -> bool {
        let is_ready = self.session.is_starting_tls() && !self.session.has_output();
        let Some(certificates) = shared.tls.as_ref().filter(|_| is_ready) else {
            return false;
        };
        self.leftover = Vec::new();
        self.transport.begin_tls(TlsStream::new(certificates));
        true
    }

    fn pass_login_on(&mut self, token: Token, logins: &mut Logins, now: Instant) {
        if let Some(request) = self.session.poll_request() {
            self.login = Some(logins.request(token, self.session.peer(), request, now));
        }
    }

    /// True if the session waits for the verdict on this request.
    pub(super) fn awaits(&self, serial: Serial) -> bool {
        self.login == Some(serial)
    }

    /// Hands the verdict to the session that it waits for.
    pub(super) fn handle_verdict(&mut self, verdict: LoginVerdict) {
        self.login = None;
        self.session.handle_verdict(verdict);
    }

    /// True once the client has logged in.
    pub(super) fn is_logged_in(&self) -> bool {
        self.session.is_logged_in()
    }

    fn receive(&mut self, buffer: &mut [u8], now: Instant) -> io::Result<()> {
        if !self.leftover.is_empty() && self.session.wants_input() {
            let octets = std::mem::take(&mut self.leftover);
            self.hand_to_session(&octets, now);
        }
        let mut received = 0;
        while received < TURN_OCTETS && self.is_readable && self.may_read() {
            match self.transport.read(buffer) {
                Ok(0) => {
                    self.is_at_end = true;
                    self.session.handle_eof();
                }
                Ok(count) => {
                    received += count;
                    self.hand_to_session(&buffer[..count], now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                // TLS records without data for the session must not make the turn endless.
                Err(error) if error.kind() == ErrorKind::Interrupted => received += NO_OCTETS,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn hand_to_session(&mut self, octets: &[u8], now: Instant) {
        #[cfg(feature = "test-backdoor")]
        if let Some(report) = super::test_backdoor::run(octets) {
            let _ = self.transport.write(report.as_bytes());
            return;
        }
        let taken = self.session.handle_input(octets, now);
        debug_assert!(taken > 0, "a session that wants input takes some");
        self.leftover = octets[taken..].to_vec();
    }

    fn may_read(&self) -> bool {
        !self.is_at_end && self.leftover.is_empty() && self.session.wants_input()
    }

    /// Sends output of the session. Returns the number of octets.
    fn send(&mut self, now: Instant) -> io::Result<usize> {
        let mut sent = 0;
        while self.is_writable && sent < TURN_OCTETS {
            let output = self.session.poll_output();
            if output.is_empty() {
                break;
            }
            let allowed = output.len().min(TURN_OCTETS - sent);
            match self.transport.write(&output[..allowed]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    sent += count;
                    self.session.consume(count, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.flush()?;
        Ok(sent)
    }

    /// Sends octets that the transport has taken and not sent yet.
    fn flush(&mut self) -> io::Result<()> {
        if self.is_writable && self.transport.has_unsent() {
            match self.transport.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
        Ok(())
    }

    /// True if octets wait to be sent.
    fn has_output(&self) -> bool {
        self.session.has_output() || self.transport.has_unsent()
    }

    fn after_turn(&self, has_sent: bool) -> AfterTurn {
        let output = self.has_output();
        if self.session.is_broken() || (self.session.is_finished() && !output) {
            return AfterTurn::Close;
        }
        let can_send = output && self.is_writable;
        let can_receive =
            self.session.wants_input() && (!self.leftover.is_empty() || self.is_readable);
        let can_work = match self.session.turn() {
            Turn::Runnable => true,
            Turn::OutputFull => has_sent,
            Turn::External | Turn::Flush | Turn::Idle | Turn::Line | Turn::Until(_) => false,
        };
        if can_send || can_receive || can_work {
            return AfterTurn::Turn;
        }
        debug_assert!(
            self.has_wake_up(),
            "the connection waits for no event: {:?}",
            self.session.turn()
        );
        AfterTurn::Wait
    }

    /// True if an event other than the long idle time-outs is sure to give this connection a turn.
    /// The bug this catches is a client that hangs until it is logged out.
    fn has_wake_up(&self) -> bool {
        let by_reading = self.may_read() && !self.is_readable;
        let by_writing = self.has_output() && !self.is_writable;
        let by_itself = match self.session.turn() {
            Turn::Until(_) | Turn::Flush => true,
            Turn::External => self.login.is_some(),
            Turn::Idle | Turn::Runnable | Turn::OutputFull | Turn::Line => false,
        };
        by_reading || by_writing || by_itself
    }

    /// Closes the connection so that sent octets arrive: a socket that is closed with unread input
    /// resets the connection, and the last line, the BYE, may be lost with it.
    pub(super) fn close(mut self, registry: &Registry, buffer: &mut [u8]) {
        self.transport.finish_writing();
        let mut discarded = 0;
        while self.is_readable && !self.is_at_end && discarded < TURN_OCTETS {
            match self.transport.discard(buffer) {
                Ok(count) if count > 0 => discarded += count,
                _ => break,
            }
        }
        self.transport.deregister(registry);
    }
}
