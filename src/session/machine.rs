//! The session: the calls by which the server drives it, its time limits, and the loop that carries
//! its commands on.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::config::SessionConfig;
use super::input::{Input, Next};
use super::login_request::{LoginRequest, LoginVerdict};
use super::output::{HIGH_WATER, LOW_WATER};
use super::peer::{Peer, TlsInfo};
use super::state::{IdleState, ProtocolState, SessionState};
use super::task::Task;
use super::wire_log::WireLog;
use crate::budget::{Budget, Step, Why};
use crate::protocol::{Code, Status};
use crate::ready;
use crate::store::{Account, MailboxHandle, Store, View};

/// What a session waits for after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Input: there is nothing else to do.
    Idle,
    /// Another turn: the budget was spent.
    Runnable,
    /// Room for its output.
    OutputFull,
    /// That time.
    Until(Instant),
    /// A flush to disk.
    Flush,
    /// The verdict on its login request, or the TLS handshake.
    External,
    /// A line from the client that continues the command in progress.
    Line,
}

/// A client that has not logged in is disconnected this long after it connected.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// A client that reads fewer than [`LEAST_READ`] octets in this time, while output waits, is
/// disconnected.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// A modem of 1200 bit/s reads twice as much in that time. A client that reads an octet a minute
/// would otherwise keep its output, and its job, in memory for ever.
pub(super) const LEAST_READ: usize = 16 * 1024;
/// This many wrong passwords end a session: people do not mistype theirs so often, and programs
/// repeat the same wrong one.
const MAX_FAILED_LOGINS: u32 = 5;
/// This many commands in a row that were answered BAD end a session: the client is no mail client.
const MAX_BAD_COMMANDS: u32 = 20;

/// The session of one client.
pub struct Session {
    pub(super) state: SessionState,
    input: Input,
    /// The command in progress. Boxed, because most sessions wait and have none.
    task: Option<Box<Task>>,
    /// What the last run ended with.
    turn: Turn,
    /// A client that has not logged in is disconnected at this time, whatever it sends meanwhile.
    log_in_by: Instant,
    /// When input last arrived or a command last ended.
    last_input: Instant,
    /// When the client had last read [`LEAST_READ`] octets more, or had no output waiting.
    last_read: Instant,
    /// Octets that the client has read since then.
    read: usize,
    /// Commands in a row that were answered BAD.
    bad_commands: u32,
}

impl Session {
    /// Begins the session of a client that has yet to log in, and queues the greeting.
    ///
    /// The greeting carries no CAPABILITY code. With one, clients would not ask for the
    /// capabilities, and by asking they show which dialect they speak.
    pub fn new(config: Rc<SessionConfig>, peer: Peer, now: Instant) -> Self {
        let mut session = Self::without_greeting(config, peer, now);
        let text = format!("{} IMAP server ready", session.state.config.host);
        session.state.encoder().untagged(Status::Ok, None, &text);
        session
    }

    /// Begins the session of a user whom the system has authenticated already, and queues the
    /// PREAUTH greeting.
    pub fn preauthenticated(
        config: Rc<SessionConfig>,
        peer: Peer,
        user: String,
        account: Account,
        now: Instant,
    ) -> Self {
        let mut session = Self::without_greeting(config, peer, now);
        log::info!("{}: logged in as {user}", session.state.log_prefix());
        session.state.log_in(&user, account);
        let text = format!(
            "{} IMAP server ready, logged in as {user}",
            session.state.config.host
        );
        session
            .state
            .encoder()
            .untagged(Status::PreAuth, None, &text);
        session.input.raise_limit();
        session
    }

    fn without_greeting(config: Rc<SessionConfig>, peer: Peer, now: Instant) -> Self {
        let mut state = SessionState::new(Rc::clone(&config), peer);
        state.change_wire_log(&config.wire_log);
        Self {
            state,
            input: Input::new(),
            task: None,
            turn: Turn::Idle,
            log_in_by: now + LOGIN_TIMEOUT,
            last_input: now,
            last_read: now,
            read: 0,
            bad_commands: 0,
        }
    }

