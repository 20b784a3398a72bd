//! One client, as a pure machine: octets, time and verdicts go in; octets, deadlines and requests come
//! out. No socket, no clock and no thread, so that TCP, inetd, ssh, TLS, a test with a clock of its own
//! and a fuzzer all drive the same code.
//!
//! | the shell calls | when |
//! | --- | --- |
//! | [`Session::handle_input`], [`Session::handle_eof`] | octets came, if [`Session::wants_input`] |
//! | [`Session::run`] | after any event, until it says that it waits |
//! | [`Session::poll_request`], [`Session::handle_verdict`] | after a run: somebody wants to log in |
//! | [`Session::is_starting_tls`], [`Session::handle_tls`] | after a run: the client begins TLS; after the handshake |
//! | [`Session::idle_mailbox`], [`Session::handle_mailbox_change`] | after a run: changes of a mailbox are to be told at once |
//! | [`Session::poll_output`], [`Session::consume`] | the socket has room |
//! | [`Session::poll_timeout`], [`Session::handle_timeout`] | to arm one timer, and when it fires |
//!
//! # How a command goes through
//!
//! The [framer](crate::protocol::framer) yields one complete command. It is parsed, makes the dialect
//! climb if its predecessor protocol lacks it, is checked against the session's state, and becomes a
//! job from its file under `commands/`. The job is stepped until it has a reply. Then `untagged` tells
//! what has changed in the selected mailbox, and the tagged line ends the command. One command at a
//! time: pipelined ones wait in the input buffer.

mod commands;
mod condstore;
mod core;
mod decoded;
mod input;
mod job;
mod output;
mod reader;
mod special_use;
mod untagged;
mod utf8;
mod wire;

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use self::core::{Core, State};
use self::input::Input;
use self::job::Task;
use self::output::{HIGH_WATER, LOW_WATER};
pub use self::special_use::SpecialUses;
pub use self::wire::WireLog;
use crate::auth::scram::ChannelBinding;
use crate::budget::{Budget, Step, Why};
use crate::protocol::{Dialect, Mechanism, Secret, Status};
use crate::store::{Account, MailboxHandle, Store, View};

/// What all sessions of a server share.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The host name in the greeting.
    pub host: String,
    /// What a session speaks when it starts.
    pub dialect: Dialect,
    /// The longest message APPEND takes, in octets.
    pub max_message: u64,
    /// After this long without input a session that is logged in ends (RFC 3501 §5.4).
    pub idle_timeout: Duration,
    /// Which mailboxes have special uses.
    pub special_uses: SpecialUses,
    /// They are created for a user who has none but INBOX.
    pub autocreate: bool,
    /// What the names of all of the user's mailboxes but INBOX begin with, to clients: `INBOX.`, as Courier
    /// has it, or nothing.
    pub namespace_prefix: &'static str,
    /// A client that came without TLS may begin it.
    pub offers_tls: bool,
    /// Of whom a wire log is kept.
    pub wire_log: WireLog,
}

impl SessionConfig {
    /// [`Self::max_message`] as a number of the protocol (RFC 3501 §9 `number`).
    fn append_limit(&self) -> u32 {
        u32::try_from(self.max_message).unwrap_or(u32::MAX)
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Number of the connection, unique in this process; 0 where there is only one.
    pub id: u64,
    /// Address and port of the client, or a description of the descriptor it is connected by.
    pub name: String,
    /// The address alone, if there is one.
    pub address: Option<IpAddr>,
    /// Whether logins by SCRAM can be judged.
    pub offers_scram: bool,
    /// Whether a password may come from there: under TLS, or where clear text is allowed.
    pub may_log_in: bool,
    /// The TLS that the connection is under.
    pub tls: Option<Box<TlsInfo>>,
}

/// The form in which log lines name a connection.
impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "connection {} from {}", self.id, self.name)
    }
}

/// What a client can bind its login to, so that nobody in the middle passes it on (RFC 5056).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// The channel binding `tls-exporter` (RFC 9266), which only TLS 1.3 has.
    pub exporter: Option<[u8; 32]>,
    /// The channel binding `tls-server-end-point`: the hash of our certificate (RFC 5929 §4). A certificate
    /// whose signature does not tell which hash to take has none.
    pub end_point: Option<Vec<u8>>,
}

