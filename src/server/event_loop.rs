//! The loop: one thread, and fair to everyone.
//!
//! A *turn of the loop* looks at the sockets, then gives each connection that has something to do one turn of
//! its own, in the order in which they asked, for 10 ms at most; the others stay first in the queue.
//! While anybody is in the queue the poll does not wait. So no client waits longer for its turn than the
//! turns of those before it take, whatever they do: each is bounded in octets, in work and in time.
//!
//! A panic in the turn of a connection ends that connection, with a line in the log, and nobody else's.

use super::accept::{
    self, AcceptedConnection, FIRST_PENDING_HEADER, IdleEnd, Listener, Network, Origin,
    PendingHeaders, ProxiedClient, UnauthenticatedLimit,
};
use super::connection::{Connection, Next};
use super::control::{Control, SignalRequest};
use super::error::ServerError;
use super::idle_watch::IdleWatch;
use super::shared::Shared;
use super::slab::{FIRST_KEY, Slab};
use super::timers::Timers;
use super::tls::Certificates;
use super::transport::Transport;
use crate::budget::{Budget, Clock, SystemClock, TURN_TIME};
use crate::logging;
use crate::options::Options;
use crate::session::Session;
use crate::store::MailboxHandle;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The token of the [`mio::Waker`] of a [`super::Handle`].
pub(super) const WAKER: Token = Token(0);
/// The token of the signals of a [`Control`].
pub(super) const SIGNALS: Token = Token(1);
const WATCH: Token = Token(2);
const AUTH_WORKER: Token = Token(3);
/// The tokens of the listeners follow from here on.
pub(super) const FIRST_LISTENER: usize = 4;

/// Events taken from the poll at once; more are found in the next turn.
const EVENTS: usize = 256;
/// How long clients may take to read their last lines when the server shuts down. Who asked for it expects the end
/// within five seconds.
pub(super) const DRAIN_TIME: Duration = Duration::from_secs(4);

/// Everything that lives in the thread of the server.
pub(super) struct EventLoop {
    poll: Poll,
    listeners: Vec<Listener>,
    /// Boxed, so that the table of a server that had many clients once is small again.
    connections: Slab<Box<Connection>>,
    pending_headers: PendingHeaders,
    max_connections: usize,
    unauthenticated: UnauthenticatedLimit,
    timers: Timers,
    idle_watch: IdleWatch,
    /// The kernel has something to tell of mailboxes.
    watch_is_readable: bool,
    /// Those that want a turn; nobody stands in it twice.
    queue: VecDeque<Token>,
    shared: Shared,
    control: Option<Control>,
    stop: Arc<AtomicBool>,
    /// Set when the server shuts down: the end of its patience.
    draining_until: Option<Instant>,
    /// Why it ends, if nobody has asked it to.
    fault: Option<io::Error>,
    /// Ends the loop when nobody is connected for a while, if it is to end then.
    idle_end: Option<IdleEnd>,
}

impl EventLoop {
    pub(super) fn new(
        poll: Poll,
        mut shared: Shared,
        options: &Options,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, ServerError> {
        let watched = poll.registry().try_clone();
        watched
            .and_then(|registry| shared.logins.watch(registry, AUTH_WORKER))
            .map_err(ServerError::system("listen to the verifier"))?;
        if let Some(watch) = shared.store.inotify_fd() {
            poll.registry()
                .register(&mut SourceFd(&watch.as_raw_fd()), WATCH, Interest::READABLE)
                .map_err(ServerError::system("listen to changes of directories"))?;
        }
        Ok(Self {
            poll,
            listeners: Vec::new(),
            connections: Slab::new(),
            pending_headers: PendingHeaders::new(options.proxy_protocol.clone()),
            max_connections: options.max_connections,
            unauthenticated: UnauthenticatedLimit::new(options.max_per_address),
            timers: Timers::default(),
            idle_watch: IdleWatch::new(),
            watch_is_readable: false,
            queue: VecDeque::new(),
            shared,
            control: None,
            stop,
            draining_until: None,
            fault: None,
            idle_end: None,
        })
    }

    /// What the sessions of this server work with.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn listen(&mut self, listeners: Vec<Listener>) -> Result<(), ServerError> {
        self.listeners = listeners;
        for (index, listener) in self.listeners.iter_mut().enumerate() {
            listener
                .register(self.poll.registry(), Token(FIRST_LISTENER + index))
                .map_err(|source| ServerError::Listen {
                    address: listener.address,
                    source,
                })?;
        }
        Ok(())
    }

    /// The loop ends when nobody has been connected for so long.
    pub(super) fn end_when_idle(&mut self, time: Duration) {
        self.idle_end = Some(IdleEnd::new(time, SystemClock.now()));
    }

