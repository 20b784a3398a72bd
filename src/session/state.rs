//! What a session knows, without its input: the part that commands work on.

use std::rc::Rc;

use super::autocreate::Autocreate;
use super::config::SessionConfig;
use super::output::Output;
use super::peer::{Peer, TlsInfo};
use super::pending::Pending;
use super::reply::Reply;
use super::selected::{SavedResult, Selected};
use super::wire_log::{WireLog, WireLogger};
use crate::protocol::{Dialect, Encoder, Level, States};
use crate::store::{Access, Account, View};
use crate::types::{MailboxRef, NumberSet};

/// The states of RFC 3501 §3, and one for a client that is disconnected without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProtocolState {
    NotAuthenticated,
    /// The client has logged in. It may have selected a mailbox.
    Authenticated,
    /// The last response is written; the connection ends when it is sent.
    LoggedOut,
    /// The connection ends now.
    Dropped,
}

/// The extensions that the client has enabled (RFC 5161) or has shown to know. They stay enabled to
/// the end of the session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enabled {
    /// The client knows mod-sequences (RFC 7162).
    pub(super) condstore: bool,
    /// The client gets VANISHED responses instead of EXPUNGE responses (RFC 7162).
    pub(super) qresync: bool,
}

/// What an IDLE command knows of its mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdleState {
    /// No IDLE command is in progress.
    Off,
    /// The mailbox has not changed since IDLE compared it with the disk.
    Unchanged,
    /// The mailbox may have changed since then.
    Changed,
}

/// State, dialect, selected mailbox and output of a session.
pub(super) struct SessionState {
    pub(super) config: Rc<SessionConfig>,
    pub(super) peer: Peer,
    pub(super) dialect: Dialect,
    pub(super) enabled: Enabled,
    pub(super) protocol_state: ProtocolState,
    /// Where the mail of the user is, once the client has logged in.
    account: Option<Account>,
    /// The name of the user, once the client has logged in.
    user: Option<Box<str>>,
    wire_logger: Option<Box<WireLogger>>,
    pub(super) selected: Option<Selected>,
    /// The creation of mailboxes for a new user. It is done before the user's first command.
    pub(super) autocreate: Option<Box<Autocreate>>,
    pub(super) output: Output,
    /// Whether the command in progress has written a part of a response only. Until it has written
    /// the rest, nothing else may be written, not even BYE: the client would take it for part of a
    /// literal or a list.
    pub(super) is_in_response: bool,
    /// What the command in progress waits for.
    pub(super) pending: Pending,
    /// Login attempts that the server has denied.
    pub(super) failed_logins: u32,
    /// The tag of the command in progress.
    pub(super) tag: Vec<u8>,
    /// The name of the command in progress, or of the last one, for the log.
    pub(super) command: &'static str,
    /// Whether an IDLE command is in progress, and what it knows.
    pub(super) idle: IdleState,
    /// Whether the last command was answered BAD.
    pub(super) last_was_bad: bool,
    /// Whether the log has what the client says about itself.
    pub(super) is_client_logged: bool,
}

impl SessionState {
    /// Makes the state of a session that has yet to log in.
    pub(super) fn new(config: Rc<SessionConfig>, peer: Peer) -> Self {
        Self {
            dialect: config.dialect,
            config,
            peer,
            enabled: Enabled::default(),
            protocol_state: ProtocolState::NotAuthenticated,
            account: None,
            user: None,
            wire_logger: None,
            selected: None,
            autocreate: None,
            output: Output::default(),
            is_in_response: false,
            pending: Pending::default(),
            failed_logins: 0,
            tag: Vec::new(),
            command: "no command",
            idle: IdleState::Off,
            last_was_bad: false,
            is_client_logged: false,
        }
    }