/// What a session asks of the shell around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginRequest {
    /// Check a name and a password, and answer with [`Session::handle_verdict`].
    Password {
        /// The name as the client sent it.
        user: Vec<u8>,
        /// The password.
        password: Secret,
        /// How the client sent both. The command LOGIN (RFC 3501 §6.2.3) sends the same as the mechanism of
        /// that name.
        method: Mechanism,
    },
    /// Take part in an exchange of SCRAM, and answer with [`Session::handle_verdict`].
    Scram(ScramExchange),
}

/// What was said in an exchange of SCRAM so far, the client's turn being over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramExchange {
    /// The name in the first message.
    pub user: Vec<u8>,
    /// Whether the mechanism is the one with channel binding.
    pub plus: bool,
    /// The channels that the client could bind to.
    pub channels: Vec<ChannelBinding>,
    /// The first message of the client.
    pub client_first: Vec<u8>,
    /// What it was answered, and what it said to that; nothing if it is to be answered now, by
    /// [`LoginVerdict::Challenge`].
    pub rest: Option<(String, Vec<u8>)>,
}

/// The answer to [`LoginRequest::Password`].
#[derive(Debug, Clone)]
pub enum LoginVerdict {
    /// Let in.
    Granted {
        /// The name under which the user is known.
        user: String,
        /// Where the mail is.
        account: Account,
        /// By which the client knows that the server knows its secret: the last message of SCRAM.
        server_final: Option<String>,
    },
    /// The exchange goes on, with this message of the server.
    Challenge(String),
    /// No such user, or not that password.
    Denied,
    /// It could not be found out; the text is for the client.
    Unavailable(String),
}

/// What a session waits for after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Input: nothing else is to be done.
    Idle,
    /// Another turn: the budget was spent.
    Runnable,
    /// Room for its output.
    OutputFull,
    /// That time.
    Until(Instant),
    /// An answer to its request.
    External,
    /// A line of input, which the command that is being carried out needs.
    Line,
}

/// A client that has not logged in is sent away this long after it came.
const LOGIN_TIME: Duration = Duration::from_secs(60);
/// A client that reads nothing for this long while output waits is dropped.
const DEAF_TIME: Duration = Duration::from_secs(300);
/// This many wrong passwords end a session: people do not mistype theirs so often, programs do not
/// correct it.
const MAX_FAILED_LOGINS: u32 = 5;
/// This many commands that were not understood end a session: it is no mail client.
const MAX_BAD_COMMANDS: u32 = 20;

/// One client.
pub struct Session {
    core: Core,
    input: Input,
    /// Boxed, for a session that waits has none.
    task: Option<Box<Task>>,
    turn: Turn,
    /// When a client that has not logged in is sent away, whatever it says meanwhile.
    log_in_by: Instant,
    /// When the client was last heard: input came, or a command of its ended.
    heard: Instant,
    /// When it last took output, or had none waiting.
    read: Instant,
    bad_commands: u32,
}

impl Session {
    /// A session with somebody who has yet to log in. The greeting is queued.
    ///
    /// It carries no capability code, which would keep old and new clients from asking, and so from
    /// showing which dialect they speak.
    pub fn new(config: Rc<SessionConfig>, peer: Peer, now: Instant) -> Self {
        let mut session = Self::silent(config, peer, now);
        let text = format!("{} IMAP server ready", session.core.config.host);
        session.core.encoder().untagged(Status::Ok, None, &text);
        session
    }

    /// A session with somebody whom the system knows already. The PREAUTH greeting is queued.
    pub fn preauthenticated(
        config: Rc<SessionConfig>,
        peer: Peer,
        user: String,
        account: Account,
        now: Instant,
    ) -> Self {
        let mut session = Self::silent(config, peer, now);
        log::info!("{}: logged in as {user}", session.core.peer.name);
        session.core.log_in(&user, account);
        let text = format!(
            "{} IMAP server ready, logged in as {user}",
            session.core.config.host
        );
        session
            .core
            .encoder()
            .untagged(Status::PreAuth, None, &text);
        session.input.raise_limit();
        session
    }

    fn silent(config: Rc<SessionConfig>, peer: Peer, now: Instant) -> Self {
        let mut core = Core::new(Rc::clone(&config), peer);
        core.begin_or_end_wire_log(&config.wire_log);
        Self {
            core,
            input: Input::new(),
            task: None,
            turn: Turn::Idle,
            log_in_by: now + LOGIN_TIME,
            heard: now,
            read: now,
            bad_commands: 0,
        }
    }

    /// Takes octets from the client; returns how many. Fewer than all means that the input buffer is
    /// full: offer the rest again after a run.
    pub fn handle_input(&mut self, octets: &[u8], now: Instant) -> usize {
        if self.core.is_finished() {
            return octets.len();
        }
        self.heard = now;
        self.input.framer.push(octets)
    }