    pub(super) fn obey(&mut self, mut control: Control) -> Result<(), ServerError> {
        control
            .register(self.poll.registry(), SIGNALS)
            .map_err(ServerError::system("listen to signals"))?;
        control.manager.tell_ready();
        self.control = Some(control);
        Ok(())
    }

    /// Adds a client.
    pub(super) fn connect(&mut self, transport: Transport, session: Session) -> io::Result<Token> {
        let connection = Connection::new(transport, session);
        let token = self.connections.insert(Box::new(connection));
        let registered = match self.connections.get_mut(token) {
            Some(connection) => connection.register(self.poll.registry(), token),
            None => Ok(()),
        };
        if registered.is_err() {
            self.connections.remove(token);
        }
        self.want_turn(token);
        registered.map(|()| token)
    }

    /// Turns until the server is shut down, or the last client of a server without listeners has gone.
    pub(super) fn run(mut self) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_over() {
            self.note_number_of_clients();
            self.wait(&mut events)?;
            for event in &events {
                self.note(event);
            }
            if self.stop.swap(false, Ordering::Relaxed) {
                self.begin_to_drain();
            }
            self.accept();
            self.admit_proxied_clients();
            self.fire_timers();
            self.deliver_verdicts();
            self.look_at_certificates();
            self.look_for_news();
            self.give_turns();
            self.spread_news();
        }
        if let Some(control) = &self.control {
            control.manager.tell_stopping();
        }
        let doing = "start the verifier again, without which nobody can log in";
        self.fault
            .map_or(Ok(()), |error| Err(ServerError::system(doing)(error)))
    }

    fn is_over(&self) -> bool {
        if let Some(end) = &self.idle_end {
            if end.has_come(SystemClock.now()) {
                log::info!("nobody is connected: ending, until somebody comes");
                return true;
            }
        }
        let has_expired = |until| until <= SystemClock.now();
        let nobody_left = self.connections.len() == 0 && self.listeners.is_empty();
        // Who does not stay to hear that the password was wrong has tried it all the same.
        let nobody_left = nobody_left && !self.shared.logins.is_busy();
        nobody_left || self.draining_until.is_some_and(has_expired)
    }

    /// Waits for an event, but not beyond the next deadline, and not at all if there is work.
    fn wait(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let now = SystemClock.now();
        let busy = !self.queue.is_empty() || self.listeners.iter().any(|one| one.is_ready(now));
        let timeout = if busy {
            Some(Duration::ZERO)
        } else {
            let deadline = self.listeners.iter().filter_map(Listener::deadline);
            let deadline = deadline
                .chain(self.timers.next())
                .chain(self.pending_headers.deadline())
                .chain(self.idle_watch.next_look())
                .chain(self.shared.logins.deadline())
                .chain(self.shared.tls.as_ref().map(Certificates::deadline))
                .chain(self.draining_until)
                .chain(self.idle_end.as_ref().and_then(IdleEnd::deadline))
                .chain(
                    self.control
                        .as_ref()
                        .and_then(|control| control.manager.deadline()),
                );
            deadline.min().map(|at| at.saturating_duration_since(now))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other.map_err(ServerError::system("wait for events")),
        }
    }

    fn note(&mut self, event: &Event) {
        match event.token() {
            // The gate is asked in every turn of the loop.
            WAKER | AUTH_WORKER => {}
            WATCH => self.watch_is_readable = true,
            SIGNALS => self.handle_signals(),
            Token(key) if (FIRST_PENDING_HEADER..FIRST_KEY).contains(&key) => {
                self.pending_headers.note(Token(key));
            }
            Token(key) if key < FIRST_KEY => {
                if let Some(listener) = self.listeners.get_mut(key - FIRST_LISTENER) {
                    listener.note_ready();
                }
            }
            token => {
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.note(event);
                    self.want_turn(token);
                }
            }
        }
    }

    fn want_turn(&mut self, token: Token) {
        if let Some(connection) = self.connections.get_mut(token) {
            if !std::mem::replace(&mut connection.queued, true) {
                self.queue.push_back(token);
            }
        }
    }

    fn accept(&mut self) {
        let now = SystemClock.now();
        for index in 0..self.listeners.len() {
            for _ in 0..self.listeners[index].accepts_a_turn() {
                let listener = &mut self.listeners[index];
                if !listener.is_ready(now) {
                    break;
                }
                if let Some(accepted) = listener.accept(now) {
                    self.receive(accepted);
                }
            }
        }
    }

    /// Somebody is at the door: a client, or a proxy that is to say for whom it comes.
    fn receive(&mut self, accepted: AcceptedConnection) {
        let address = accepted.address;
        if self.number_of_clients() >= self.max_connections {
            let limit = self.max_connections;
            log::warn!("{address}: refused, {limit} connections are open (max-connections)");
            return accepted.refuse();
        }
        if !self.pending_headers.are_expected_from(address.ip()) {
            return self.admit(accepted, Origin::direct(address));
        }
        let (registry, now) = (self.poll.registry(), SystemClock.now());
        if let Err(error) = self.pending_headers.add(accepted, registry, now) {
            log::error!("{address}: cannot be heard: {error}");
        }
    }

    fn admit_proxied_clients(&mut self) {
        let (registry, now) = (self.poll.registry(), SystemClock.now());
        for ProxiedClient { accepted, origin } in self.pending_headers.take_ready(registry, now) {
            self.admit(accepted, origin);
        }
    }

    fn admit(&mut self, accepted: AcceptedConnection, origin: Origin) {
        let address = origin.address;
        let network = Network::of(address.ip());
        if !self.unauthenticated.enter(network) {
            let limit = self.unauthenticated.limit();
            log::warn!(
                "{address}: refused, {limit} from there have yet to log in (max-per-address)"
            );
            return accepted.refuse();
        }
        log::debug!("{address}: connected");
        accept::tune(&accepted.client);
        let peer = origin.peer(&self.shared.logins);
        let config = self.shared.config.clone();
        let session = Session::new(config, peer, SystemClock.now());
        let mut transport = Transport::tcp(accepted.client);
        if let Some(certificates) = self.shared.tls.as_ref().filter(|_| accepted.is_tls) {
            transport.begin_tls(certificates.link());
        }
        match self.connect(transport, session) {
            Ok(token) => self.note_unauthenticated(token, network),
            Err(error) => {
                log::error!("{address}: cannot be served: {error}");
                self.unauthenticated.leave(network);
            }
        }
    }

    fn note_unauthenticated(&mut self, token: Token, network: Network) {
        if let Some(connection) = self.connections.get_mut(token) {
            connection.unauthenticated_from = Some(network);
        }
    }

    /// Hands out what the gate has decided since.
    fn deliver_verdicts(&mut self) {
        for reply in self.shared.logins.deliver(SystemClock.now()) {
            let Some(connection) = self.connections.get_mut(reply.to) else {
                continue;
            };
            if connection.handle_verdict(reply.serial, reply.verdict) {
                self.want_turn(reply.to);
            }
        }
        self.fault = self
            .shared
            .logins
            .take_fault()
            .or_else(|| self.fault.take());
        if self.fault.is_some() && self.draining_until.is_none() {
            self.begin_to_drain();
        }
    }

    fn number_of_clients(&self) -> usize {
        self.connections.len() + self.pending_headers.len()
    }

    fn note_number_of_clients(&mut self) {
        let (clients, now) = (self.number_of_clients(), SystemClock.now());
        if let Some(end) = &mut self.idle_end {
            end.note(clients, now);
        }
        if let Some(control) = &mut self.control {
            control.manager.tell_clients(clients, now);
        }
    }

    fn handle_signals(&mut self) {
        let asked = self.control.as_mut().map(Control::asked);
        for asked in asked.unwrap_or_default() {
            match asked {
                SignalRequest::Stop => self.begin_to_drain(),
                SignalRequest::Reread => self.reread_options(),
                SignalRequest::Reap => {}
            }
        }
    }

    /// Those who are connected keep what they were told at the beginning; limits are for those who come.
    fn reread_options(&mut self) {
        if let Some(certificates) = &mut self.shared.tls {
            certificates.reload();
        }
        let Some(options) = self.control.as_mut().and_then(Control::reread) else {
            return;
        };
        logging::set_level(options.log_level);
        self.max_connections = options.max_connections;
        self.unauthenticated.set_limit(options.max_per_address);
        self.shared.change(&options);
        for token in self.connections.keys() {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.change_wire_log(&self.shared.config.wire_log);
            }
        }
        self.pending_headers.trust(options.proxy_protocol);
    }

    /// Gives a turn to those whose time has come. A timer that fired early is armed again.
    fn fire_timers(&mut self) {
        let now = SystemClock.now();
        while let Some(token) = self.timers.pop_due(now) {
            let Some(connection) = self.connections.get_mut(token) else {
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

    /// Tells the operator in time which certificates are about to end.
    fn look_at_certificates(&mut self) {
        let now = SystemClock.now();
        let certificates = self.shared.tls.as_mut();
        if let Some(due) = certificates.filter(|certificates| certificates.deadline() <= now) {
            due.remind(now, SystemClock.wall());
        }
    }

    /// Finds out which mailboxes others have changed, before any session answers from what was true until
    /// then. Only sessions in IDLE get a turn for it: the others look at their next command.
    fn look_for_news(&mut self) {
        if self.watch_is_readable || !self.queue.is_empty() {
            self.watch_is_readable = false;
            for mailbox in self.shared.store.poll_inotify() {
                self.wake_idle_sessions(&mailbox);
            }
        }
        let now = SystemClock.now();
        while let Some(mailbox) = self.idle_watch.pop_due(now) {
            let mut budget = Budget::step(&SystemClock);
            if self.shared.store.may_have_changed(&mailbox, &mut budget) {
                self.wake_idle_sessions(&mailbox);
            }
            let next = self.shared.store.next_check(&mailbox, now);
            self.idle_watch.look_at(&mailbox, next);
        }
    }

    /// Passes on what the sessions that had a turn have changed, or found.
    fn spread_news(&mut self) {
        for mailbox in self.shared.store.take_changed() {
            self.wake_idle_sessions(&mailbox);
        }
    }

    fn wake_idle_sessions(&mut self, mailbox: &MailboxHandle) {
        for token in self.idle_watch.of(mailbox) {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.note_news();
            }
            self.want_turn(token);
        }
    }

    /// One turn for each that is in the queue now, as long as the time of this turn lasts.
    fn give_turns(&mut self) {
        let end = SystemClock.now() + TURN_TIME;
        for _ in 0..self.queue.len() {
            if let Some(token) = self.queue.pop_front() {
                self.give_turn(token);
            }
            if SystemClock.now() >= end {
                break;
            }
        }
    }

    fn give_turn(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        connection.queued = false;
        let next = guarded(|| connection.turn(token, &mut self.shared)).unwrap_or_else(|message| {
            let name = connection.name();
            log::error!("{name}: dropped, by a fault in imap2d, please report it: {message}");
            Ok(Next::Close)
        });
        match next {
            Ok(Next::Turn) => self.want_turn(token),
            Ok(Next::Wait) => {
                let deadline = connection.deadline();
                self.timers.arm(token, &mut connection.armed, deadline);
            }
            Ok(Next::Close) => self.disconnect(token),
            Err(error) => {
                log::debug!("{}: lost: {error}", connection.name());
                self.disconnect(token);
            }
        }
        self.note_idle(token);
        self.note_login(token);
    }

    /// Who has logged in is no guest any more.
    fn note_login(&mut self, token: Token) {
        if let Some(connection) = self.connections.get_mut(token) {
            if connection.is_logged_in() {
                if let Some(network) = connection.unauthenticated_from.take() {
                    self.unauthenticated.leave(network);
                }
            }
        }
    }

    /// Notes whether a connection waits for changes of a mailbox now.
    fn note_idle(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let mailbox = connection.idle_mailbox().cloned();
        self.idle_watch
            .note(token, &mut connection.noted, mailbox.as_ref());
        if let Some(mailbox) = mailbox {
            let next = self.shared.store.next_check(&mailbox, SystemClock.now());
            self.idle_watch.look_at(&mailbox, next);
        }
    }

    fn disconnect(&mut self, token: Token) {
        let Some(mut connection) = self.connections.remove(token) else {
            return;
        };
        log::debug!("{}: disconnected", connection.name());
        self.timers.arm(token, &mut connection.armed, None);
        self.idle_watch.note(token, &mut connection.noted, None);
        if let Some(network) = connection.unauthenticated_from.take() {
            self.unauthenticated.leave(network);
        }
        if let Some(asked) = connection.asked {
            self.shared.logins.forget(asked, SystemClock.now());
        }
        let registry = self.poll.registry();
        let buffer = &mut self.shared.buffer;
        if let Err(message) = guarded(|| connection.close(registry, buffer)) {
            log::error!("a fault in imap2d at the end of a connection: {message}");
        }
    }

    /// Lets nobody in any more, says good-bye to everybody. If asked a second time it ends at once.
    fn begin_to_drain(&mut self) {
        let now = SystemClock.now();
        if self.draining_until.is_some() {
            self.draining_until = Some(now);
            return;
        }
        log::info!(
            "shutting down, {} clients are connected",
            self.connections.len()
        );
        self.draining_until = Some(now + DRAIN_TIME);
        if let Some(control) = &self.control {
            control.manager.tell_stopping();
        }
        self.listeners.clear();
        self.pending_headers.clear();
        for token in self.connections.keys() {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.shut_down("The server is shutting down");
            }
            self.want_turn(token);
        }
    }
}

/// Does the work. If it panics, the error is what the panic said.
///
/// What the work had its hands on is either thrown away, as the connection is, or has no state of its own
/// between two calls that a half-done call could break: the store checks what it knows against the disk.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| String::from("no message"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(guarded(|| 1), Ok(1));
        let number = std::hint::black_box(7);
        assert_eq!(guarded(|| panic!("seven")), Err::<(), _>("seven".into()));
        assert_eq!(guarded(|| panic!("{number}")), Err::<(), _>("7".into()));
    }
}
