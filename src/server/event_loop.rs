//! The event loop: one thread, and a fair share of it for each connection.
//!
//! A *turn of the loop* looks at the sockets, then gives each connection that has something to do
//! one turn of its own, in the order in which they asked, for 10 ms at most; the others stay first
//! in the queue. While a connection is in the queue the poll does not wait. So no client waits
//! longer for its turn than the turns of those before it take, whatever they do: each is bounded in
//! octets, in work and in time.
//!
//! A panic in the turn of a connection ends that connection, with a line in the log, and no other.

use super::accept::{self, Admission, AdmittedClient, IdleEnd, Listener, Listeners};
use super::connection::{AfterTurn, Connection};
use super::connections::Connections;
use super::control::{Control, SignalRequest};
use super::drain::Drain;
use super::error::ServerError;
use super::idle_watch::IdleWatch;
use super::shared::Shared;
use super::slab::FIRST_KEY;
use super::tls::{Certificates, TlsStream};
use super::tokens::{
    AUTH_WORKER, FIRST_LISTENER, FIRST_PENDING_HEADER, SIGNALS, STORE_WATCH, WAKER,
};
use super::transport::Transport;
use super::{clean_up, panics, poll};
use crate::budget::{Budget, Clock, SystemClock, TURN_TIME};
use crate::options::Options;
use crate::session::Session;
use crate::store::MailboxHandle;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events taken from the poll at once; the next turn finds the others.
const EVENTS: usize = 256;