    /// The client sends no more. What it sent is still answered.
    pub fn handle_eof(&mut self) {
        self.input.ended = true;
    }

    /// True while there is room for input.
    pub fn wants_input(&self) -> bool {
        !self.core.is_finished()
            && !self.input.ended
            && !self.core.starts_tls
            && self.input.framer.wants_input()
    }

    /// Goes on with what there is to do, until it has to wait or the budget is spent.
    pub fn run(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Turn {
        if !self.has_output() {
            self.read = budget.now();
        }
        loop {
            let step = self.step(store, budget);
            self.turn = match step {
                Step::Yield(Why::Budget) => Turn::Runnable,
                Step::Yield(Why::OutputFull) => Turn::OutputFull,
                Step::Yield(Why::Until(time)) => Turn::Until(time),
                Step::Yield(Why::External) => Turn::External,
                // It may have come with the command: then nothing else would wake the session.
                Step::Yield(Why::Line) if self.has_line() => continue,
                Step::Yield(Why::Line) => Turn::Line,
                Step::Done(Progress::Waiting) => Turn::Idle,
                Step::Done(Progress::Made) if budget.is_spent() => Turn::Runnable,
                Step::Done(Progress::Made) => continue,
            };
            debug_assert!(
                self.has_wake_up(),
                "a task waits for nothing: {:?}",
                self.turn
            );
            return self.turn;
        }
    }

    /// What the last run ended with.
    pub fn turn(&self) -> Turn {
        self.turn
    }

    fn step(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<Progress> {
        if self.is_broken() {
            self.task = None;
            return Step::Done(Progress::Waiting);
        }
        if self.core.is_finished() {
            return Step::Done(Progress::Waiting);
        }
        if self.turn == Turn::OutputFull && self.core.output.unsent() > LOW_WATER {
            return Step::Yield(Why::OutputFull);
        }
        if !self.hear_line() {
            self.task = None;
            self.core.finish();
            return Step::Done(Progress::Made);
        }
        if let Some(task) = &mut self.task {
            crate::ready!(task.step(&mut self.core, store, budget));
            self.task = None;
            self.heard = budget.now();
            self.note_bad_command();
            self.note_failed_login();
            if self.core.is_logged_in() {
                self.input.raise_limit();
            }
            if self.core.starts_tls {
                self.input.discard();
            }
            return Step::Done(Progress::Made);
        }
        if self.core.starts_tls {
            return Step::Yield(Why::External);
        }
        if let Some(furnish) = &mut self.core.furnish {
            crate::ready!(furnish.step(&self.core.config.special_uses, store, budget));
            self.core.furnish = None;
        }
        if self.core.output.unsent() >= HIGH_WATER {
            return Step::Yield(Why::OutputFull);
        }
        match self.input.next(&mut self.core, store, budget) {
            input::Next::Task(task) => self.task = Some(task),
            input::Next::Progress => {}
            input::Next::Nothing if self.input.ended => self.core.finish(),
            input::Next::Nothing => return Step::Done(Progress::Waiting),
        }
        budget.spend(1);
        Step::Done(Progress::Made)
    }

    /// True if the line that a command waits for is here, or is not going to come.
    fn has_line(&mut self) -> bool {
        self.hear_line();
        !self.core.awaits_line() || self.input.ended || self.core.is_finished()
    }

    /// Hands the line that a command waits for to it. False if it is not going to come.
    fn hear_line(&mut self) -> bool {
        if self.core.awaits_line() {
            match self.input.next_line(&mut self.core) {
                Some(line) => self.core.give_line(line),
                None => return !self.input.ended && !self.core.is_finished(),
            }
        }
        true
    }

    /// Counts the commands in a row that were not understood.
    fn note_bad_command(&mut self) {
        self.bad_commands = if self.core.last_was_bad {
            self.bad_commands + 1
        } else {
            0
        };
        if self.bad_commands >= MAX_BAD_COMMANDS {
            log::info!(
                "{}: {MAX_BAD_COMMANDS} bad commands in a row",
                self.core.peer.name
            );
            self.shut_down("Too many bad commands");
        }
    }

    /// Counts the attempts to log in that came to nothing.
    fn note_failed_login(&mut self) {
        if self.core.failed_logins >= MAX_FAILED_LOGINS {
            let name = &self.core.peer.name;
            log::info!("{name}: {MAX_FAILED_LOGINS} logins have failed");
            self.shut_down("Too many failed logins");
        }
    }

    /// Whether whatever the session waits for is sure to come.
    fn has_wake_up(&self) -> bool {
        match self.turn {
            Turn::Idle => self.task.is_none(),
            Turn::OutputFull => self.core.output.unsent() > 0,
            Turn::External => {
                self.core.request.is_some() || self.core.awaits_verdict || self.core.starts_tls
            }
            Turn::Line => self.core.awaits_line(),
            Turn::Runnable | Turn::Until(_) => true,
        }
    }

    /// What the session wants to know from outside. Each request is given out once.
    pub fn poll_request(&mut self) -> Option<LoginRequest> {
        self.core.request.take()
    }

    /// The answer to the request; run the session afterwards.
    pub fn handle_verdict(&mut self, verdict: LoginVerdict) {
        self.core.verdict = Some(verdict);
    }

    /// True from STARTTLS to the end of the handshake (RFC 3501 §6.2.1). Once the output is sent, TLS
    /// begins. No input is wanted until then: what came in clear text behind the command may be from
    /// anybody, and is forgotten.
    pub fn is_starting_tls(&self) -> bool {
        self.core.starts_tls
    }

    /// The connection is under TLS now.
    pub fn handle_tls(&mut self, info: TlsInfo) {
        self.core.handle_tls(info);
        self.bad_commands = 0;
    }

    /// The mailbox whose changes the client wants to hear of as they happen: call [`Self::handle_mailbox_change`]
    /// whenever somebody may have changed it, and run the session.
    pub fn idle_mailbox(&self) -> Option<&MailboxHandle> {
        let view = self.core.view().filter(|_| self.core.idles);
        view.map(View::handle)
    }

    /// The mailbox of [`Self::idle_mailbox`] may have changed.
    pub fn handle_mailbox_change(&mut self) {
        self.core.has_news = true;
    }

    /// The next octets to send; empty when there are none.
    pub fn poll_output(&mut self) -> &[u8] {
        self.core.output.poll()
    }

    /// Says how many of the octets that [`Self::poll_output`] showed were sent.
    pub fn consume(&mut self, count: usize, now: Instant) {
        if count > 0 {
            self.read = now;
            self.core.consume(count);
        }
    }

    /// Begins to keep a wire log, or ends it, as is wanted now.
    pub fn change_wire_log(&mut self, wanted: &WireLog) {
        self.core.begin_or_end_wire_log(wanted);
    }

    /// True from the moment that the client has logged in.
    pub fn is_logged_in(&self) -> bool {
        self.core.is_logged_in()
    }

    /// True if there is something to send.
    pub fn has_output(&self) -> bool {
        self.core.output.unsent() > 0
    }

    /// When [`Self::handle_timeout`] should be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = if self.has_output() {
            self.read.max(self.heard) + DEAF_TIME
        } else {
            self.heard + self.core.config.idle_timeout
        };
        match self.core.is_logged_in() {
            true => Some(patience),
            false => Some(patience.min(self.log_in_by)),
        }
    }

