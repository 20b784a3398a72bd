//! `--wait` as root: one process for each client.
//!
//! One event loop cannot serve system users and keep them apart by the kernel's rights, because it
//! would have to be all of them at once. So the process that is root only accepts connections, and
//! starts this program again with `--inetd` on each, with the options that it was started with
//! itself. Each of these processes becomes the user who logs in, for good. A fault in one of them
//! does not affect the others.
//!
//! Each new process reads the option file afresh. So on `SIGHUP` the fork server only looks for
//! faults in the options, and changes the limits that it applies itself.

use super::idle_end::{IDLE_TIME, IdleEnd};
use super::listener::{ACCEPTS_PER_TURN, AcceptedConnection, Listener};
use super::listeners::Listeners;
use super::network::Network;
use super::proxy_protocol::is_trusted;
use crate::options::Options;
use crate::server::control::{Control, SignalRequest};
use crate::server::drain::Drain;
use crate::server::error::ServerError;
use crate::server::refusal_log::RefusalLog;
use crate::server::tokens::{FIRST_LISTENER, SIGNALS};
use crate::server::{helper_process, poll, sandbox};
use crate::types::AddressRange;
use mio::net::TcpStream;
use mio::{Events, Poll, Token};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Instant;

/// Events taken from the poll at once. Connections and signals come one by one.
const EVENTS: usize = 64;

/// The limits of connections.
struct Limits {
    max_connections: usize,
    max_per_address: usize,
    /// Proxies and other clients that connect for clients from many addresses.
    proxies: Vec<AddressRange>,
}

impl Limits {
    fn of(options: &Options) -> Self {
        Self {
            max_connections: options.max_connections,
            max_per_address: options.max_per_address,
            proxies: [&*options.proxy_protocol, &*options.trusted_network].concat(),
        }
    }
}

/// The most processes that have been told to end, to make room, and have not ended: some
/// milliseconds of new clients.
const MOST_LEAVING: usize = 16;

/// A process that serves a client.
struct ForkedSession {
    address: SocketAddr,
    /// Its place in the order in which the connections came.
    number: u64,
    /// Whether it makes room for another client: it does not count any more.
    is_leaving: bool,
}

/// Accepts connections, and starts a process for each.
pub(crate) struct ForkServer {
    poll: Poll,
    listeners: Listeners,
    control: Control,
    limits: Limits,
    /// True if this process, and so each session, logs to the system's logger.
    syslog: bool,
    /// The processes of the sessions.
    sessions: HashMap<Pid, ForkedSession>,
    /// Number of the last connection that was accepted.
    last_number: u64,
    idle_end: IdleEnd,
    drain: Drain,
    /// Lines about the limits.
    refusals_log: RefusalLog,
}

impl ForkServer {
    pub(crate) fn new(
        poll: Poll,
        listeners: Vec<Listener>,
        mut control: Control,
        options: &Options,
    ) -> Result<Self, ServerError> {
        let registry = poll.registry();
        let listeners = Listeners::register(listeners, registry)?;
        control
            .watch_children()
            .and_then(|()| control.register(registry, SIGNALS))
            .map_err(ServerError::system("listen to signals"))?;
        Ok(Self {
            poll,
            listeners,
            control,
            limits: Limits::of(options),
            syslog: options.syslog,
            sessions: HashMap::new(),
            last_number: 0,
            idle_end: IdleEnd::new(IDLE_TIME, Instant::now()),
            drain: Drain::default(),
            refusals_log: RefusalLog::new("connections refused or closed"),
        })
    }

    /// Accepts connections until the server is shut down, or until no client is connected for a
    /// while.
    pub(crate) fn run(mut self) -> Result<(), ServerError> {
        self.control.manager.notify_ready();
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_over() {
            self.note_number_of_sessions();
            self.wait(&mut events)?;
            for event in &events {
                self.note(event.token());
            }
            self.accept();
            self.refusals_log.report(Instant::now());
        }
        self.control.manager.notify_stopping();
        Ok(())
    }

    fn is_over(&self) -> bool {
        let now = Instant::now();
        if self.drain.has_begun() {
            self.sessions.is_empty() || self.drain.is_over(now)
        } else {
            self.idle_end.has_come(now)
        }
    }

    fn note_number_of_sessions(&mut self) {
        let (sessions, now) = (self.sessions.len(), Instant::now());
        self.idle_end.note(sessions, now);
        self.control.manager.notify_clients(sessions, now);
    }

