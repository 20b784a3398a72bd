//! What a session knows, without its input: the part that commands work on.

use std::rc::Rc;

use super::job::Reply;
use super::output::Output;
use super::reader::Resume;
use super::special_use::Furnish;
use super::wire::Wire;
use super::{LoginRequest, LoginVerdict, Peer, SessionConfig, TlsInfo, WireLog};
use crate::protocol::{Dialect, Encoder, Level, States};
use crate::store::{Access, Account, MessageRef, View};
use crate::types::{MailboxRef, NumberSet};
use zeroize::Zeroizing;

/// The states of RFC 3501 §3, and one for a client that is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    NotAuthenticated,
    Authenticated,
    /// The last line is written; the connection ends when it is sent.
    LoggedOut,
    /// The connection ends now.
    Dropped,
}

/// The selected mailbox.
pub(super) struct Selected {
    pub(super) name: MailboxRef,
    pub(super) view: View,
    /// Where the last partial FETCH ended, so that the next one need not count from the start.
    pub(super) resume: Option<Resume>,
    /// What the last search has saved.
    pub(super) saved: Saved,
}

/// The messages that `$` stands for (RFC 5182), both as numbers and as unique identifiers.
#[derive(Debug, Clone, Default)]
pub(super) struct Saved {
    pub(super) numbers: NumberSet,
    pub(super) uids: NumberSet,
}

impl Saved {
    pub(super) fn insert(&mut self, message: &MessageRef) {
        self.numbers.insert(message.number);
        self.uids.insert(message.uid.get());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }
}

impl Selected {
    pub(super) fn new(name: MailboxRef, view: View) -> Self {
        Self {
            name,
            view,
            resume: None,
            saved: Saved::default(),
        }
    }
}

/// What the client has shown to know or has switched on (RFC 5161). It lasts as long as the session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enabled {
    /// Mod-sequences.
    pub(super) condstore: bool,
    /// VANISHED in the place of EXPUNGE.
    pub(super) qresync: bool,
}

/// A line that is no command but goes on with one.
#[derive(Debug, Default)]
pub(super) enum Line {
    /// The next line is a command.
    #[default]
    Unwanted,
    /// The command that is being carried out waits for one.
    Awaited,
    /// It came, without its end. One with a literal, and one that is too long, comes to nothing.
    Here(Zeroizing<Vec<u8>>),
}

/// State, dialect, selected mailbox and output of a session.
pub(super) struct Core {
    pub(super) config: Rc<SessionConfig>,
    pub(super) peer: Peer,
    pub(super) dialect: Dialect,
    pub(super) enabled: Enabled,
    pub(super) state: State,
    /// Where the mail of the user is who is logged in.
    account: Option<Account>,
    /// Who that is.
    user: Option<Box<str>>,
    wire: Option<Box<Wire>>,
    pub(super) selected: Option<Selected>,
    /// What is to be done before the user's first command.
    pub(super) furnish: Option<Box<Furnish>>,
    pub(super) output: Output,
    pub(super) request: Option<LoginRequest>,
    pub(super) awaits_verdict: bool,
    pub(super) verdict: Option<LoginVerdict>,
    /// How often the client was denied.
    pub(super) failed_logins: u32,
    /// STARTTLS was answered, and the handshake is not over.
    pub(super) starts_tls: bool,
    /// The tag of the command that is being carried out.
    pub(super) tag: Vec<u8>,
    line: Line,
    /// IDLE is being carried out: changes of the mailbox are told as they happen.
    pub(super) idles: bool,
    /// The mailbox may have changed since IDLE has looked at it.
    pub(super) has_news: bool,
    /// Whether the last command was answered BAD.
    pub(super) last_was_bad: bool,
}

impl Core {
    pub(super) fn new(config: Rc<SessionConfig>, peer: Peer) -> Self {
        Self {
            dialect: config.dialect,
            config,
            peer,
            enabled: Enabled::default(),
            state: State::NotAuthenticated,
            account: None,
            user: None,
            wire: None,
            selected: None,
            furnish: None,
            output: Output::default(),
            request: None,
            awaits_verdict: false,
            verdict: None,
            failed_logins: 0,
            starts_tls: false,
            tag: Vec::new(),
            line: Line::default(),
            idles: false,
            has_news: false,
            last_was_bad: false,
        }
    }

