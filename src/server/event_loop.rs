//! The event loop: one thread, and a fair share of it for each user.
//!
//! A *turn of the loop* looks at the sockets, then gives turns to the connections that have
//! something to do, by the rounds of [`shares`](super::shares): to light ones for 2 ms, then to a
//! long one. One turn of a connection is bounded in octets, in work and in time. So a command that
//! has just arrived waits for at most one step of a long command, and for one turn of each other
//! owner with light ones. While a connection wants a turn the poll does not wait.
//!
//! Each step, a turn of a connection or anything else that the loop does, is measured
//! ([`StepWatch`]) and guarded. A panic in the turn of a connection ends that connection, with a
//! line in the log, and has the mailboxes loaded anew that the turn has worked on. A panic
//! elsewhere costs what that part of the loop had to do in this turn; where several things have
//! come together, such as events, connections and results of flushes, it costs one of them.

use super::accept::{
    self, AcceptedConnection, Admission, AdmittedClient, IdleEnd, Listener, Listeners,
};
use super::connection::{AfterTurn, Connection};
use super::connections::{Connections, Excess};
use super::control::{Control, SignalRequest};
use super::drain::Drain;
use super::error::ServerError;
use super::flusher::Flusher;
use super::idle_watch::IdleWatch;
use super::login::Decision;
use super::shared::Shared;
use super::shares::{Owner, Round};
use super::slab::FIRST_KEY;
use super::step_watch::{SLOW, StepWatch};
use super::tls::{Certificates, TlsStream};
use super::tokens::{
    AUTH_WORKER, FIRST_LISTENER, FIRST_PENDING_HEADER, SIGNALS, STORE_WATCH, WAKER,
};
use super::transport::Transport;
use super::{clean_up, panics, poll};
use crate::budget::{Budget, Clock, STEP_TIME, SystemClock};
use crate::logging::LogLimit;
use crate::options::Options;
use crate::session::{LoginVerdict, Session};
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

/// Time for which long connections get turns in one turn of the loop: one whole step, or a few of
/// those that only copy octets, beside which a poll would be expensive.
const LONG_TIME: Duration = Duration::from_micros(250);

/// How long the poll waits at most if it is not known when something is to be done, because looking
/// for that has failed.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);

/// Log lines about faults of the loop itself in a minute, and about sessions that have had too much
/// memory: both may come in each turn.
const FAULTS_PER_MINUTE: u32 = 10;

/// The state of the server's thread.
pub(super) struct EventLoop {
    poll: Poll,
    listeners: Listeners,
    admission: Admission,
    connections: Connections,
    idle_watch: IdleWatch,
    /// True if the store's inotify descriptor has become readable since it was read to its end.
    has_inotify_events: bool,
    shared: Shared,
    control: Option<Control>,
    /// Set by another thread that wants the server to shut down.
    stop: Arc<AtomicBool>,
    drain: Drain,
    steps: StepWatch,
    fault_log: LogLimit,
    /// For the lines about sessions that have had too much memory.
    memory_log: LogLimit,
    /// Why the server ends, if not by a request.
    fault: Option<io::Error>,
    /// Ends the loop when no client has been connected for a while, if it is to end then.
    idle_end: Option<IdleEnd>,
    /// Flushes to disk; `None` if the jobs flush in place.
    flusher: Option<Flusher>,
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
            steps: StepWatch::new(SystemClock.now()),
            fault_log: LogLimit::new(FAULTS_PER_MINUTE),
            memory_log: LogLimit::new(FAULTS_PER_MINUTE),
            fault: None,
            idle_end: None,
            flusher: None,
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

