//! [`Logins`]: all attempts to log in, the rules of who may log in, and the way to the account.

use super::attempt::Attempt;
use super::counts_file::CountsFile;
use super::login_counts::Outcome;
use super::runtime_directory::RuntimeDirectory;
use super::throttle::{Start, Throttle};
use super::user_slots::{UserSlot, UserSlots};
use super::waiting::{WaitingAttempt, WaitingAttempts};
use crate::auth::{AccountInfo, Authenticator};
use crate::logging::UNLIMITED;
use crate::options::{MailTemplate, Mode, Options, PlaintextLogin};
use crate::server::auth_worker::{AuthReply, AuthWorker, Serial, WorkerMessage};
use crate::server::mail_root::mail_root;
use crate::server::refusal_log::RefusalLog;
use crate::server::sandbox::Sandbox;
use crate::session::{LoginRequest, LoginVerdict, Peer};
use crate::store::Account;
use crate::types::AddressRange;
use mio::{Registry, Token};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time after which an attempt that may not start is answered unchecked: less than the time in
/// which a client has to log in, and than the client's own time-out.
const PATIENCE: Duration = Duration::from_secs(30);
/// What log lines about delays are about.
const DELAYS: &str = "attempts to log in delayed or refused";
/// Shortest delay that is logged. Users who mistype once or twice are not worth a line.
const LOGGED_DELAY: Duration = Duration::from_secs(2);
/// Attempts that try to start in one turn of the loop.
const MAX_TRIES: usize = 64;

/// All attempts to log in, and what decides them.
pub(crate) struct Logins {
    auth_worker: AuthWorker,
    throttle: Throttle,
    /// Attempts that may not start yet.
    waiting: WaitingAttempts,
    /// Attempts that the auth worker is checking.
    in_check: HashMap<Serial, Attempt>,
    last_serial: u64,
    offers_scram: bool,
    /// True if a user exists who could log in by a password.
    has_users: bool,
    users: Option<PathBuf>,
    mail: MailTemplate,
    bboards: Option<PathBuf>,
    plaintext_login: PlaintextLogin,
    /// Networks whose clients speak for others.
    trusted_networks: Vec<AddressRange>,
    sandbox: Sandbox,
    /// Why other processes do not share the counts of failed logins, until it is logged.
    unshared: Option<String>,
    max_per_user: usize,
    /// The slots of all users, if each connection has a process of its own.
    user_slots: Option<UserSlots>,
    /// The slot of the one user whom this process serves.
    user_slot: Option<UserSlot>,
    /// Lines about attempts that wait or are refused.
    delays_log: RefusalLog,
}

/// The decision on an attempt to log in.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The connection that the request came from, which may be closed.
    pub(crate) connection: Token,
    /// The serial number that [`Logins::request`] has returned to it.
    pub(crate) serial: Serial,
    pub(crate) verdict: LoginVerdict,
}