    /// An encoder for the next response, with the string rules of the dialect.
    pub(super) fn encoder(&mut self) -> Encoder<'_> {
        Encoder::new(self.output.bytes(), self.dialect)
    }

    /// The line that the client goes on with. If it has not come, the command is to yield
    /// [`Why::Line`](crate::budget::Why::Line).
    pub(super) fn take_line(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        match std::mem::take(&mut self.line) {
            Line::Here(line) => Some(line),
            Line::Unwanted | Line::Awaited => {
                self.line = Line::Awaited;
                None
            }
        }
    }

    pub(super) fn awaits_line(&self) -> bool {
        matches!(self.line, Line::Awaited)
    }

    pub(super) fn give_line(&mut self, line: Zeroizing<Vec<u8>>) {
        self.line = Line::Here(line);
    }

    /// Whether a command of that level is legal now, in those states. If the dialect has it, it climbs,
    /// so that even a refusal is in the client's own dialect.
    pub(super) fn admit(
        &mut self,
        level: Level,
        trigger: Level,
        legal: States,
    ) -> Result<(), Reply> {
        if !self.dialect.accepts(level) {
            return Err(Reply::bad("There is no such command in this dialect"));
        }
        self.climb(trigger);
        let (state, otherwise) = match self.state {
            State::Authenticated if self.selected.is_some() => {
                (States::SELECTED, "You are logged in already")
            }
            State::Authenticated if legal.contains(States::SELECTED) => {
                (States::AUTHENTICATED, "Select a mailbox first")
            }
            State::Authenticated => (States::AUTHENTICATED, "You are logged in already"),
            _ => (States::NOT_AUTHENTICATED, "Log in first"),
        };
        if legal.contains(state) {
            Ok(())
        } else {
            Err(Reply::bad(otherwise))
        }
    }

    /// The client has shown to speak at least that.
    pub(super) fn climb(&mut self, level: Level) {
        let before = self.dialect.level();
        self.dialect.climb(level);
        if self.dialect.level() != before {
            log::debug!("{}: speaks {:?}", self.peer.name, self.dialect.level());
        }
    }

    /// True if the client may begin TLS.
    pub(super) fn may_start_tls(&self) -> bool {
        self.config.offers_tls && self.peer.tls.is_none() && !self.is_logged_in()
    }

    /// Nothing is kept of what was said in clear text but that the client knows STARTTLS: anybody
    /// may have said it.
    pub(super) fn handle_tls(&mut self, info: TlsInfo) {
        self.peer.tls = Some(Box::new(info));
        self.peer.may_log_in = true;
        self.enabled = Enabled::default();
        self.starts_tls = false;
    }

    pub(super) fn log_in(&mut self, user: &str, account: Account) {
        self.user = Some(user.into());
        self.begin_or_end_wire_log(&Rc::clone(&self.config).wire_log);
        if self.config.autocreate {
            self.furnish = Some(Box::new(Furnish::new(account.clone())));
        }
        self.account = Some(account);
        self.state = State::Authenticated;
    }

    /// Keeps a wire log from now on, or no more, as the operator wants it.
    pub(super) fn begin_or_end_wire_log(&mut self, wanted: &WireLog) {
        if !wanted.is_kept_of(self.peer.address, self.user.as_deref()) {
            self.wire = None;
        } else if self.wire.is_none() {
            let wire = Wire::new(&self.peer.name, self.output.unsent() > 0);
            self.wire = Some(Box::new(wire));
        }
    }

    /// For the wire log: the client has sent a command, or the beginning of one that ends in a message.
    pub(super) fn note_command(&mut self, text: &[u8]) {
        let is_logged_in = self.is_logged_in();
        if let Some(wire) = &mut self.wire {
            wire.command(text, is_logged_in);
        }
    }

    /// For the wire log: the client has sent something else, as a line.
    pub(super) fn note_line(&self, text: &[u8]) {
        if let Some(wire) = &self.wire {
            wire.other(text);
        }
    }

    /// So much of the output was sent.
    pub(super) fn consume(&mut self, count: usize) {
        if let Some(wire) = &mut self.wire {
            let octets = self.output.poll();
            wire.sent(&octets[..count.min(octets.len())]);
        }
        self.output.consume(count);
        if let Some(wire) = &mut self.wire {
            wire.note_end(self.output.unsent() == 0);
        }
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.account.is_some()
    }

    /// For the log: the client, the user, and where the mail is.
    pub(super) fn whose(&self) -> String {
        match (&self.user, &self.account) {
            (Some(user), Some(account)) => {
                format!("{}: {user:?}, {}", self.peer.name, account.root.display())
            }
            _ => self.peer.name.clone(),
        }
    }

    /// The account of the user. Only commands that need a login ask.
    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub(super) fn view(&self) -> Option<&View> {
        self.selected.as_ref().map(|selected| &selected.view)
    }

    /// What `$` stands for.
    pub(super) fn saved(&self, uid: bool) -> NumberSet {
        let saved = self.selected.as_ref().map(|selected| &selected.saved);
        let set = saved.map(|saved| if uid { &saved.uids } else { &saved.numbers });
        set.cloned().unwrap_or_default()
    }

    /// Keeps what `$` is to stand for.
    pub(super) fn save(&mut self, saved: Saved) {
        if let Some(selected) = &mut self.selected {
            selected.saved = saved;
        }
    }

    /// True if a mailbox is selected and may be changed.
    pub(super) fn may_write(&self) -> bool {
        self.view()
            .is_some_and(|view| view.access() == Access::ReadWrite)
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.state, State::LoggedOut | State::Dropped)
    }

    /// No more commands; what is written is still sent.
    pub(super) fn finish(&mut self) {
        self.state = State::LoggedOut;
        self.selected = None;
    }

    /// No more commands and no more output.
    pub(super) fn drop_client(&mut self) {
        self.finish();
        self.state = State::Dropped;
    }
}