    /// Leaves all flushes to a flusher, so that the loop does not wait for the disk.
    pub(super) fn use_flusher(&mut self, flusher: Flusher) {
        self.shared.store.use_flusher();
        self.flusher = Some(flusher);
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

    /// Adds the client on the descriptors that this process was started with.
    pub(super) fn connect_stdio(
        &mut self,
        transport: Transport,
        session: Session,
    ) -> io::Result<Token> {
        self.connect(transport, session, Owner::Stdio)
    }

    fn connect(
        &mut self,
        transport: Transport,
        session: Session,
        owner: Owner,
    ) -> io::Result<Token> {
        let owner = session
            .user()
            .map_or(owner, |user| Owner::User(user.into()));
        let connection = Connection::new(transport, session);
        let registry = self.poll.registry();
        self.connections.insert(connection, owner, registry)
    }

    /// Turns until the server is shut down, or the last client of a server without listeners has
    /// disconnected.
    pub(super) fn run(mut self) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_over() {
            self.do_part("counting clients", Self::note_number_of_clients);
            self.wait(&mut events)?;
            self.do_part("taking events", |event_loop| {
                event_loop.take_events(&events);
                if event_loop.stop.swap(false, Ordering::Relaxed) {
                    event_loop.begin_to_drain();
                }
            });
            self.do_part("accepting connections", Self::accept);
            self.do_part("reading PROXY headers", Self::admit_proxied_clients);
            self.do_part("firing timers", |event_loop| {
                event_loop.connections.fire_timers(SystemClock.now());
            });
            self.do_part("deciding logins", Self::deliver_login_decisions);
            self.do_part("taking results of flushes", Self::deliver_flush_results);
            self.do_part("checking certificates", Self::remind_of_certificates);
            self.do_part("looking for changes", Self::look_for_mailbox_changes);
            self.guard("giving turns", Self::give_turns);
            self.do_part("cleaning up", |event_loop| {
                clean_up::take_turn(&mut event_loop.shared.store);
            });
            self.do_part("starting flushes", |event_loop| event_loop.start_flushes());
        }
        (self.connections, self.idle_watch) = (Connections::new(), IdleWatch::new());
        clean_up::finish(&mut self.shared.store, self.flusher.as_ref());
        if let Some(control) = &self.control {
            control.manager.notify_stopping();
        }
        let doing = "start the auth worker again, without which no user can log in";
        self.fault
            .map_or(Ok(()), |error| Err(ServerError::system(doing)(error)))
    }

    /// Does one part of a turn of the loop, other than the turns of connections, and measures it.
    fn do_part(&mut self, what: &'static str, part: impl FnOnce(&mut Self)) {
        self.guard(what, |event_loop| {
            part(event_loop);
            event_loop.take_news_of_store();
        });
        let describe = || format!("the event loop, {what}");
        self.steps.end(SystemClock.now(), describe);
    }

    /// Does one after the other of what has come together. A panic costs one of them.
    fn do_each<T>(
        &mut self,
        what: &'static str,
        all: impl IntoIterator<Item = T>,
        one: impl Fn(&mut Self, T),
    ) {
        for item in all {
            self.guard(what, |event_loop| one(event_loop, item));
        }
    }

    /// Does one part of a turn of the loop, and survives a panic in it: then it returns false.
    fn guard(&mut self, what: &'static str, part: impl FnOnce(&mut Self)) -> bool {
        let done = panics::catch(|| {
            #[cfg(feature = "test-backdoor")]
            super::test_backdoor::fail_if_wanted(what);
            part(self);
        });
        let Err(message) = done else {
            return true;
        };
        self.log_fault(&format!("a fault in imap2d while {what}"), &message);
        self.shared.store.invalidate_touched();
        false
    }

    fn log_fault(&mut self, what: &str, message: &str) {
        if self.fault_log.admit(SystemClock.now()) {
            log::error!("{what}; please report it: {message}");
        }
    }

    fn is_over(&mut self) -> bool {
        let mut is_over = false;
        self.guard("looking for the end", |event_loop| {
            is_over = event_loop.has_ended();
        });
        is_over
    }