impl Logins {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            auth_worker: AuthWorker::new(options),
            throttle: Throttle::new(),
            waiting: WaitingAttempts::default(),
            in_check: HashMap::new(),
            last_serial: 0,
            // This logs the faults of the users file, and keeps nothing of it.
            offers_scram: !matches!(options.mode, Mode::Preauth(_))
                && Authenticator::new(options.users.as_deref()).supports_scram(),
            has_users: options.users.is_some() || options.checkpassword.is_some(),
            users: options.users.clone(),
            mail: options.mail.clone(),
            bboards: options.bboards.clone(),
            plaintext_login: options.plaintext_login,
            trusted_networks: options.trusted_network.clone(),
            sandbox: Sandbox::of_mode(&options.mode),
            unshared: None,
            max_per_user: options.max_per_user,
            user_slots: None,
            user_slot: None,
            delays_log: RefusalLog::new(DELAYS),
        }
    }

    /// Applies the options that can change while the server runs.
    pub(crate) fn change(&mut self, options: &Options) {
        self.plaintext_login = options.plaintext_login;
        self.trusted_networks.clone_from(&options.trusted_network);
        self.max_per_user = options.max_per_user;
    }

    /// Counts failed logins together with the other processes that serve one client each, or that
    /// end when they serve none; the former count the connections of each user together, too.
    /// Called with the rights that the process has before it enters its sandbox.
    pub(crate) fn share_counts(&mut self, serves_one_client: bool) {
        let directory = RuntimeDirectory::open();
        let opened = directory.and_then(|directory| {
            self.throttle.share(CountsFile::open_in(&directory)?);
            if serves_one_client {
                self.user_slots = Some(UserSlots::open_in(&directory)?);
            }
            Ok(())
        });
        self.unshared = opened.err();
    }

    /// True if clients at this address speak for others (`--trusted-network`).
    pub(crate) fn speaks_for_others(&self, address: IpAddr) -> bool {
        let mut trusted = self.trusted_networks.iter();
        trusted.any(|range| range.contains(address))
    }

    /// Sets the sandbox in which users are served from now on.
    pub(crate) fn set_sandbox(&mut self, sandbox: Sandbox) {
        self.sandbox = sandbox;
    }

    /// Returns the auth worker.
    pub(crate) fn auth_worker(&mut self) -> &mut AuthWorker {
        &mut self.auth_worker
    }

    /// Registers the auth worker's socket: `token` is an event when [`Self::poll_decisions`] may
    /// return something.
    pub(crate) fn register(&mut self, registry: Registry, token: Token) -> io::Result<()> {
        self.auth_worker.register(registry, token)
    }

    /// Describes the client at the other end of a TCP connection to its session.
    pub(crate) fn peer(&self, id: u64, address: SocketAddr) -> Peer {
        // An IPv4 client of an IPv6 socket is shown, and judged, by its IPv4 address.
        let ip = address.ip().to_canonical();
        Peer {
            id,
            name: SocketAddr::new(ip, address.port()).to_string(),
            address: Some(ip),
            speaks_for_others: self.speaks_for_others(ip),
            offers_scram: self.offers_scram,
            may_log_in: self.may_log_in(ip.is_loopback()),
            ..Peer::default()
        }
    }

    /// True if the server can check logins by SCRAM.
    pub(crate) fn offers_scram(&self) -> bool {
        self.offers_scram
    }

    /// True if a password may come in clear text, from this host or from another.
    pub(crate) fn may_log_in(&self, is_local: bool) -> bool {
        let is_allowed = match self.plaintext_login {
            PlaintextLogin::Never => false,
            PlaintextLogin::Loopback => is_local,
            PlaintextLogin::Always => true,
        };
        is_allowed && self.has_users
    }

    /// Takes the request of a connection to log in. [`Self::poll_decisions`] returns the verdict
    /// later.
    pub(crate) fn request(
        &mut self,
        connection: Token,
        peer: &Peer,
        request: LoginRequest,
        now: Instant,
    ) -> Serial {
        self.last_serial += 1;
        let serial = Serial(self.last_serial);
        let attempt = Attempt::new(connection, peer, &request);
        self.waiting.insert(serial, attempt, request, now);
        serial
    }

    /// Notes that the connection of this request is closed. A request that still waits is dropped;
    /// one that the auth worker is checking still counts.
    pub(crate) fn forget(&mut self, serial: Serial) {
        self.waiting.remove(serial);
    }

    /// Returns the time at which to call [`Self::poll_decisions`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.waiting.deadline(),
            self.throttle.deadline(),
            self.delays_log.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Returns, once, why no user can log in to this server any more.
    pub(crate) fn take_fault(&mut self) -> Option<io::Error> {
        self.auth_worker.take_fault()
    }

    /// True while the auth worker is checking logins, or their end is not counted yet.
    pub(crate) fn are_pending(&self) -> bool {
        !self.in_check.is_empty() || self.throttle.has_uncounted()
    }

    /// Sends the requests that may start to the auth worker, and returns the decisions that its
    /// replies lead to, and those on requests that have waited too long.
    pub(crate) fn poll_decisions(&mut self, now: Instant) -> Vec<Decision> {
        let mut decisions = Vec::new();
        self.delays_log.report(now);
        self.throttle.count_ends(now);
        self.start_waiting(now, &mut decisions);
        while let Some(message) = self.auth_worker.receive() {
            match message {
                WorkerMessage::Reply(serial, reply) => {
                    if let Some(attempt) = self.in_check.remove(&serial) {
                        decisions.push(self.decide(serial, &attempt, reply, now));
                    }
                }
                WorkerMessage::Lost => {
                    for (serial, attempt) in std::mem::take(&mut self.in_check) {
                        let reply = AuthReply::Unavailable("the auth worker has ended".into());
                        decisions.push(self.decide(serial, &attempt, reply, now));
                    }
                }
                WorkerMessage::OffersScram(offers) => self.offers_scram = offers,
            }
        }
        decisions
    }

    /// Starts the attempts that may start. Those that have waited too long are refused.
    fn start_waiting(&mut self, now: Instant, decisions: &mut Vec<Decision>) {
        let due = self.waiting.take_due(now, MAX_TRIES);
        if due.is_empty() {
            return;
        }
        let origins = due
            .values()
            .filter_map(|waiting| waiting.attempt.counts_for.as_ref());
        let mut starts = self.throttle.try_start(origins, now).into_iter();
        for (serial, mut waiting) in due {
            let counts = waiting.attempt.counts_for.is_some();
            let start = if counts { starts.next() } else { None };
            let decision = match start {
                Some(Start::Later(next_try, is_delayed)) => {
                    if is_delayed {
                        self.log_delay(&mut waiting, next_try, now);
                    }
                    self.wait_again(serial, waiting, next_try, now)
                }
                Some(Start::Now(started)) => {
                    waiting.attempt.started = Some(started);
                    self.check(serial, waiting, now)
                }
                None => self.check(serial, waiting, now),
            };
            decisions.extend(decision);
        }
    }

    /// Sends a request to the auth worker. Returns a decision if that fails.
    fn check(&mut self, serial: Serial, waiting: WaitingAttempt, now: Instant) -> Option<Decision> {
        let WaitingAttempt {
            attempt, request, ..
        } = waiting;
        match self.auth_worker.send(serial, &request) {
            Ok(()) => {
                self.in_check.insert(serial, attempt);
                None
            }
            Err(error) => {
                let reply = AuthReply::Unavailable(error.to_string());
                Some(self.decide(serial, &attempt, reply, now))
            }
        }
    }

    /// Lets an attempt wait until it tries again. Returns a decision if it has waited too long.
    fn wait_again(
        &mut self,
        serial: Serial,
        waiting: WaitingAttempt,
        next_try: Instant,
        now: Instant,
    ) -> Option<Decision> {
        let end = waiting.since + PATIENCE;
        if now < end {
            self.waiting
                .insert_again(serial, waiting, next_try.min(end));
            return None;
        }
        let attempt = &waiting.attempt;
        let id = attempt.id;
        let line =
            format_args!("connection {id}: refused unchecked, after failed logins: {attempt}");
        self.warn_of_refusal(line, now);
        Some(Decision {
            connection: attempt.connection,
            serial,
            verdict: LoginVerdict::Unavailable("Too many failed logins, try again later".into()),
        })
    }

    /// Logs, once for each attempt, that failed logins delay it.
    fn log_delay(&mut self, waiting: &mut WaitingAttempt, until: Instant, now: Instant) {
        let delay = until.saturating_duration_since(now);
        if waiting.is_logged || delay < LOGGED_DELAY {
            return;
        }
        waiting.is_logged = true;
        let attempt = &waiting.attempt;
        let (id, delay) = (attempt.id, delay.as_secs_f32());
        let line = format_args!(
            "connection {id}: delayed by {delay:.1} s, after failed logins: {attempt}"
        );
        self.warn_of_refusal(line, now);
    }

    /// Logs a line about an attempt that waits or is refused, unless there are too many of these.
    fn warn_of_refusal(&mut self, line: fmt::Arguments<'_>, now: Instant) {
        match self.throttle.admit_shared_line(now) {
            None => self.delays_log.warn(now, line),
            Some(None) => {}
            Some(Some(left_out)) => {
                log::warn!("{line}");
                if left_out > 0 {
                    log::warn!("{DELAYS}: {left_out} more in the minute before");
                }
            }
        }
    }

    /// Turns the auth worker's reply into a verdict for the client and a line in the log.
    fn decide(
        &mut self,
        serial: Serial,
        attempt: &Attempt,
        reply: AuthReply,
        now: Instant,
    ) -> Decision {
        let outcome = match &reply {
            AuthReply::Granted { .. } => Outcome::Success,
            AuthReply::Denied => Outcome::Failure,
            AuthReply::Unavailable(_) | AuthReply::Challenge(_) => Outcome::NoResult,
        };
        self.note_end(attempt, outcome, now);
        let verdict = match reply {
            AuthReply::Granted {
                account,
                server_final,
            } => self.grant(attempt, account, server_final, now),
            AuthReply::Denied => {
                log::warn!(target: UNLIMITED, "login failed: {attempt}");
                if let Some(reason) = self.unshared.take() {
                    log::warn!(
                        "each process counts failed logins and connections by itself: {reason}"
                    );
                }
                LoginVerdict::Denied
            }
            AuthReply::Unavailable(reason) => unavailable(attempt, &reason),
            AuthReply::Challenge(message) => LoginVerdict::Challenge(message),
        };
        Decision {
            connection: attempt.connection,
            serial,
            verdict,
        }
    }

    fn grant(
        &mut self,
        attempt: &Attempt,
        user: AccountInfo,
        server_final: Option<String>,
        now: Instant,
    ) -> LoginVerdict {
        if !self.take_user_slot(&user.user) {
            return self.refuse_connection(attempt, now);
        }
        match self.account(&user, now) {
            Ok(account) => {
                log::info!(target: UNLIMITED, "login granted: {attempt}");
                LoginVerdict::Granted {
                    user: user.user,
                    account,
                    server_final,
                }
            }
            Err(reason) => unavailable(attempt, &reason),
        }
    }

    /// Takes a slot of the user, if this process serves one client. Returns false if there is none.
    /// A user whose slots cannot be counted is let in.
    fn take_user_slot(&mut self, user: &str) -> bool {
        // An earlier one is of a login that has failed in the end.
        self.user_slot = None;
        let Some(slots) = &self.user_slots else {
            return true;
        };
        match slots.take(user, self.max_per_user) {
            Ok(slot) => {
                self.user_slot = slot;
                self.user_slot.is_some()
            }
            Err(reason) => {
                log::error!("{reason}: the connections of user {user:?} are not counted");
                true
            }
        }
    }

    fn refuse_connection(&mut self, attempt: &Attempt, now: Instant) -> LoginVerdict {
        let (id, limit) = (attempt.id, self.max_per_user);
        let line = format_args!(
            "connection {id}: the login is refused, the user has {limit} connections \
             (max-per-user): {attempt}"
        );
        self.warn_of_refusal(line, now);
        LoginVerdict::TooManyConnections
    }

    /// Notes in the throttle that an attempt has ended, and lets others try to start that wait for
    /// it.
    fn note_end(&mut self, attempt: &Attempt, outcome: Outcome, now: Instant) {
        if let (Some(from), Some(started)) = (&attempt.counts_for, attempt.started) {
            self.throttle.end(from, started, outcome, now);
            self.waiting.wake_related_to(from, now);
        }
    }

    /// Returns the name and the account of a user whom the system has authenticated already:
    /// `user`, or the user that runs this process. The error says why there is none.
    pub(crate) fn preauthenticated(
        &mut self,
        user: Option<&str>,
    ) -> Result<(String, Account), String> {
        let mut users = Authenticator::new(self.users.as_deref());
        let user = users.preauthenticated(user)?;
        let account = self.account(&user, Instant::now())?;
        Ok((user.user, account))
    }

    /// Returns the account of a user who is authenticated, and prepares this process to serve it.
    /// The mail has not been touched before.
    fn account(&mut self, user: &AccountInfo, now: Instant) -> Result<Account, String> {
        let account = Account {
            root: mail_root(user, &self.mail)?,
            bboards: self.bboards.clone(),
        };
        self.sandbox.admit_user(user, &account)?;
        if self.sandbox.serves_one_user() {
            // A fault in this process must not let the user try passwords of other users, or change
            // what counts for them.
            self.auth_worker.hang_up();
            self.throttle.close_file(now);
            self.user_slots = None;
        }
        Ok(account)
    }
}

/// Logs why a login cannot be checked, which is the server's fault. The client gets no reason.
fn unavailable(attempt: &Attempt, reason: &str) -> LoginVerdict {
    log::error!(
        "connection {}: login is not possible: {attempt}: {reason}",
        attempt.id
    );
    LoginVerdict::Unavailable("Login is not possible at the moment".into())
}