/// The state of the server's thread.
pub(super) struct EventLoop {
    poll: Poll,
    listeners: Listeners,
    admission: Admission,
    connections: Connections,
    idle_watch: IdleWatch,
    /// True if the store's inotify descriptor has become readable since it was read.
    has_inotify_events: bool,
    shared: Shared,
    control: Option<Control>,
    /// Set by another thread that wants the server to shut down.
    stop: Arc<AtomicBool>,
    drain: Drain,
    /// Why the server ends, if not by a request.
    fault: Option<io::Error>,
    /// Ends the loop when no client has been connected for a while, if it is to end then.
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
            .and_then(|registry| shared.logins.register(registry, AUTH_WORKER))
            .map_err(ServerError::system("listen to the auth worker"))?;
        if let Some(inotify) = shared.store.inotify_fd() {
            let inotify = inotify.as_raw_fd();
            let registered =
                poll.registry()
                    .register(&mut SourceFd(&inotify), STORE_WATCH, Interest::READABLE);
            registered.map_err(ServerError::system("listen to changes of directories"))?;
        }
        Ok(Self {
            poll,
            listeners: Listeners::default(),
            admission: Admission::new(options),
            connections: Connections::new(),
            idle_watch: IdleWatch::new(),
            has_inotify_events: false,
            shared,
            control: None,
            stop,
            drain: Drain::default(),
            fault: None,
            idle_end: None,
        })
    }

    /// Returns what the sessions of this server share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Accepts connections on these sockets.
    pub(super) fn listen(&mut self, listeners: Vec<Listener>) -> Result<(), ServerError> {
        self.listeners = Listeners::register(listeners, self.poll.registry())?;
        Ok(())
    }

    /// Makes the loop end when no client has been connected for this long.
    pub(super) fn end_when_idle(&mut self, time: Duration) {
        self.idle_end = Some(IdleEnd::new(time, SystemClock.now()));
    }

    /// Makes the loop follow the signals and the service manager of `control`.
    pub(super) fn follow(&mut self, mut control: Control) -> Result<(), ServerError> {
        control
            .register(self.poll.registry(), SIGNALS)
            .map_err(ServerError::system("listen to signals"))?;
        control.manager.notify_ready();
        self.control = Some(control);
        Ok(())
    }

    /// Adds a client.
    pub(super) fn connect(&mut self, transport: Transport, session: Session) -> io::Result<Token> {
        let connection = Connection::new(transport, session);
        self.connections.insert(connection, self.poll.registry())
    }

    /// Turns until the server is shut down, or the last client of a server without listeners has
    /// disconnected.
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
            self.connections.fire_timers(SystemClock.now());
            self.deliver_login_decisions();
            self.remind_of_certificates();
            self.look_for_mailbox_changes();
            self.give_turns();
            clean_up::take_turn(&mut self.shared.store);
            self.announce_mailbox_changes();
        }
        clean_up::finish(&mut self.shared.store);
        if let Some(control) = &self.control {
            control.manager.notify_stopping();
        }
        let doing = "start the auth worker again, without which no user can log in";
        self.fault
            .map_or(Ok(()), |error| Err(ServerError::system(doing)(error)))
    }

    fn is_over(&self) -> bool {
        let now = SystemClock.now();
        if self.idle_end.as_ref().is_some_and(|end| end.has_come(now)) {
            log::info!("no client is connected: ending until the next one connects");
            return true;
        }
        let no_client_is_left = self.connections.len() == 0 && self.listeners.is_empty();
        // A client that disconnects before the auth worker has answered has tried the password all
        // the same.
        let no_client_is_left = no_client_is_left && !self.shared.logins.are_pending();
        no_client_is_left || self.drain.is_over(now)
    }

    /// Waits for an event, but not beyond the next deadline, and not at all if there is work.
    fn wait(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let now = SystemClock.now();
        let is_busy = self.connections.queued() > 0 || self.listeners.are_ready(now);
        let deadlines = [
            self.listeners.deadline(),
            self.connections.deadline(),
            self.admission.deadline(),
            self.idle_watch.next_check(),
            self.shared.logins.deadline(),
            self.shared.tls.as_ref().map(Certificates::deadline),
            self.drain.deadline(),
            self.shared.store.next_clean_up(now),
            self.idle_end.as_ref().and_then(IdleEnd::deadline),
            self.control
                .as_ref()
                .and_then(|control| control.manager.deadline()),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        poll::wait(&mut self.poll, events, is_busy, deadline, now)
    }

    fn note(&mut self, event: &Event) {
        match event.token() {
            // Each turn of the loop looks at what these announce.
            WAKER | AUTH_WORKER => {}
            STORE_WATCH => self.has_inotify_events = true,
            SIGNALS => self.handle_signals(),
            token if (FIRST_LISTENER..FIRST_PENDING_HEADER).contains(&token.0) => {
                self.listeners.note_readable(token);
            }
            token if token.0 < FIRST_KEY => self.admission.note_readable(token),
            token => {
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.note(event);
                    self.connections.want_turn(token);
                }
            }
        }
    }

    fn accept(&mut self) {
        let now = SystemClock.now();
        for connection in self.listeners.accept(now) {
            let clients = self.connections.len();
            let registry = self.poll.registry();
            let admitted = self.admission.receive(connection, clients, registry, now);
            if let Some(client) = admitted {
                self.admit(client);
            }
        }
    }

    fn admit_proxied_clients(&mut self) {
        let (registry, now) = (self.poll.registry(), SystemClock.now());
        for client in self.admission.take_proxied(registry, now) {
            self.admit(client);
        }
    }

    /// Starts the session of a client.
    fn admit(&mut self, client: AdmittedClient) {
        let id = client.connection.id;
        accept::set_socket_options(&client.connection.stream);
        let peer = client.origin.peer(id, &self.shared.logins);
        let name = peer.to_string();
        log::debug!("{name}: connected");
        let config = self.shared.config.clone();
        let session = Session::new(config, peer, SystemClock.now());
        let mut transport = Transport::tcp(client.connection.stream);
        let is_tls = client.connection.is_tls;
        if let Some(certificates) = self.shared.tls.as_ref().filter(|_| is_tls) {
            transport.begin_tls(TlsStream::new(certificates));
        }
        match self.connect(transport, session) {
            Ok(token) => {
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.unauthenticated_in = Some(client.network);
                }
            }
            Err(error) => {
                log::error!("{name}: cannot be served: {error}");
                self.admission.leave(client.network);
            }
        }
    }

    /// Hands the decisions on logins to the connections that wait for them.
    fn deliver_login_decisions(&mut self) {
        for decision in self.shared.logins.poll_decisions(SystemClock.now()) {
            let Some(connection) = self.connections.get_mut(decision.connection) else {
                continue;
            };
            if connection.handle_verdict(decision.serial, decision.verdict) {
                self.connections.want_turn(decision.connection);
            }
        }
        if let Some(fault) = self.shared.logins.take_fault() {
            self.fault = Some(fault);
        }
        if self.fault.is_some() && !self.drain.has_begun() {
            self.begin_to_drain();
        }
    }

    fn note_number_of_clients(&mut self) {
        let clients = self.connections.len() + self.admission.pending();
        let now = SystemClock.now();
        if let Some(end) = &mut self.idle_end {
            end.note(clients, now);
        }
        if let Some(control) = &mut self.control {
            control.manager.notify_clients(clients, now);
        }
    }

    fn handle_signals(&mut self) {
        let requests = self.control.as_mut().map(Control::requests);
        for request in requests.unwrap_or_default() {
            match request {
                SignalRequest::ShutDown => self.begin_to_drain(),
                SignalRequest::Reload => self.reload_options(),
                SignalRequest::Reap => {}
            }
        }
    }

    /// Reads certificates and options again. Connected clients keep what they saw when they
    /// connected; limits apply to the clients that connect from now on.
    fn reload_options(&mut self) {
        if let Some(certificates) = &mut self.shared.tls {
            certificates.reload();
        }
        let Some(options) = self.control.as_mut().and_then(Control::reload_options) else {
            return;
        };
        self.shared.change(&options);
        for token in self.connections.tokens() {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.change_wire_log(&self.shared.config.wire_log);
            }
        }
        self.admission.change(&options);
    }

    /// Logs in time which certificates are about to expire.
    fn remind_of_certificates(&mut self) {
        let now = SystemClock.now();
        let certificates = self.shared.tls.as_mut();
        if let Some(due) = certificates.filter(|certificates| certificates.deadline() <= now) {
            due.remind(now, SystemClock.wall());
        }
    }

    /// Finds the mailboxes that other programs have changed, before a session answers from its old
    /// state. Only sessions in IDLE get a turn for it: the others look at their next command.
    fn look_for_mailbox_changes(&mut self) {
        let is_busy = self.connections.queued() > 0 || self.shared.store.abandoned_work() > 0;
        if self.has_inotify_events || is_busy {
            self.has_inotify_events = false;
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
            self.check_mailbox_again(&mailbox, now);
        }
    }

    /// Wakes the sessions in IDLE on mailboxes that other sessions have changed in this turn, or
    /// have found changed.
    fn announce_mailbox_changes(&mut self) {
        for mailbox in self.shared.store.take_changed() {
            self.wake_idle_sessions(&mailbox);
        }
    }

    fn wake_idle_sessions(&mut self, mailbox: &MailboxHandle) {
        for token in self.idle_watch.sessions(mailbox) {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.note_mailbox_change();
            }
            self.connections.want_turn(token);
        }
    }

    fn check_mailbox_again(&mut self, mailbox: &MailboxHandle, now: Instant) {
        let next = self.shared.store.next_check(mailbox, now);
        self.idle_watch.check_at(mailbox, next);
    }

    /// Gives one turn to each connection that is in the queue now, as long as the time of this turn
    /// of the loop lasts.
    fn give_turns(&mut self) {
        let end = SystemClock.now() + TURN_TIME;
        for _ in 0..self.connections.queued() {
            if let Some(token) = self.connections.pop_turn() {
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
        let next = panics::catch(|| connection.turn(token, &mut self.shared));
        let next = next.unwrap_or_else(|message| {
            let log_prefix = connection.log_prefix();
            log::error!("{log_prefix}: dropped, by a fault in imap2d, please report it: {message}");
            Ok(AfterTurn::Close)
        });
        match next {
            Ok(AfterTurn::Turn) => self.connections.want_turn(token),
            Ok(AfterTurn::Wait) => self.connections.arm_timer(token),
            Ok(AfterTurn::Close) => self.disconnect(token),
            Err(error) => {
                log::debug!("{}: connection lost: {error}", connection.log_prefix());
                self.disconnect(token);
            }
        }
        self.note_idle(token);
        self.note_login(token);
    }

    /// Notes whether the client has logged in, and so no longer counts as unauthenticated.
    fn note_login(&mut self, token: Token) {
        if let Some(connection) = self.connections.get_mut(token) {
            if connection.is_logged_in() {
                if let Some(network) = connection.unauthenticated_in.take() {
                    self.admission.leave(network);
                }
            }
        }
    }

    /// Notes which mailbox the session watches, if it is in IDLE.
    fn note_idle(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let mailbox = connection.idle_mailbox().cloned();
        self.idle_watch
            .note(token, &mut connection.watched, mailbox.as_ref());
        if let Some(mailbox) = mailbox {
            self.check_mailbox_again(&mailbox, SystemClock.now());
        }
    }

    fn disconnect(&mut self, token: Token) {
        let Some(mut connection) = self.connections.remove(token) else {
            return;
        };
        let log_prefix = connection.log_prefix();
        log::debug!("{log_prefix}: disconnected");
        self.idle_watch.note(token, &mut connection.watched, None);
        if let Some(network) = connection.unauthenticated_in.take() {
            self.admission.leave(network);
        }
        if let Some(serial) = connection.login {
            self.shared.logins.forget(serial, SystemClock.now());
        }
        let registry = self.poll.registry();
        let buffer = &mut self.shared.buffer;
        if let Err(message) = panics::catch(|| connection.close(registry, buffer)) {
            log::error!("{log_prefix}: a fault in imap2d at its end, please report it: {message}");
        }
    }

    /// Stops accepting, and says good-bye to all clients. A second request ends the loop at once.
    fn begin_to_drain(&mut self) {
        let clients = self.connections.len();
        let control = self.control.as_ref();
        if !self.drain.begin(clients, control, SystemClock.now()) {
            return;
        }
        self.listeners.close();
        self.admission.close();
        for token in self.connections.tokens() {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.shut_down("The server is shutting down");
            }
            self.connections.want_turn(token);
        }
    }
}