    fn has_ended(&self) -> bool {
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
        let (mut is_busy, mut deadline) = (false, Some(now + PAUSE_AFTER_FAULT));
        self.do_part("looking for the next deadline", |event_loop| {
            is_busy = event_loop.is_busy(now);
            deadline = event_loop.deadline(now);
        });
        let waited = poll::wait(&mut self.poll, events, is_busy, deadline, now);
        self.steps.begin(SystemClock.now());
        waited
    }

    /// True if there is something to do at once.
    fn is_busy(&self, now: Instant) -> bool {
        self.connections.are_busy()
            || self.listeners.are_ready(now)
            || self.shared.store.has_unread_reports()
    }

    /// Returns when there is something to do even if no event comes.
    fn deadline(&self, now: Instant) -> Option<Instant> {
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
        deadlines.into_iter().flatten().min()
    }

    /// Takes the events of the poll. The poll tells of each only once: after a panic, everything
    /// counts as ready, and the next calls find out what is.
    fn take_events(&mut self, events: &Events) {
        let mut is_known = true;
        for event in events {
            is_known &= self.guard("taking an event", |event_loop| event_loop.note(event));
        }
        if is_known {
            return;
        }
        self.has_inotify_events = true;
        self.listeners.note_all_readable();
        for token in self.connections.tokens() {
            if let Some(connection) = self.connections.get_mut(token) {
                connection.note_ready();
            }
            self.connections.want_turn(token);
        }
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
        let accepted = self.listeners.accept(SystemClock.now());
        self.do_each("accepting a connection", accepted, Self::receive);
    }

    /// Admits a connection, unless it has to wait for its PROXY header or is refused.
    fn receive(&mut self, connection: AcceptedConnection) {
        let now = SystemClock.now();
        let clients = self.connections.len();
        if self.admission.needs_room(&connection, clients) {
            self.make_room();
        }
        let clients = self.connections.len();
        let registry = self.poll.registry();
        let admitted = self.admission.receive(connection, clients, registry, now);
        if let Some(client) = admitted {
            self.admit(client);
        }
    }

