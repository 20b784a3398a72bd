//! One client: a transport, a session, and what is known about the readiness of the first.
//!
//! The poll is edge-triggered: it says *once* that a socket has become readable or writable. So both are
//! noted here and stay noted until a call answers `WouldBlock`. A connection gets one turn at a time, in
//! which it may read and write so much and compute so long; whoever has more to do queues again, behind
//! the others. Octets are read into a buffer that all connections share, and written from where the session
//! keeps them: a connection that rests owns no buffer.

use super::accept::Network;
use super::auth_worker::Serial;
use super::login::Logins;
use super::shared::Shared;
use super::tls::Handshake;
use super::transport::Transport;
use crate::budget::{Budget, Clock, SystemClock};
use crate::session::{LoginVerdict, Session, Turn, WireLog};
use crate::store::MailboxHandle;
use mio::event::Event;
use mio::{Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

/// What one connection may read, and write, in one turn: large enough for a system call to be cheap beside
/// it, small enough for a hundred busy connections to leave a turn short.
const TURN_OCTETS: usize = 64 * 1024;

/// What a read counts for that came to no octets.
const NO_OCTETS: usize = 1024;

/// What is to be done with a connection after its turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Give it another turn.
    Turn,
    /// Leave it until an event or its [`Connection::deadline`] comes.
    Wait,
    /// It is over.
    Close,
}

/// A client.
pub(super) struct Connection {
    transport: Transport,
    session: Session,
    /// True until a read answers `WouldBlock`.
    readable: bool,
    /// True until a write answers `WouldBlock`.
    writable: bool,
    /// The client sends no more.
    at_end: bool,
    /// Octets that were read but that the session had no room for; nothing is read before it has them.
    leftover: Vec<u8>,
    /// When its timer fires: kept for [`super::timers::Timers::arm`].
    pub(super) armed: Option<Instant>,
    /// What its session idles on: kept for [`super::idle_watch::IdleWatch::note`].
    pub(super) noted: Option<Token>,
    /// What it has asked of the gate, and was not told yet.
    pub(super) asked: Option<Serial>,
    /// Where it is counted as one who has yet to log in.
    pub(super) unauthenticated_from: Option<Network>,
    /// True while it stands in the queue of those that want a turn.
    pub(super) queued: bool,
}

impl Connection {
    /// A new connection is taken as writable, so that the greeting leaves in its first turn.
    pub(super) fn new(transport: Transport, session: Session) -> Self {
        Self {
            transport,
            session,
            readable: false,
            writable: true,
            at_end: false,
            leftover: Vec::new(),
            armed: None,
            noted: None,
            asked: None,
            unauthenticated_from: None,
            queued: false,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.readable = self.transport.register(registry, token)?;
        Ok(())
    }

    /// Notes what the poll says. Errors and hang-ups count as readiness: the next call finds them out.
    pub(super) fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// For the log.
    pub(super) fn name(&self) -> &str {
        &self.session.peer().name
    }

    /// When it wants a turn even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timeout = self.session.poll_timeout();
        match self.session.turn() {
            Turn::Until(time) => Some(timeout.map_or(time, |timeout| timeout.min(time))),
            _ => timeout,
        }
    }

    /// The mailbox of which it wants to hear.
    pub(super) fn idle_mailbox(&self) -> Option<&MailboxHandle> {
        self.session.idle_mailbox()
    }

    /// That mailbox may have changed.
    pub(super) fn note_news(&mut self) {
        self.session.handle_mailbox_change();
    }

    /// The operator wants a wire log of others now.
    pub(super) fn change_wire_log(&mut self, wanted: &WireLog) {
        self.session.change_wire_log(wanted);
    }

    /// Says good-bye; what is written is still sent.
    pub(super) fn shut_down(&mut self, text: &str) {
        self.session.shut_down(text);
    }

    /// One turn: takes in what came, goes on with the work, sends what fits.
    ///
    /// # Errors
    /// If the client is gone.
    pub(super) fn turn(&mut self, token: Token, shared: &mut Shared) -> io::Result<Next> {
        let clock = SystemClock;
        let now = clock.now();
        let late = self.session.poll_timeout().is_some_and(|due| due <= now);
        if late {
            self.session.handle_timeout(now);
        }
        if self.transport.is_handshaking() {
            if let Some(next) = self.handshake(shared, now)? {
                return Ok(next);
            }
        }
        self.receive(&mut shared.buffer, now)?;
        let mut budget = Budget::step(&clock);
        self.session.run(&mut shared.store, &mut budget);
        self.pass_request_on(token, &mut shared.logins, now);
        let sent = self.send(now)?;
        if self.begins_tls(shared) {
            return Ok(Next::Turn);
        }
        // A session that is over and past its time has had its last chance to send.
        if late && self.session.is_finished() {
            return Ok(Next::Close);
        }
        Ok(self.next(sent > 0))
    }

    /// Goes on with the handshake of TLS. Nothing is said to the session until it is over, so there is nothing
    /// else to do in this turn, unless it is.
    fn handshake(&mut self, shared: &mut Shared, now: Instant) -> io::Result<Option<Next>> {
        let Some(certificates) = shared.tls.as_mut().filter(|_| !self.session.is_finished()) else {
            return Ok(Some(Next::Close));
        };
        match self.transport.handshake(certificates, now)? {
            Handshake::Done(info) => {
                log::debug!("{}: {}", self.name(), self.transport.tls_summary());
                self.session.handle_tls(info);
                // What has come behind the handshake may have been read with it, and no event tells of that.
                self.readable = true;
                return Ok(None);
            }
            Handshake::NeedsInput => self.readable = false,
            Handshake::NeedsRoom => self.writable = false,
            Handshake::Again => return Ok(Some(Next::Turn)),
        }
        Ok(Some(Next::Wait))
    }

