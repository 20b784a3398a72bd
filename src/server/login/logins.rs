//! Who is let in: asks the [verifier](crate::server::auth_worker), and finds the mail of those it knows.
//!
//! An attempt to log in goes through three stations. It *waits* for as long as the failures of its address
//! demand (`delays.rs`); it is *asked* of the verifier; its verdict is handed to the connection it came
//! from, if that is still there. The first two take their time without holding up anything else. Each
//! attempt has a serial, so that no verdict goes to anyone but who asked for it, however late it comes;
//! and each leaves one line in the log, also if the client does not stay to hear the verdict:
//!
//! ```text
//! login granted: address=192.0.2.1 method=PLAIN user="ann"
//! login failed: address=192.0.2.1 method=LOGIN user="ann\" address=192.0.2.2"
//! ```
//!
//! Programs read these lines. What the client has chosen, the name, comes last and is quoted, with `\`
//! before what could end it. Where there is no address, `-` stands for it.

use super::attempt::Attempt;
use super::throttle::Throttle;
use crate::auth::{AccountInfo, Authenticator};
use crate::options::{MailTemplate, Mode, Options, PlaintextLogin};
use crate::protocol::Mechanism;
use crate::server::accept::Network;
use crate::server::auth_worker::{Answer, AuthWorker, News, Question, Serial};
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

/// The rules of who may come in, and where each one's mail is.
pub(crate) struct Logins {
    auth_worker: AuthWorker,
    throttle: Throttle,
    /// Attempts whose time has not come, in the order of their times.
    held_back: BTreeMap<(Instant, Serial), (Attempt, Question)>,
    /// Attempts that the verifier works on.
    asked: HashMap<Serial, Attempt>,
    last_serial: u64,
    offers_scram: bool,
    /// There is somebody who could log in by a password.
    has_users: bool,
    users: Option<PathBuf>,
    mail: MailTemplate,
    bboards: Option<PathBuf>,
    plaintext_login: PlaintextLogin,
    sandbox: Sandbox,
}

/// A verdict, and who is to hear it.
pub(crate) struct LoginReply {
    /// The connection, which may be gone.
    pub(crate) to: Token,
    /// What [`Logins::ask`] has answered it.
    pub(crate) serial: Serial,
    pub(crate) verdict: LoginVerdict,
}

impl Logins {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            auth_worker: AuthWorker::new(options),
            throttle: Throttle::default(),
            held_back: BTreeMap::new(),
            asked: HashMap::new(),
            last_serial: 0,
            // What is wrong with the list is logged by this, and nothing of it is kept.
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

    /// What can change of the options while the server runs.
    pub(crate) fn change(&mut self, options: &Options) {
        self.plaintext_login = options.plaintext_login;
    }

    /// From now on whoever is let in is served behind these walls.
    pub(crate) fn set_sandbox(&mut self, sandbox: Sandbox) {
        self.sandbox = sandbox;
    }

    /// Those who verify.
    pub(crate) fn auth_worker(&mut self) -> &mut AuthWorker {
        &mut self.auth_worker
    }

    /// From now on `token` is an event when there may be something to [`Self::deliver`].
    pub(crate) fn watch(&mut self, registry: Registry, token: Token) -> io::Result<()> {
        self.auth_worker.watch(registry, token)
    }

    /// Who is at the other end of a TCP connection.
    pub(crate) fn peer(&self, address: SocketAddr) -> Peer {
        // An IPv4 client of an IPv6 socket is shown, and judged, as what it is.
        let ip = address.ip().to_canonical();
        Peer {
            id: 0,
            name: SocketAddr::new(ip, address.port()).to_string(),
            address: Some(ip),
            offers_scram: self.offers_scram,
            may_log_in: self.may_log_in(ip.is_loopback()),
            tls: None,
        }
    }

    /// Whether logins by SCRAM can be judged.
    pub(crate) fn offers_scram(&self) -> bool {
        self.offers_scram
    }

    /// Whether a password may come in clear text, from this machine or from another.
    pub(crate) fn may_log_in(&self, is_local: bool) -> bool {
        let allowed = match self.plaintext_login {
            PlaintextLogin::Never => false,
            PlaintextLogin::Loopback => is_local,
            PlaintextLogin::Always => true,
        };
        allowed && self.has_users
    }

    /// The client of that connection wants to log in. [`Self::deliver`] has the verdict in time.
    pub(crate) fn ask(
        &mut self,
        from: Token,
        peer: &Peer,
        request: LoginRequest,
        now: Instant,
    ) -> Serial {
        self.last_serial += 1;
        let serial = Serial(self.last_serial);
        let network = peer.address.map(Network::of);
        let (attempt, question) = match request {
            LoginRequest::Password {
                user,
                password,
                method,
            } => {
                let attempt = Attempt {
                    from,
                    address: peer.address,
                    method,
                    user: user.clone(),
                    counts_at: network,
                };
                (attempt, Question::Password { user, password })
            }
            LoginRequest::Scram(exchange) => {
                let attempt = Attempt {
                    from,
                    address: peer.address,
                    method: match exchange.plus {
                        true => Mechanism::ScramSha256Plus,
                        false => Mechanism::ScramSha256,
                    },
                    user: exchange.user.clone(),
                    // The first message guesses at nothing.
                    counts_at: network.filter(|_| exchange.rest.is_some()),
                };
                (attempt, Question::Scram(exchange))
            }
        };
        let counts_at = attempt.counts_at;
        let delay = counts_at.map(|network| self.throttle.begin(network, now));
        let due = now + delay.unwrap_or_default();
        self.held_back.insert((due, serial), (attempt, question));
        serial
    }