    /// Ends the session if one of its times is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.core.is_finished() || self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        let is_guest = !self.core.is_logged_in();
        if self.has_output() && !is_guest {
            log::info!(
                "{}: dropped, it read nothing for {} s",
                self.core.peer.name,
                DEAF_TIME.as_secs()
            );
            self.core.drop_client();
        } else if self.task.is_none() || self.turn == Turn::Line || is_guest {
            self.shut_down("Autologout: idle for too long");
        } else {
            self.heard = now;
        }
    }

    /// Ends the session from outside, with a last line to the client (RFC 1064 p. 17, BYE). A command
    /// that is being carried out is given up between two of its steps.
    pub fn shut_down(&mut self, text: &str) {
        if self.core.is_finished() {
            return;
        }
        self.task = None;
        self.core.encoder().untagged(Status::Bye, None, text);
        self.core.finish();
    }

    /// True when the connection should be closed once its output is sent.
    pub fn is_finished(&self) -> bool {
        self.core.is_finished()
    }

    /// True when the connection must be closed now: what was promised cannot be sent.
    pub fn is_broken(&self) -> bool {
        self.core.state == State::Dropped || self.core.output.is_broken()
    }

    /// For the log: who the client is.
    pub fn peer(&self) -> &Peer {
        &self.core.peer
    }
}

/// What one step of a session came to.
enum Progress {
    /// Something was done, and there may be more.
    Made,
    /// There is nothing to do before more input comes.
    Waiting,
}

#[cfg(test)]
mod tests;