    /// Begins TLS once the answer to STARTTLS is sent. What was read behind the command is forgotten, as the
    /// session has forgotten what it was given.
    fn begins_tls(&mut self, shared: &Shared) -> bool {
        let is_ready = self.session.is_starting_tls() && !self.session.has_output();
        let Some(certificates) = shared.tls.as_ref().filter(|_| is_ready) else {
            return false;
        };
        self.leftover = Vec::new();
        self.transport.begin_tls(certificates.link());
        true
    }

    fn pass_request_on(&mut self, token: Token, logins: &mut Logins, now: Instant) {
        if let Some(request) = self.session.poll_request() {
            self.asked = Some(logins.ask(token, self.session.peer(), request, now));
        }
    }

    /// The answer of the gate; false if this is not what the session waits for.
    pub(super) fn handle_verdict(&mut self, serial: Serial, verdict: LoginVerdict) -> bool {
        let awaited = self.asked == Some(serial);
        if awaited {
            self.asked = None;
            self.session.handle_verdict(verdict);
        }
        awaited
    }

    /// True from the moment that its client has logged in.
    pub(super) fn is_logged_in(&self) -> bool {
        self.session.is_logged_in()
    }

    fn receive(&mut self, buffer: &mut [u8], now: Instant) -> io::Result<()> {
        if !self.leftover.is_empty() && self.session.wants_input() {
            let octets = std::mem::take(&mut self.leftover);
            self.hand_over(&octets, now);
        }
        let mut received = 0;
        while received < TURN_OCTETS && self.readable && self.may_read() {
            match self.transport.read(buffer) {
                Ok(0) => {
                    self.at_end = true;
                    self.session.handle_eof();
                }
                Ok(count) => {
                    received += count;
                    self.hand_over(&buffer[..count], now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // Records of TLS without anything for the session must not make the turn endless.
                Err(error) if error.kind() == ErrorKind::Interrupted => received += NO_OCTETS,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, octets: &[u8], now: Instant) {
        #[cfg(feature = "test-backdoor")]
        if let Some(report) = super::test_backdoor::obey(octets) {
            let _ = self.transport.write(report.as_bytes());
            return;
        }
        let taken = self.session.handle_input(octets, now);
        debug_assert!(taken > 0, "a session that wants input takes some");
        self.leftover = octets[taken..].to_vec();
    }

    fn may_read(&self) -> bool {
        !self.at_end && self.leftover.is_empty() && self.session.wants_input()
    }

    /// Returns how many octets were sent.
    fn send(&mut self, now: Instant) -> io::Result<usize> {
        let mut sent = 0;
        while self.writable && sent < TURN_OCTETS {
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
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.flush()?;
        Ok(sent)
    }

    /// Sends what the transport has taken and kept.
    fn flush(&mut self) -> io::Result<()> {
        if self.writable && self.transport.has_unsent() {
            match self.transport.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
        Ok(())
    }

    /// True if something waits to be sent.
    fn has_output(&self) -> bool {
        self.session.has_output() || self.transport.has_unsent()
    }

    fn next(&self, has_sent: bool) -> Next {
        let output = self.has_output();
        if self.session.is_broken() || (self.session.is_finished() && !output) {
            return Next::Close;
        }
        let can_send = output && self.writable;
        let can_receive =
            self.session.wants_input() && (!self.leftover.is_empty() || self.readable);
        let can_work = match self.session.turn() {
            Turn::Runnable => true,
            Turn::OutputFull => has_sent,
            Turn::External | Turn::Idle | Turn::Line | Turn::Until(_) => false,
        };
        if can_send || can_receive || can_work {
            return Next::Turn;
        }
        debug_assert!(
            self.has_wake_up(),
            "waits for nothing: {:?}",
            self.session.turn()
        );
        Next::Wait
    }

    /// Whether something other than the long idle time-outs is sure to bring this connection back: the
    /// bug this catches is a client that hangs until it is logged out.
    fn has_wake_up(&self) -> bool {
        let by_reading = self.may_read() && !self.readable;
        let by_writing = self.has_output() && !self.writable;
        let by_itself = match self.session.turn() {
            Turn::Until(_) => true,
            Turn::External => self.asked.is_some(),
            Turn::Idle | Turn::Runnable | Turn::OutputFull | Turn::Line => false,
        };
        by_reading || by_writing || by_itself
    }

    /// Ends the connection so that what was sent arrives: a socket that is closed with unread input resets
    /// the connection, and the last line, the BYE, may be lost with it.
    pub(super) fn close(mut self, registry: &Registry, buffer: &mut [u8]) {
        self.transport.finish_writing();
        let mut discarded = 0;
        while self.readable && !self.at_end && discarded < TURN_OCTETS {
            match self.transport.discard(buffer) {
                Ok(count) if count > 0 => discarded += count,
                _ => break,
            }
        }
        self.transport.deregister(registry);
    }
}
