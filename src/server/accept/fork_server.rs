//! `--wait` as root: a process for each client.
//!
//! One loop cannot serve system users with the kernel's walls between them, for it would have to be all of
//! them at once. So root only stands at the door: it accepts, and starts this program again with `--inetd`
//! on the connection, with the options that it was started with itself. Each of those becomes the user who logs
//! in, for good. What one of them does, or suffers, is no matter to the others.
//!
//! The program is started by way of `/proc/self/exe`, so that it is the same one even if a newer version
//! has been installed meanwhile. It reads the option file afresh; so what `SIGHUP` does here is to look
//! for faults, and to change what the doorkeeper itself keeps to.

use super::listener::{ACCEPTS_A_TURN, AcceptedConnection, Listener};
use super::network::Network;
use super::proxy_protocol;
use super::socket_activation::{IDLE_TIME, IdleEnd};
use crate::logging;
use crate::options::Options;
use crate::server::control::{Control, SignalRequest};
use crate::server::error::ServerError;
use crate::server::event_loop::{DRAIN_TIME, FIRST_LISTENER, SIGNALS};
use crate::server::sandbox;
use crate::types::AddressRange;
use mio::net::TcpStream;
use mio::{Events, Poll, Token};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// This program.
const PROGRAM: &str = "/proc/self/exe";

/// Clients and signals come one by one.
const EVENTS: usize = 64;

/// Who is let in.
struct Limits {
    max_connections: usize,
    max_per_address: usize,
    /// Those come for clients from many addresses.
    proxies: Vec<AddressRange>,
}

impl Limits {
    fn of(options: &Options) -> Self {
        Self {
            max_connections: options.max_connections,
            max_per_address: options.max_per_address,
            proxies: options.proxy_protocol.clone(),
        }
    }
}

/// Stands at the door.
pub(crate) struct ForkServer {
    poll: Poll,
    listeners: Vec<Listener>,
    control: Control,
    limits: Limits,
    /// We log to the system's logger, and so do the sessions.
    syslog: bool,
    /// The processes of the sessions, with their clients.
    sessions: HashMap<Pid, SocketAddr>,
    idle_end: IdleEnd,
    /// Set when the server shuts down: the end of its patience.
    draining_until: Option<Instant>,
}

impl ForkServer {
    pub(crate) fn new(
        poll: Poll,
        mut listeners: Vec<Listener>,
        mut control: Control,
        options: &Options,
    ) -> Result<Self, ServerError> {
        let registry = poll.registry();
        let tokens = (FIRST_LISTENER..).map(Token);
        let mut registered = listeners.iter_mut().zip(tokens);
        registered
            .try_for_each(|(listener, token)| listener.register(registry, token))
            .and_then(|()| control.watch_children())
            .and_then(|()| control.register(registry, SIGNALS))
            .map_err(ServerError::system("listen to sockets and signals"))?;
        Ok(Self {
            poll,
            listeners,
            control,
            limits: Limits::of(options),
            syslog: options.syslog,
            sessions: HashMap::new(),
            idle_end: IdleEnd::new(IDLE_TIME, Instant::now()),
            draining_until: None,
        })
    }

    /// Lets clients in until it is shut down, or until nobody is there for a while.
    pub(crate) fn run(mut self) -> Result<(), ServerError> {
        self.control.manager.tell_ready();
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_over() {
            self.note_number_of_sessions();
            self.wait(&mut events)?;
            for event in &events {
                self.note(event.token());
            }
            self.accept();
        }
        self.control.manager.tell_stopping();
        Ok(())
    }

    fn is_over(&self) -> bool {
        let now = Instant::now();
        match self.draining_until {
            Some(until) => self.sessions.is_empty() || until <= now,
            None => self.idle_end.has_come(now),
        }
    }

    fn note_number_of_sessions(&mut self) {
        let (sessions, now) = (self.sessions.len(), Instant::now());
        self.idle_end.note(sessions, now);
        self.control.manager.tell_clients(sessions, now);
    }

