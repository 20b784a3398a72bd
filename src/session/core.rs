//! What a session knows, without its input: the part that commands work on.

use std::rc::Rc;

use super::job::Reply;
use super::output::Output;
use super::reader::Resume;
use super::{Peer, Request, SessionConfig, Verdict};
use crate::protocol::{Dialect, Encoder, Level, States};
use crate::store::{Access, Account, View};
use crate::types::MailboxRef;

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
}

impl Selected {
    pub(super) fn new(name: MailboxRef, view: View) -> Self {
        Self {
            name,
            view,
            resume: None,
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

/// State, dialect, selected mailbox and output of a session.
pub(super) struct Core {
    pub(super) config: Rc<SessionConfig>,
    pub(super) peer: Peer,
    pub(super) dialect: Dialect,
    pub(super) enabled: Enabled,
    pub(super) state: State,
    /// Where the mail of the user is who is logged in.
    account: Option<Account>,
    pub(super) selected: Option<Selected>,
    pub(super) output: Output,
    pub(super) request: Option<Request>,
    pub(super) awaits_verdict: bool,
    pub(super) verdict: Option<Verdict>,
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
            selected: None,
            output: Output::default(),
            request: None,
            awaits_verdict: false,
            verdict: None,
            last_was_bad: false,
        }
    }

    /// An encoder for the next response, with the string rules of the dialect.
    pub(super) fn encoder(&mut self) -> Encoder<'_> {
        Encoder::new(self.output.bytes(), self.dialect)
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

    fn climb(&mut self, level: Level) {
        let before = self.dialect.level();
        self.dialect.climb(level);
        if self.dialect.level() != before {
            log::debug!("{}: speaks {:?}", self.peer.name, self.dialect.level());
        }
    }

    pub(super) fn log_in(&mut self, name: &str, account: Account) {
        log::info!("{}: logged in as {name}", self.peer.name);
        self.account = Some(account);
        self.state = State::Authenticated;
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.account.is_some()
    }

    /// The account of the user. Only commands that need a login ask.
    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub(super) fn view(&self) -> Option<&View> {
        self.selected.as_ref().map(|selected| &selected.view)
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