    fn wait(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let now = Instant::now();
        let deadlines = [
            self.listeners.deadline(),
            self.idle_end.deadline(),
            self.control.manager.deadline(),
            self.drain.deadline(),
            self.refusals_log.deadline(),
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let is_busy = self.listeners.are_ready(now);
        poll::wait(&mut self.poll, events, is_busy, deadline, now)
    }

    fn note(&mut self, token: Token) {
        if token == SIGNALS {
            for request in self.control.requests() {
                match request {
                    SignalRequest::ShutDown => self.begin_to_drain(),
                    SignalRequest::Reload => self.reload_options(),
                    SignalRequest::LogStatus => {
                        log::info!("status: connections: {}", self.sessions.len());
                    }
                    SignalRequest::Reap => self.reap(),
                }
            }
        } else if token.0 >= FIRST_LISTENER {
            self.listeners.note_readable(token);
        }
    }

    fn accept(&mut self) {
        let accepted = self
            .listeners
            .accept_up_to(Instant::now(), |_| ACCEPTS_PER_TURN);
        for connection in accepted {
            self.admit(connection);
        }
    }

    fn admit(&mut self, connection: AcceptedConnection) {
        let address = connection.address;
        if let Some(reason) = self.reason_to_refuse(address.ip()) {
            let line = format_args!("{address}: refused, {reason}");
            self.refusals_log.warn(Instant::now(), line);
            return connection.refuse();
        }
        match self.start_session(connection.stream) {
            Ok(session) => {
                log::debug!("connection {session} from {address}: served by process {session}");
                self.last_number += 1;
                let forked = ForkedSession {
                    address,
                    number: self.last_number,
                    is_leaving: false,
                };
                self.sessions.insert(session, forked);
            }
            Err(error) => log::error!("{address}: cannot be served: {error}"),
        }
    }

    /// Returns why a client at this address is refused. If all connections are taken, makes room.
    fn reason_to_refuse(&mut self, address: IpAddr) -> Option<String> {
        let is_limited = !is_trusted(&self.limits.proxies, address);
        let mut networks = Network::of(address).and_site().filter(|_| is_limited);
        if let Some(limit) = networks.find_map(|network| self.reached(network)) {
            return Some(format!(
                "{limit} connections from this address or site have not logged in (max-per-address)"
            ));
        }
        let limit = self.limits.max_connections;
        let leaving = self.leaving();
        let is_full = self.sessions.len() - leaving >= limit;
        (is_full && (leaving >= MOST_LEAVING || !self.make_room()))
            .then(|| format!("{limit} connections are open (max-connections)"))
    }

    fn leaving(&self) -> usize {
        let sessions = self.sessions.values();
        sessions.filter(|session| session.is_leaving).count()
    }

    /// Ends the session whose client has been without a login for the longest time. Returns false
    /// if all have logged in.
    fn make_room(&mut self) -> bool {
        let sessions = self.sessions.iter_mut();
        let before_login = sessions.filter(|(process, session)| {
            !session.is_leaving && !sandbox::has_become_a_user(**process)
        });
        let Some((process, session)) = before_login.min_by_key(|(_, session)| session.number)
        else {
            return false;
        };
        session.is_leaving = true;
        end_session(*process, session.address);
        let line = format_args!(
            "connection {process} from {}: closed before login, because a client has come and all \
             connections are taken (max-connections)",
            session.address
        );
        self.refusals_log.warn(Instant::now(), line);
        true
    }

    /// Returns the limit of that network or site, if so many of its clients have not logged in.
    fn reached(&self, network: Network) -> Option<usize> {
        let limit = network.limit(self.limits.max_per_address);
        (self.unauthenticated_from(network, limit) >= limit).then_some(limit)
    }

    /// Returns how many clients of that network have not logged in, counted as far as the limit.
    fn unauthenticated_from(&self, network: Network, limit: usize) -> usize {
        let sessions = self.sessions.iter();
        let from_there = sessions.filter(|(_, session)| {
            let mut networks = Network::of(session.address.ip()).and_site();
            !session.is_leaving && networks.any(|other| other == network)
        });
        if from_there.clone().count() < limit {
            return 0;
        }
        from_there
            .filter(|(session, _)| !sandbox::has_become_a_user(**session))
            .take(limit)
            .count()
    }

    /// Starts a process that serves the client. Its options are ours except for the mode.
    fn start_session(&self, client: TcpStream) -> io::Result<Pid> {
        let input = OwnedFd::from(client);
        let output = input.try_clone()?;
        let mut session = helper_process::this_program();
        let ours = self.control.command_line().into_iter();
        session.args(ours.filter(|option| option != "--wait"));
        session.arg("--inetd");
        if self.syslog {
            session.arg("--syslog").stderr(Stdio::null());
        }
        let child = session.stdin(input).stdout(output).spawn()?;
        Ok(Pid::from_child(&child))
    }

    /// Forgets the sessions whose processes have ended.
    fn reap(&mut self) {
        while let Ok(Some((process, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if let Some(session) = self.sessions.remove(&process) {
                self.log_end(&session, process, status);
            }
        }
    }

    /// Logs the end of a session's process. A session logs its failures itself, unless it was
    /// killed.
    fn log_end(&self, session: &ForkedSession, process: Pid, status: WaitStatus) {
        let address = session.address;
        let is_expected = session.is_leaving || self.drain.has_begun();
        let killed = status.terminating_signal();
        match killed.filter(|_| !is_expected) {
            Some(signal) => {
                log::error!(
                    "connection {process} from {address}: its process was ended by signal {signal}"
                );
            }
            None => log::debug!("connection {process} from {address}: its process has ended"),
        }
    }

    fn reload_options(&mut self) {
        if let Some(options) = self.control.reload_options() {
            self.limits = Limits::of(&options);
        }
    }

    /// Stops accepting, and has all sessions say good-bye. A second request ends the server at
    /// once.
    fn begin_to_drain(&mut self) {
        let clients = self.sessions.len();
        if !self
            .drain
            .begin(clients, Some(&self.control), Instant::now())
        {
            return;
        }
        self.listeners.close();
        for (process, session) in &self.sessions {
            end_session(*process, session.address);
        }
    }
}

/// Has a session say good-bye and end.
fn end_session(process: Pid, address: SocketAddr) {
    if let Err(error) = rustix::process::kill_process(process, Signal::TERM) {
        log::warn!("connection {process} from {address}: its process cannot be ended: {error}");
    }
}