    fn wait(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let now = Instant::now();
        let busy = self.listeners.iter().any(|one| one.is_ready(now));
        let deadline = self.listeners.iter().filter_map(Listener::deadline);
        let deadline = deadline
            .chain(self.idle_end.deadline())
            .chain(self.control.manager.deadline())
            .chain(self.draining_until);
        let patience = deadline.min().map(|at| at.saturating_duration_since(now));
        let timeout = if busy { Some(Duration::ZERO) } else { patience };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other.map_err(ServerError::system("wait for events")),
        }
    }

    fn note(&mut self, token: Token) {
        if token == SIGNALS {
            for asked in self.control.asked() {
                match asked {
                    SignalRequest::Stop => self.begin_to_drain(),
                    SignalRequest::Reread => self.reread_options(),
                    SignalRequest::Reap => self.reap(),
                }
            }
        } else if let Some(index) = token.0.checked_sub(FIRST_LISTENER) {
            if let Some(listener) = self.listeners.get_mut(index) {
                listener.note_ready();
            }
        }
    }

    fn accept(&mut self) {
        let now = Instant::now();
        for index in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_A_TURN {
                let listener = &mut self.listeners[index];
                if !listener.is_ready(now) {
                    break;
                }
                if let Some(accepted) = listener.accept(now) {
                    self.admit(accepted);
                }
            }
        }
    }

    fn admit(&mut self, accepted: AcceptedConnection) {
        let address = accepted.address;
        if let Some(reason) = self.reason_to_refuse(address.ip()) {
            log::warn!("{address}: refused, {reason}");
            return accepted.refuse();
        }
        match self.start_session(accepted.client) {
            Ok(session) => {
                log::debug!("{address}: served by process {session}");
                self.sessions.insert(session, address);
            }
            Err(error) => log::error!("{address}: cannot be served: {error}"),
        }
    }

    fn reason_to_refuse(&self, address: IpAddr) -> Option<String> {
        let limit = self.limits.max_connections;
        if self.sessions.len() >= limit {
            return Some(format!("{limit} connections are open (max-connections)"));
        }
        let limit = self.limits.max_per_address;
        let has_too_many = self.unauthenticated_from(address, limit) >= limit;
        (has_too_many && !proxy_protocol::is_trusted(&self.limits.proxies, address))
            .then(|| format!("{limit} from there have yet to log in (max-per-address)"))
    }

    /// How many of that network have yet to log in, counted as far as the limit.
    fn unauthenticated_from(&self, address: IpAddr, limit: usize) -> usize {
        let network = Network::of(address);
        let sessions = self.sessions.iter();
        let from_there = sessions.filter(|(_, from)| Network::of(from.ip()) == network);
        if from_there.clone().count() < limit {
            return 0;
        }
        from_there
            .filter(|(session, _)| !sandbox::is_somebodys(**session))
            .take(limit)
            .count()
    }

    /// Starts a process that serves the client. Its options are ours but for the mode.
    fn start_session(&self, client: TcpStream) -> io::Result<Pid> {
        let input = OwnedFd::from(client);
        let output = input.try_clone()?;
        let mut session = Command::new(PROGRAM);
        let ours = self.control.command_line().into_iter();
        session.args(ours.filter(|said| said != "--wait"));
        session.arg("--inetd");
        if self.syslog {
            session.arg("--syslog").stderr(Stdio::null());
        }
        session.env_remove("NOTIFY_SOCKET");
        let child = session.stdin(input).stdout(output).spawn()?;
        Ok(Pid::from_child(&child))
    }

    /// Forgets the sessions that have ended.
    fn reap(&mut self) {
        while let Ok(Some((process, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if let Some(address) = self.sessions.remove(&process) {
                self.report(address, process, status);
            }
        }
    }

    /// A session says itself why it fails, unless it cannot any more.
    fn report(&self, address: SocketAddr, process: Pid, status: WaitStatus) {
        let killed = status.terminating_signal();
        match killed.filter(|_| self.draining_until.is_none()) {
            Some(signal) => {
                log::error!("{address}: process {process} was ended by signal {signal}");
            }
            None => log::debug!("{address}: process {process} has ended"),
        }
    }

    fn reread_options(&mut self) {
        if let Some(options) = self.control.reread() {
            logging::set_level(options.log_level);
            self.limits = Limits::of(&options);
        }
    }

    /// Lets nobody in any more, and has all sessions say good-bye. If asked a second time it ends at once.
    fn begin_to_drain(&mut self) {
        let now = Instant::now();
        if self.draining_until.is_some() {
            self.draining_until = Some(now);
            return;
        }
        log::info!(
            "shutting down, {} clients are connected",
            self.sessions.len()
        );
        self.control.manager.tell_stopping();
        self.draining_until = Some(now + DRAIN_TIME);
        self.listeners.clear();
        for session in self.sessions.keys() {
            if let Err(error) = rustix::process::kill_process(*session, Signal::TERM) {
                log::warn!("process {session} cannot be told to end: {error}");
            }
        }
    }
}