    /// The connection is gone that has asked this. If it was not looked at yet it never will be; if it
    /// was, it counts.
    pub(crate) fn forget(&mut self, asked: Serial, now: Instant) {
        let mut held_back = self.held_back.keys();
        let found = held_back.find(|(_, serial)| *serial == asked).copied();
        if let Some((attempt, _)) = found.and_then(|key| self.held_back.remove(&key)) {
            self.note_end(&attempt, None, now);
        }
    }

    /// When the next attempt has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.held_back.first_key_value().map(|(&(due, _), _)| due)
    }

    /// Why nobody can log in here any more; said once.
    pub(crate) fn take_fault(&mut self) -> Option<io::Error> {
        self.auth_worker.take_fault()
    }

    /// True while the verifier owes an answer.
    pub(crate) fn is_busy(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Asks what is due and takes in what was answered.
    pub(crate) fn deliver(&mut self, now: Instant) -> Vec<LoginReply> {
        let mut replies = Vec::new();
        while self.deadline().is_some_and(|due| due <= now) {
            if let Some(((_, serial), (attempt, question))) = self.held_back.pop_first() {
                match self.auth_worker.ask(serial, &question) {
                    Ok(()) => drop(self.asked.insert(serial, attempt)),
                    Err(error) => {
                        let answer = Answer::Unavailable(error.to_string());
                        replies.push(self.decide(serial, &attempt, answer, now));
                    }
                }
            }
        }
        while let Some(news) = self.auth_worker.receive() {
            match news {
                News::Answer(serial, answer) => {
                    if let Some(attempt) = self.asked.remove(&serial) {
                        replies.push(self.decide(serial, &attempt, answer, now));
                    }
                }
                News::Lost => {
                    for (serial, attempt) in std::mem::take(&mut self.asked) {
                        let answer = Answer::Unavailable("the verifier has ended".into());
                        replies.push(self.decide(serial, &attempt, answer, now));
                    }
                }
                News::OffersScram(offers) => self.offers_scram = offers,
            }
        }
        replies
    }

    /// What the verifier says is what the client will hear, and the log.
    fn decide(
        &mut self,
        serial: Serial,
        attempt: &Attempt,
        answer: Answer,
        now: Instant,
    ) -> LoginReply {
        let success = match &answer {
            Answer::Granted { .. } => Some(true),
            Answer::Denied => Some(false),
            Answer::Unavailable(_) | Answer::Challenge(_) => None,
        };
        self.note_end(attempt, success, now);
        let verdict = match answer {
            Answer::Granted {
                account,
                server_final,
            } => self.let_in(attempt, account, server_final),
            Answer::Denied => {
                log::warn!("login failed: {attempt}");
                LoginVerdict::Denied
            }
            Answer::Unavailable(reason) => unavailable(attempt, &reason),
            Answer::Challenge(message) => LoginVerdict::Challenge(message),
        };
        LoginReply {
            to: attempt.from,
            serial,
            verdict,
        }
    }

    fn let_in(
        &mut self,
        attempt: &Attempt,
        person: AccountInfo,
        server_final: Option<String>,
    ) -> LoginVerdict {
        match self.account(&person) {
            Ok(account) => {
                log::info!("login granted: {attempt}");
                LoginVerdict::Granted {
                    user: person.user,
                    account,
                    server_final,
                }
            }
            Err(reason) => unavailable(attempt, &reason),
        }
    }

    fn note_end(&mut self, attempt: &Attempt, success: Option<bool>, now: Instant) {
        if let Some(network) = attempt.counts_at {
            self.throttle.end(network, success, now);
        }
    }

    /// The name and the mail of the one whom the system has let in already: `user`, or whoever runs this
    /// process. The error says why there is nobody.
    pub(crate) fn preauthenticated(
        &mut self,
        user: Option<&str>,
    ) -> Result<(String, Account), String> {
        let mut users = Authenticator::new(self.users.as_deref());
        let person = users.preauthenticated(user)?;
        let account = self.account(&person)?;
        Ok((person.user, account))
    }

    /// Lets somebody in who may: where the mail is, of which nothing has been touched yet.
    fn account(&mut self, person: &AccountInfo) -> Result<Account, String> {
        let account = Account {
            root: mail_root(person, &self.mail)?,
            bboards: self.bboards.clone(),
        };
        self.sandbox.admit(person, &account)?;
        if self.sandbox.are_one_persons() {
            // Who takes this process over is not to try passwords of others by it.
            self.auth_worker.hang_up();
        }
        Ok(account)
    }
}

/// Our fault: the client is told that much, the log is told why.
fn unavailable(attempt: &Attempt, reason: &str) -> LoginVerdict {
    log::error!("login is not possible: {attempt}: {reason}");
    LoginVerdict::Unavailable("Login is not possible at the moment".into())
}
