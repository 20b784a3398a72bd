//! Drives sessions on a real Maildir with a clock that only the test moves and with pipes in
//! memory.
//!
//! A rig can treat its sessions harshly: input byte by byte, a budget of one unit a step, room for
//! one octet of output. Whatever the [`Harshness`], the server must send the same octets.

#[path = "../../src/budget/fake_clock.rs"]
mod fake_clock;
pub(crate) mod transcript;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use imap2d::testing::Dialect;
use imap2d::testing::{Account, Settings, Store};
use imap2d::testing::{Budget, Clock};
use imap2d::testing::{
    LoginRequest, LoginVerdict, Peer, ScramExchange, Session, SessionConfig, SpecialUses, Turn,
    WireLog,
};
use tempfile::TempDir;

use self::fake_clock::FakeClock;

/// How the rig treats its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Harshness {
    /// Input arrives one octet at a time.
    pub(crate) byte_by_byte: bool,
    /// A step may spend only one unit.
    pub(crate) starved: bool,
    /// The socket takes one octet at a time.
    pub(crate) narrow: bool,
}

impl Harshness {
    /// Returns all eight ways to treat a session.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self {
            byte_by_byte: bits & 1 != 0,
            starved: bits & 2 != 0,
            narrow: bits & 4 != 0,
        })
    }
}

/// One store, one clock and any number of sessions.
pub(crate) struct Rig {
    directory: TempDir,
    /// The clock of the store and all sessions.
    pub(crate) clock: FakeClock,
    store: Store,
    config: Rc<SessionConfig>,
    sessions: Vec<Session>,
    harshness: Harshness,
    /// Whether clients may send passwords over these connections.
    pub(crate) takes_passwords: bool,
    /// Whether the server offers SCRAM.
    pub(crate) offers_scram: bool,
}

/// The only user of a rig.
pub(crate) const USER: &str = "crispin";
/// The user's password.
pub(crate) const PASSWORD: &str = "secret";

/// The server's challenge in every SCRAM exchange, and the proof that every client has to send: the
/// example of RFC 7677 §3.
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const PROOF: &str = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