    /// Returns an encoder for the next response, which follows the string rules of the dialect.
    pub(super) fn encoder(&mut self) -> Encoder<'_> {
        debug_assert!(
            !self.is_in_response || self.output.is_broken(),
            "a response is half written"
        );
        Encoder::new(self.output.bytes(), self.dialect)
    }

    /// Fails if a command of `level` is illegal in the dialect, or is in none of its `legal` states
    /// now. Lets the dialect climb to `client_level` first, so that even a refusal is in the
    /// client's own dialect.
    pub(super) fn admit(
        &mut self,
        level: Level,
        client_level: Level,
        legal: States,
    ) -> Result<(), Reply> {
        if !self.dialect.accepts(level) {
            return Err(Reply::bad("There is no such command in this dialect"));
        }
        self.climb(client_level);
        let already = || Reply::bad("You are logged in already");
        let (state, refusal) = match self.protocol_state {
            ProtocolState::Authenticated if self.selected.is_some() => {
                (States::SELECTED, already())
            }
            ProtocolState::Authenticated if legal.contains(States::SELECTED) => {
                (States::AUTHENTICATED, Reply::nothing_selected())
            }
            ProtocolState::Authenticated => (States::AUTHENTICATED, already()),
            _ => (States::NOT_AUTHENTICATED, Reply::not_logged_in()),
        };
        match legal.contains(state) {
            true => Ok(()),
            false => Err(refusal),
        }
    }

    /// Lets the dialect climb: the client has shown that it speaks at least `level`.
    pub(super) fn climb(&mut self, level: Level) {
        let before = self.dialect.level();
        self.dialect.climb(level);
        let now = self.dialect.level();
        if now != before {
            log::debug!("{}: the client speaks {now:?}", self.log_prefix());
        }
    }

    /// True if the client may send STARTTLS.
    pub(super) fn may_start_tls(&self) -> bool {
        self.config.offers_tls && self.peer.tls.is_none() && !self.is_logged_in()
    }

    /// Forgets what the client said in clear text, except that it knows STARTTLS: a third party may
    /// have said it.
    pub(super) fn handle_tls(&mut self, info: TlsInfo) {
        self.peer.tls = Some(Box::new(info));
        self.peer.may_log_in = true;
        self.enabled = Enabled::default();
        self.pending = Pending::Nothing;
    }

    /// Logs the user in.
    pub(super) fn log_in(&mut self, user: &str, account: Account) {
        self.user = Some(user.into());
        self.change_wire_log(&Rc::clone(&self.config).wire_log);
        if self.config.autocreate {
            let autocreate = Autocreate::new(account.clone(), self.log_prefix());
            self.autocreate = Some(Box::new(autocreate));
        }
        self.account = Some(account);
        self.protocol_state = ProtocolState::Authenticated;
    }

    /// Begins or ends the wire log of this session, as `wanted` says.
    pub(super) fn change_wire_log(&mut self, wanted: &WireLog) {
        if !wanted.includes(self.peer.address, self.user.as_deref()) {
            self.wire_logger = None;
        } else if self.wire_logger.is_none() {
            let logger = WireLogger::new(&self.peer.to_string(), self.output.unsent() > 0);
            self.wire_logger = Some(Box::new(logger));
        }
    }

    /// Writes a command to the wire log; of an APPEND, what comes before the message.
    pub(super) fn log_command(&mut self, text: &[u8]) {
        let is_logged_in = self.is_logged_in();
        if let Some(logger) = &mut self.wire_logger {
            logger.log_command(text, is_logged_in);
        }
    }

    /// Writes another line of the client to the wire log.
    pub(super) fn log_line(&self, text: &[u8]) {
        if let Some(logger) = &self.wire_logger {
            logger.log_line(text);
        }
    }

    /// Removes `count` octets from the output queue, which were sent.
    pub(super) fn consume(&mut self, count: usize) {
        if let Some(logger) = &mut self.wire_logger {
            let octets = self.output.poll();
            logger.log_sent(&octets[..count.min(octets.len())]);
        }
        self.output.consume(count);
        if let Some(logger) = &mut self.wire_logger {
            logger.note_queue(self.output.unsent() == 0);
        }
    }

    /// Logs why the output queue is broken, once.
    pub(super) fn log_output_failure(&mut self) {
        if let Some(error) = self.output.take_failure() {
            let log_prefix = self.log_prefix();
            log::error!("{log_prefix}: a message could not be sent to its end: {error}");
        }
    }

    /// True once the client has logged in.
    pub(super) fn is_logged_in(&self) -> bool {
        self.account.is_some()
    }

    /// Returns the beginning of every log line about this session: the connection, the user and the
    /// selected mailbox, as far as they are known.
    pub(super) fn log_prefix(&self) -> String {
        let mut prefix = self.peer.to_string();
        if let Some(user) = &self.user {
            prefix.push_str(&format!(", user {user:?}"));
        }
        if let Some(selected) = &self.selected {
            prefix.push_str(&format!(", mailbox {}", selected.name));
        }
        prefix
    }

    /// Returns the name of the user, once the client has logged in.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the account of the user. It is there for every command that needs a login.
    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Returns the view of the selected mailbox.
    pub(super) fn view(&self) -> Option<&View> {
        self.selected.as_ref().map(|selected| &selected.view)
    }

    /// Returns the messages that `$` stands for, as UIDs or as message sequence numbers.
    pub(super) fn saved(&self, uid: bool) -> Rc<NumberSet> {
        let saved = self.selected.as_ref().map(|selected| &selected.saved);
        let set = saved.map(|saved| if uid { &saved.uids } else { &saved.numbers });
        set.map(Rc::clone).unwrap_or_default()
    }

    /// Saves the messages that `$` stands for from now on.
    pub(super) fn save(&mut self, saved: SavedResult) {
        if let Some(selected) = &mut self.selected {
            selected.saved = saved;
        }
    }

    /// Deselects a mailbox that the client has deleted or renamed itself. Other sessions that have
    /// it selected lose their connection; this client knows that it is gone.
    pub(super) fn deselect(&mut self, gone: &MailboxRef) {
        if self
            .selected
            .as_ref()
            .is_some_and(|selected| selected.name == *gone)
        {
            self.selected = None;
        }
    }

    /// True if a mailbox is selected and may be changed.
    pub(super) fn may_write(&self) -> bool {
        self.view()
            .is_some_and(|view| view.access() == Access::ReadWrite)
    }

    /// True if the session takes no more commands.
    pub(super) fn is_finished(&self) -> bool {
        matches!(
            self.protocol_state,
            ProtocolState::LoggedOut | ProtocolState::Dropped
        )
    }

    /// Takes no more commands; the output that is queued is still sent.
    pub(super) fn finish(&mut self) {
        self.protocol_state = ProtocolState::LoggedOut;
        self.selected = None;
    }

    /// Takes no more commands and sends no more output.
    pub(super) fn drop_client(&mut self) {
        self.finish();
        self.protocol_state = ProtocolState::Dropped;
    }
}