    fn admit_proxied_clients(&mut self) {
        let (registry, now) = (self.poll.registry(), SystemClock.now());
        self.admission.report_left_out(now);
        let proxied = self.admission.take_proxied(registry, now);
        self.do_each("admitting a client", proxied, Self::admit);
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
        match self.connect(transport, session, Owner::Network(client.network)) {
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

    /// Closes the connection that has been without a login for the longest time: all connections
    /// are taken, and a new client has come.
    fn make_room(&mut self) {
        let oldest = self.connections.oldest_before_login();
        let found = oldest.and_then(|token| Some((token, self.connections.get_mut(token)?)));
        let Some((token, connection)) = found else {
            return;
        };
        let name = connection.log_prefix();
        connection.shut_down("Too many connections, log in sooner");
        // It sends the BYE, if the socket has room for it.
        self.give_turn(token);
        self.disconnect(token);
        self.admission.warn_of_closed(
            SystemClock.now(),
            format_args!(
                "{name}: closed before login, because a client has come and all connections are \
                 taken (max-connections)"
            ),
        );
    }

    /// Hands the decisions on logins to the connections that wait for them.
    fn deliver_login_decisions(&mut self) {
        let decisions = self.shared.logins.poll_decisions(SystemClock.now());
        self.do_each("deciding a login", decisions, Self::deliver_login_decision);
        if let Some(fault) = self.shared.logins.take_fault() {
            self.fault = Some(fault);
        }
        if self.fault.is_some() && !self.drain.has_begun() {
            self.begin_to_drain();
        }
    }

    fn deliver_login_decision(&mut self, decision: Decision) {
        let token = decision.connection;
        let is_awaited = |connection: &mut Connection| connection.awaits(decision.serial);
        if !self.connections.get_mut(token).is_some_and(is_awaited) {
            return;
        }
        let verdict = self.within_limit_of_user(token, decision.verdict);
        if let Some(connection) = self.connections.get_mut(token) {
            connection.handle_verdict(verdict);
        }
        self.connections.want_turn(token);
    }

    /// Makes the user whose login is granted the owner of the connection. If the user has too many
    /// connections, that becomes the verdict.
    fn within_limit_of_user(&mut self, token: Token, verdict: LoginVerdict) -> LoginVerdict {
        let LoginVerdict::Granted { user, .. } = &verdict else {
            return verdict;
        };
        let limit = self.admission.max_per_user();
        if self.connections.give_to_user(token, user, limit) {
            return verdict;
        }
        if self.connections.may_log(user, SystemClock.now()) {
            let connection = self.connections.get_mut(token);
            let name = connection.map_or_else(String::new, |connection| connection.log_prefix());
            log::warn!(
                "{name}: the login is refused, user {user:?} has {limit} connections (max-per-user)"
            );
        }
        LoginVerdict::TooManyConnections
    }

    /// Hands the results of flushes to the jobs, and gives a turn to the connections that wait for
    /// them.
    fn deliver_flush_results(&mut self) {
        let results = self.flusher.as_ref().map(Flusher::take_results);
        let results = results.unwrap_or_default();
        self.do_each(
            "taking a result",
            results,
            |event_loop, (number, result)| {
                for waiting in event_loop.shared.store.complete_flush(number, result) {
                    event_loop.connections.want_turn(Token(waiting));
                }
            },
        );
    }

    /// Passes on what the jobs of this turn of the loop have to be flushed.
    fn start_flushes(&self) {
        if let Some(flusher) = &self.flusher {
            flusher.start(self.shared.store.take_flush_requests());
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
        let requests = requests.unwrap_or_default();
        self.do_each("handling a signal", requests, Self::handle_signal);
    }

    fn handle_signal(&mut self, request: SignalRequest) {
        match request {
            SignalRequest::ShutDown => self.begin_to_drain(),
            SignalRequest::Reload => self.reload_options(),
            SignalRequest::LogStatus => self.log_status(),
            SignalRequest::Reap => {}
        }
    }

    /// Logs how the server is, in one line.
    fn log_status(&self) {
        log::info!(
            "status: connections: {}, users: {}, steps over {} ms: {}, longest step: {} ms, memory \
             of sessions: {} KiB, of mailboxes: {} KiB",
            self.connections.len() + self.admission.pending(),
            self.connections.users(),
            SLOW.as_millis(),
            self.steps.slow(),
            self.steps.longest().as_millis(),
            self.connections.memory() >> 10,
            self.shared.store.memory() >> 10,
        );
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
        self.shared.store.limit_open_mailboxes(options.max_memory);
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
        let is_busy = self.connections.are_busy() || self.shared.store.abandoned_work() > 0;
        if self.has_inotify_events || is_busy {
            let changed = self.shared.store.poll_inotify();
            self.has_inotify_events = self.shared.store.has_unread_reports();
            self.do_each("passing a change on", &changed, Self::wake_idle_sessions);
        }
        let now = SystemClock.now();
        while let Some(mailbox) = self.idle_watch.pop_due(now) {
            let mut budget = Budget::step(&SystemClock);
            if self.shared.store.may_have_changed(&mailbox, &mut budget) {
                self.wake_idle_sessions(&mailbox);
            }
            self.check_mailbox_again(&mailbox, now);
            if SystemClock.now() >= now + STEP_TIME {
                // The others are still due: the poll does not wait.
                break;
            }
        }
    }

    /// Wakes the sessions in IDLE on mailboxes that a session has changed in its turn, or has found
    /// changed, and makes owners pay for what their sessions have left to do.
    fn take_news_of_store(&mut self) {
        for mailbox in self.shared.store.take_changed() {
            self.wake_idle_sessions(&mailbox);
        }
        self.connections
            .charge(self.shared.store.take_memory_charges());
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

    /// Gives turns to light connections, then to long ones. Those that are left over stay in the
    /// queues.
    fn give_turns(&mut self) {
        for (round, time) in [(Round::Light, STEP_TIME), (Round::Long, LONG_TIME)] {
            let end = SystemClock.now() + time;
            for _ in 0..self.connections.queued(round) {
                if let Some(token) = self.connections.pop_turn(round) {
                    self.give_turn(token);
                }
                if SystemClock.now() >= end {
                    break;
                }
            }
        }
    }

    fn give_turn(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let next = panics::catch(|| connection.turn(token, &mut self.shared));
        let took = self.steps.end(SystemClock.now(), || connection.work());
        let next = next.unwrap_or_else(|message| {
            let log_prefix = connection.log_prefix();
            log::error!(
                "{log_prefix}: closed after a fault in imap2d; please report it: {message}"
            );
            self.shared.store.invalidate_touched();
            Ok(AfterTurn::Close)
        });
        connection.note_time(took, &next);
        self.take_news_of_store();
        self.connections.note_memory(token);
        self.end_turn(token, next);
        self.limit_memory(token);
        self.steps.end(SystemClock.now(), || {
            let connection = self.connections.get_mut(token);
            let work = connection.map_or_else(String::new, |connection| connection.work());
            format!("the event loop, after a turn of {work}")
        });
    }

    /// Ends commands and sessions that have too much memory, after the turn of a connection.
    fn limit_memory(&mut self, changed: Token) {
        let limit = self.admission.max_memory();
        while let Some(excess) = self.connections.too_large(changed, limit) {
            if !self.end_for_memory(excess) {
                return;
            }
        }
    }

    /// Ends a command or a session for its memory. Returns false if that has freed none.
    fn end_for_memory(&mut self, excess: Excess) -> bool {
        let (Excess::Command(token) | Excess::Session(token)) = excess;
        let Some(connection) = self.connections.get_mut(token) else {
            return false;
        };
        self.shared.store.set_session(token.0, connection.share.0);
        let (work, before) = (connection.work(), connection.counted_memory);
        let (what, must_close) = match excess {
            Excess::Command(_) => {
                connection.end_command(SystemClock.now());
                ("the command", false)
            }
            Excess::Session(_) => ("the session", connection.end_for_memory()),
        };
        self.take_news_of_store();
        if must_close {
            self.disconnect(token);
        } else {
            self.connections.note_memory(token);
            self.connections.want_turn(token);
        }
        if self.memory_log.admit(SystemClock.now()) {
            let kib = before >> 10;
            log::warn!(
                "{work}: {what} is ended, the session has {kib} KiB, too much for its user \
                 (max-memory)"
            );
        }
        let after = self.connections.get_mut(token);
        after.is_none_or(|connection| connection.counted_memory < before)
    }

    /// Draws the consequences of a turn.
    fn end_turn(&mut self, token: Token, next: io::Result<AfterTurn>) {
        match next {
            Ok(AfterTurn::Turn) => self.connections.want_turn(token),
            Ok(AfterTurn::Wait) => self.connections.arm_timer(token),
            Ok(AfterTurn::Close) => self.disconnect(token),
            Err(error) => {
                if let Some(connection) = self.connections.get_mut(token) {
                    log::debug!("{}: connection lost: {error}", connection.log_prefix());
                }
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
                    let id = connection.id();
                    self.connections.note_login(id);
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
            self.shared.logins.forget(serial);
        }
        let registry = self.poll.registry();
        let work = connection.work();
        let share = connection.share;
        self.shared.store.set_session(token.0, share.0);
        let buffer = &mut self.shared.buffer;
        if let Err(message) = panics::catch(|| connection.close(registry, buffer)) {
            self.log_fault(
                &format!("{log_prefix}: a fault in imap2d at its end"),
                &message,
            );
        }
        // The mailbox that it had open may be one too many to keep.
        self.shared.store.evict();
        self.take_news_of_store();
        self.connections.leave(share);
        let describe = || format!("{work}, closed");
        self.steps.end(SystemClock.now(), describe);
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