impl Rig {
    /// Creates a rig with a new, empty Maildir. `read_only` is the option of that name; `operator`
    /// configures the sessions.
    pub(crate) fn new(
        dialect: Dialect,
        harshness: Harshness,
        read_only: bool,
        operator: impl FnOnce(&mut SessionConfig),
    ) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["mail/cur", "mail/new", "mail/tmp", "boards"] {
            std::fs::create_dir_all(directory.path().join(name)).expect("a directory");
        }
        let mut config = SessionConfig {
            host: "repository.example".to_owned(),
            dialect,
            max_message: 1 << 20,
            idle_timeout: Duration::from_secs(1800),
            special_uses: SpecialUses::default(),
            autocreate: false,
            namespace_prefix: "",
            wire_log: WireLog::default(),
            offers_tls: false,
        };
        operator(&mut config);
        Self {
            directory,
            clock: FakeClock::new(SystemTime::now()),
            store: Store::new(Settings {
                read_only,
                ..Settings::new("repository.example", std::process::id())
            }),
            config: Rc::new(config),
            sessions: Vec::new(),
            harshness,
            takes_passwords: true,
            offers_scram: false,
        }
    }

    /// Returns the user's Maildir.
    pub(crate) fn mail(&self) -> PathBuf {
        self.directory.path().join("mail")
    }

    /// Returns the directory of the bulletin boards.
    pub(crate) fn boards(&self) -> PathBuf {
        self.directory.path().join("boards")
    }

    /// Opens a connection and returns its number.
    pub(crate) fn connect(&mut self) -> usize {
        let peer = Peer {
            name: format!("client {}", self.sessions.len()),
            may_log_in: self.takes_passwords,
            offers_scram: self.offers_scram,
            ..Peer::default()
        };
        let session = Session::new(Rc::clone(&self.config), peer, self.now());
        self.sessions.push(session);
        self.sessions.len() - 1
    }

    /// Returns a session.
    pub(crate) fn session(&mut self, number: usize) -> &mut Session {
        &mut self.sessions[number]
    }

    fn now(&self) -> std::time::Instant {
        imap2d::testing::Clock::now(&self.clock)
    }

    /// Sends octets, and returns everything that the server sends before the session waits for
    /// more.
    pub(crate) fn send(&mut self, number: usize, mut octets: &[u8]) -> Vec<u8> {
        let mut received = Vec::new();
        loop {
            let piece = if self.harshness.byte_by_byte {
                &octets[..octets.len().min(1)]
            } else {
                octets
            };
            let now = self.now();
            let taken = self.sessions[number].handle_input(piece, now);
            octets = &octets[taken..];
            self.drive(number, &mut received);
            let session = &self.sessions[number];
            if octets.is_empty() || session.is_finished() || session.is_starting_tls() {
                return received;
            }
        }
    }

    /// Closes the client's side, and returns what the server still sends.
    pub(crate) fn close(&mut self, number: usize) -> Vec<u8> {
        let mut received = Vec::new();
        self.sessions[number].handle_eof();
        self.drive(number, &mut received);
        received
    }

    /// Notifies a session in IDLE that its mailbox may have changed, and returns what it sends.
    pub(crate) fn stir(&mut self, number: usize) -> Vec<u8> {
        let mut received = Vec::new();
        if self.sessions[number].idle_mailbox().is_some() {
            self.sessions[number].handle_mailbox_change();
            self.drive(number, &mut received);
        }
        received
    }

    /// Runs a session until it waits for input, and collects its output.
    pub(crate) fn drive(&mut self, number: usize, received: &mut Vec<u8>) {
        for _ in 0..50_000_000_u64 {
            let turn = self.run(number);
            self.answer(number);
            let took = self.drain(number, received);
            match turn {
                Turn::Idle | Turn::Line if !took => return,
                Turn::External if self.sessions[number].is_starting_tls() && !took => return,
                Turn::Until(time) => {
                    let wait = time.saturating_duration_since(self.now());
                    self.clock.advance(wait.max(Duration::from_millis(1)));
                }
                _ => {}
            }
        }
        panic!(
            "the session does not stop: {:?}",
            self.sessions[number].turn()
        );
    }

    fn run(&mut self, number: usize) -> Turn {
        self.store.poll_inotify();
        let mut budget = match self.harshness.starved {
            true => Budget::new(&self.clock, 1, Duration::from_millis(2)),
            false => Budget::unlimited(&self.clock),
        };
        self.sessions[number].run(&mut self.store, &mut budget)
    }

    fn answer(&mut self, number: usize) {
        let granted = match self.sessions[number].poll_request() {
            None => return,
            Some(LoginRequest::Password { user, password, .. }) => {
                user.eq_ignore_ascii_case(USER.as_bytes())
                    && password.expose() == PASSWORD.as_bytes()
            }
            Some(LoginRequest::Scram(ScramExchange { rest: None, .. })) => {
                let challenge = LoginVerdict::Challenge(SERVER_FIRST.to_owned());
                return self.sessions[number].handle_verdict(challenge);
            }
            Some(LoginRequest::Scram(ScramExchange {
                rest: Some((_, client_final)),
                ..
            })) => client_final.ends_with(PROOF.as_bytes()),
        };
        let account = Account {
            root: self.mail(),
            bboards: Some(self.boards()),
        };
        let verdict = match granted {
            true => LoginVerdict::Granted {
                user: USER.to_owned(),
                account,
                server_final: Some(SERVER_FINAL.to_owned()),
            },
            false => LoginVerdict::Denied,
        };
        self.sessions[number].handle_verdict(verdict);
    }

    /// Takes output from a session: one octet, or all there is.
    fn drain(&mut self, number: usize, received: &mut Vec<u8>) -> bool {
        let now = self.now();
        let session = &mut self.sessions[number];
        let mut took = false;
        loop {
            let octets = session.poll_output();
            let count = if self.harshness.narrow {
                octets.len().min(1)
            } else {
                octets.len()
            };
            if count == 0 {
                return took;
            }
            received.extend_from_slice(&octets[..count]);
            session.consume(count, now);
            took = true;
            if self.harshness.narrow {
                return true;
            }
        }
    }
}

/// Writes a message file into a Maildir directory, with that internal date.
pub(crate) fn put(directory: &Path, name: &str, content: &[u8], unix: u64) {
    std::fs::create_dir_all(directory).expect("a directory");
    let path = directory.join(name);
    std::fs::write(&path, content).expect("a message file");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(unix);
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("the message file");
    file.set_modified(time).expect("a file time");
}