    /// Takes octets from the client, and returns how many it took. Fewer than all means that the
    /// input buffer is full: offer the rest again after a run.
    pub fn handle_input(&mut self, octets: &[u8], now: Instant) -> usize {
        if self.state.is_finished() {
            return octets.len();
        }
        self.last_input = now;
        self.input.framer.push(octets)
    }

    /// Takes note that the client sends no more. The session still answers what the client has
    /// sent.
    pub fn handle_eof(&mut self) {
        self.input.ended = true;
    }

    /// True while there is room for input.
    pub fn wants_input(&self) -> bool {
        !self.state.is_finished()
            && !self.input.ended
            && !self.state.pending.is_tls()
            && self.input.framer.wants_input()
    }

    /// Carries commands on until the session has to wait or the budget is spent.
    pub fn run(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Turn {
        if !self.has_output() {
            self.note_read_enough(budget.now());
        }
        loop {
            let step = self.step(store, budget);
            self.turn = match step {
                Step::Yield(Why::Budget) => Turn::Runnable,
                Step::Yield(Why::OutputFull) => Turn::OutputFull,
                Step::Yield(Why::Until(time)) => Turn::Until(time),
                Step::Yield(Why::Flush) => Turn::Flush,
                Step::Yield(Why::External) => Turn::External,
                // The line may have come together with the command: then no event wakes the
                // session.
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

    /// Returns what the last run ended with.
    pub fn turn(&self) -> Turn {
        self.turn
    }

    fn step(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<Progress> {
        if self.is_broken() {
            self.state.log_output_failure();
            self.task = None;
            return Step::Done(Progress::Waiting);
        }
        if self.state.is_finished() {
            return Step::Done(Progress::Waiting);
        }
        if self.turn == Turn::OutputFull && self.state.output.unsent() > LOW_WATER {
            return Step::Yield(Why::OutputFull);
        }
        if !self.receive_line() {
            self.task = None;
            self.state.finish();
            return Step::Done(Progress::Made);
        }
        if let Some(task) = &mut self.task {
            ready!(task.step(&mut self.state, store, budget));
            self.end_task(budget.now());
            return Step::Done(Progress::Made);
        }
        if self.state.pending.is_tls() {
            return Step::Yield(Why::External);
        }
        if let Some(autocreate) = &mut self.state.autocreate {
            ready!(autocreate.step(&self.state.config.special_uses, store, budget));
            self.state.autocreate = None;
        }
        if self.state.output.unsent() >= HIGH_WATER {
            return Step::Yield(Why::OutputFull);
        }
        ready!(self.input.poll_room(budget));
        match self.input.next(&mut self.state, store, budget) {
            Next::Task(task) => self.task = Some(task),
            Next::Progress => {}
            Next::Nothing if self.input.ended => self.state.finish(),
            Next::Nothing => return Step::Done(Progress::Waiting),
        }
        budget.spend(1);
        Step::Done(Progress::Made)
    }

    /// Draws the consequences of a command that has just ended.
    fn end_task(&mut self, now: Instant) {
        self.task = None;
        self.last_input = now;
        self.count_bad_command();
        self.check_failed_logins();
        if self.state.is_logged_in() {
            self.input.raise_limit();
        }
        if self.state.pending.is_tls() {
            self.input.discard();
        }
    }

    /// True if the line that a command waits for is here, or can no longer come.
    fn has_line(&mut self) -> bool {
        self.receive_line();
        !self.state.pending.is_line() || self.input.ended || self.state.is_finished()
    }

    /// Hands the line that a command waits for to it. False if the line can no longer come.
    fn receive_line(&mut self) -> bool {
        if self.state.pending.is_line() {
            match self.input.next_line(&mut self.state) {
                Some(line) => self.state.pending.receive_line(line),
                None => return !self.input.ended && !self.state.is_finished(),
            }
        }
        true
    }

    /// Counts the commands in a row that were answered BAD, and ends the session after too many.
    fn count_bad_command(&mut self) {
        self.bad_commands = if self.state.last_was_bad {
            self.bad_commands + 1
        } else {
            0
        };
        if self.bad_commands >= MAX_BAD_COMMANDS {
            log::info!(
                "{}: disconnected after {MAX_BAD_COMMANDS} bad commands in a row",
                self.state.log_prefix()
            );
            self.shut_down("Too many bad commands");
        }
    }

    /// Ends the session after too many failed logins.
    fn check_failed_logins(&mut self) {
        if self.state.failed_logins >= MAX_FAILED_LOGINS {
            log::info!(
                "{}: disconnected after {MAX_FAILED_LOGINS} failed logins",
                self.state.log_prefix()
            );
            self.shut_down("Too many failed logins");
        }
    }

    /// True if what the session waits for is sure to come.
    fn has_wake_up(&self) -> bool {
        match self.turn {
            Turn::Idle => self.task.is_none(),
            Turn::OutputFull => self.state.output.unsent() > 0,
            Turn::External => self.state.pending.is_external(),
            Turn::Line => self.state.pending.is_line(),
            Turn::Runnable | Turn::Until(_) | Turn::Flush => true,
        }
    }

    /// Returns the login request that the server has to answer. Each request is returned once.
    pub fn poll_request(&mut self) -> Option<LoginRequest> {
        self.state.pending.take_request()
    }

    /// Takes in the answer to the login request; run the session afterwards.
    pub fn handle_verdict(&mut self, verdict: LoginVerdict) {
        self.state.pending.receive_verdict(verdict);
    }

    /// True from STARTTLS to the end of the handshake (RFC 3501 §6.2.1). The handshake begins once
    /// the output is sent. Until then the session wants no input: octets that came in clear text
    /// behind the command may be from a third party, and are discarded.
    pub fn is_starting_tls(&self) -> bool {
        self.state.pending.is_tls()
    }

    /// Takes note that the connection is now under TLS.
    pub fn handle_tls(&mut self, info: TlsInfo) {
        self.state.handle_tls(info);
        self.bad_commands = 0;
    }

    /// Returns the mailbox that an IDLE command watches: call [`Self::handle_mailbox_change`]
    /// whenever it may have changed, and run the session.
    pub fn idle_mailbox(&self) -> Option<&MailboxHandle> {
        let is_idle = self.state.idle != IdleState::Off;
        self.state.view().filter(|_| is_idle).map(View::handle)
    }

    /// Takes note that the mailbox of [`Self::idle_mailbox`] may have changed.
    pub fn handle_mailbox_change(&mut self) {
        if self.state.idle != IdleState::Off {
            self.state.idle = IdleState::Changed;
        }
    }

    /// Returns the next octets to send; none if there are none.
    pub fn poll_output(&mut self) -> &[u8] {
        if self.state.output.poll().is_empty() {
            self.state.log_output_failure();
        }
        self.state.output.poll()
    }

    /// Takes note that `count` of the octets that [`Self::poll_output`] returned were sent.
    pub fn consume(&mut self, count: usize, now: Instant) {
        self.state.consume(count);
        self.read = self.read.saturating_add(count);
        if self.read >= LEAST_READ || !self.has_output() {
            self.note_read_enough(now);
        }
    }

    /// Gives the client all of [`READ_TIMEOUT`] to read more.
    fn note_read_enough(&mut self, now: Instant) {
        self.last_read = now;
        self.read = 0;
    }

    /// Begins or ends the wire log of this session, as `wanted` says.
    pub fn change_wire_log(&mut self, wanted: &WireLog) {
        self.state.change_wire_log(wanted);
    }

    /// Returns the name of the user, once the client has logged in.
    pub fn user(&self) -> Option<&str> {
        self.state.user()
    }

    /// True once the client has logged in.
    pub fn is_logged_in(&self) -> bool {
        self.state.is_logged_in()
    }

    /// True if there is something to send.
    pub fn has_output(&self) -> bool {
        self.state.output.unsent() > 0
    }

    /// Returns when to call [`Self::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = if self.has_output() {
            self.last_read + READ_TIMEOUT
        } else {
            self.last_input + self.state.config.idle_timeout
        };
        match self.state.is_logged_in() {
            true => Some(deadline),
            false => Some(deadline.min(self.log_in_by)),
        }
    }

    /// Ends the session if one of its deadlines has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state.is_finished() || self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        let is_logged_in = self.state.is_logged_in();
        if self.has_output() && is_logged_in {
            log::info!(
                "{}: disconnected, because the client read only {} octets in {} s",
                self.state.log_prefix(),
                self.read,
                READ_TIMEOUT.as_secs()
            );
            self.state.drop_client();
        } else if self.task.is_none() || self.turn == Turn::Line || !is_logged_in {
            self.shut_down("Autologout: idle for too long");
        } else {
            self.last_input = now;
        }
    }

    /// Ends the session from outside, with BYE and that text (RFC 1064 p. 17). A command in
    /// progress is given up between two of its steps. If it has written a response in part, the
    /// client would take a BYE for the rest of it: then the connection is closed without one.
    pub fn shut_down(&mut self, text: &str) {
        if self.state.is_finished() {
            return;
        }
        self.task = None;
        if self.state.is_in_response {
            return self.state.drop_client();
        }
        self.state.encoder().untagged(Status::Bye, None, text);
        self.state.finish();
    }

    /// Returns the octets of memory that grow with what the client sends and asks for: its input,
    /// the command in progress, the output that waits, and a saved search result.
    pub fn memory(&self) -> usize {
        let selected = self.state.selected.as_ref();
        self.input.memory()
            + self.task.as_ref().map_or(0, |task| task.memory())
            + self.state.output.memory()
            + selected.map_or(0, |selected| selected.saved.memory())
    }

    /// Returns the octets of memory that [`Self::end_command`] frees: none if the command in
    /// progress cannot end now. It cannot while the client has half of a response, or the session
    /// waits for an answer from outside.
    pub fn command_memory(&self) -> usize {
        let is_waiting = self.state.pending.is_external() || self.state.pending.is_line();
        let is_open = self.state.is_in_response || is_waiting || self.state.is_finished();
        let task = self
            .task
            .as_ref()
            .filter(|task| !is_open && task.may_fail());
        task.map_or(0, |task| task.memory())
    }

    /// Ends the command in progress with NO, because its user, or the server, has no memory for it.
    /// The session goes on.
    pub fn end_command(&mut self, now: Instant) {
        if self.command_memory() > 0 {
            self.refuse_command();
            self.end_task(now);
        }
    }

    /// Answers the command in progress, if there is one, that there is no memory for it.
    fn refuse_command(&mut self) {
        if let Some(task) = self.task.take() {
            let text = "The server has no memory for that command";
            let mut encoder = self.state.encoder();
            encoder.tagged(task.tag(), Status::No, Some(Code::Limit), text);
            self.state.last_was_bad = false;
        }
    }

    /// Ends the session because its user, or the server, has no memory left. The command in
    /// progress is answered NO, and BYE follows. A client that has not read what was sent before
    /// would not read that either, and one that has read half of a response would take it for the
    /// rest: both are disconnected at once.
    pub fn end_for_memory(&mut self) {
        if self.has_output() || self.state.is_in_response || self.state.is_finished() {
            self.task = None;
            return self.state.drop_client();
        }
        self.input.discard();
        self.refuse_command();
        self.shut_down("You use too much memory");
    }

    /// True if the connection should be closed once its output is sent.
    pub fn is_finished(&self) -> bool {
        self.state.is_finished()
    }

    /// True if the connection must be closed now: a literal that was announced cannot be sent, or
    /// the client does not read.
    pub fn is_broken(&self) -> bool {
        self.state.protocol_state == ProtocolState::Dropped || self.state.output.is_broken()
    }

    /// Returns the beginning of every log line about this session.
    pub fn log_prefix(&self) -> String {
        self.state.log_prefix()
    }

    /// Returns the name of the command in progress, or of the last one.
    pub fn command(&self) -> &'static str {
        self.state.command
    }

    /// Returns the client as the server knew it before the session.
    pub fn peer(&self) -> &Peer {
        &self.state.peer
    }
}

/// What one step of a session did.
enum Progress {
    /// Some work, and there may be more.
    Made,
    /// Nothing: there is nothing to do before more input comes.
    Waiting,
}
