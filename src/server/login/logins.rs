//! [`Logins`]: all attempts to log in, the rules of who may log in, and the way to the account.

use super::attempt::Attempt;
use super::throttle::Throttle;
use crate::auth::{AccountInfo, Authenticator};
use crate::options::{MailTemplate, Mode, Options, PlaintextLogin};
use crate::server::auth_worker::{AuthReply, AuthWorker, Serial, WorkerMessage};
use crate::server::mail_root::mail_root;
use crate::server::sandbox::Sandbox;
use crate::session::{LoginRequest, LoginVerdict, Peer};
use crate::store::Account;
use mio::{Registry, Token};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

/// All attempts to log in, and what decides them.
pub(crate) struct Logins {
    auth_worker: AuthWorker,
    throttle: Throttle,
    /// Attempts that are delayed, by the time at which their delay ends.
    delayed: BTreeMap<(Instant, Serial), (Attempt, LoginRequest)>,
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
    sandbox: Sandbox,
}

/// The decision on an attempt to log in.
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
            throttle: Throttle::default(),
            delayed: BTreeMap::new(),
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
            sandbox: Sandbox::of_mode(&options.mode),
        }
    }

    /// Applies the options that can change while the server runs.
    pub(crate) fn change(&mut self, options: &Options) {
        self.plaintext_login = options.plaintext_login;
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
            offers_scram: self.offers_scram,
            may_log_in: self.may_log_in(ip.is_loopback()),
            tls: None,
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
        let delay = attempt
            .counts_in
            .map(|network| self.throttle.begin(network, now));
        let due = now + delay.unwrap_or_default();
        self.delayed.insert((due, serial), (attempt, request));
        serial
    }

    /// Notes that the connection of this request is closed. A request that is still delayed is
    /// dropped; one that the auth worker is checking still counts.
    pub(crate) fn forget(&mut self, serial: Serial, now: Instant) {
        let mut delayed = self.delayed.keys();
        let found = delayed.find(|(_, other)| *other == serial).copied();
        if let Some((attempt, _)) = found.and_then(|key| self.delayed.remove(&key)) {
            self.note_end(&attempt, None, now);
        }
    }

    /// Returns the time at which the next delay ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|(&(due, _), _)| due)
    }

    /// Returns, once, why no user can log in to this server any more.
    pub(crate) fn take_fault(&mut self) -> Option<io::Error> {
        self.auth_worker.take_fault()
    }

    /// True while the auth worker is checking logins.
    pub(crate) fn are_pending(&self) -> bool {
        !self.in_check.is_empty()
    }

    /// Sends the requests whose delay has ended to the auth worker, and returns the decisions that
    /// its replies lead to.
    pub(crate) fn poll_decisions(&mut self, now: Instant) -> Vec<Decision> {
        let mut decisions = Vec::new();
        while self.deadline().is_some_and(|due| due <= now) {
            if let Some(((_, serial), (attempt, request))) = self.delayed.pop_first() {
                match self.auth_worker.send(serial, &request) {
                    Ok(()) => drop(self.in_check.insert(serial, attempt)),
                    Err(error) => {
                        let reply = AuthReply::Unavailable(error.to_string());
                        decisions.push(self.decide(serial, &attempt, reply, now));
                    }
                }
            }
        }
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

    /// Turns the auth worker's reply into a verdict for the client and a line in the log.
    fn decide(
        &mut self,
        serial: Serial,
        attempt: &Attempt,
        reply: AuthReply,
        now: Instant,
    ) -> Decision {
        let success = match &reply {
            AuthReply::Granted { .. } => Some(true),
            AuthReply::Denied => Some(false),
            AuthReply::Unavailable(_) | AuthReply::Challenge(_) => None,
        };
        self.note_end(attempt, success, now);
        let verdict = match reply {
            AuthReply::Granted {
                account,
                server_final,
            } => self.grant(attempt, account, server_final),
            AuthReply::Denied => {
                log::warn!("login failed: {attempt}");
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
    ) -> LoginVerdict {
        match self.account(&user) {
            Ok(account) => {
                log::info!("login granted: {attempt}");
                LoginVerdict::Granted {
                    user: user.user,
                    account,
                    server_final,
                }
            }
            Err(reason) => unavailable(attempt, &reason),
        }
    }

    /// Notes in the throttle that an attempt has ended: in success, failure, or neither.
    fn note_end(&mut self, attempt: &Attempt, success: Option<bool>, now: Instant) {
        if let Some(network) = attempt.counts_in {
            self.throttle.end(network, success, now);
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
        let account = self.account(&user)?;
        Ok((user.user, account))
    }

    /// Returns the account of a user who is authenticated, and prepares this process to serve it.
    /// The mail has not been touched before.
    fn account(&mut self, user: &AccountInfo) -> Result<Account, String> {
        let account = Account {
            root: mail_root(user, &self.mail)?,
            bboards: self.bboards.clone(),
        };
        self.sandbox.admit_user(user, &account)?;
        if self.sandbox.serves_one_user() {
            // A fault in this process must not let the user try passwords of other users.
            self.auth_worker.hang_up();
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
