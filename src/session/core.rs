//! What a session knows, without its input: the part that commands work on.

use std::rc::Rc;

use super::output::Output;
use super::{Peer, Request, SessionConfig, Verdict};
use crate::protocol::dialect::{Dialect, Level};
use crate::protocol::encode::Encoder;
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
}

/// The user who is logged in.
pub(super) struct User {
    pub(super) name: String,
    pub(super) account: Account,
}

/// State, dialect, selected mailbox and output of a session.
pub(super) struct Core {
    pub(super) config: Rc<SessionConfig>,
    pub(super) peer: Peer,
    pub(super) dialect: Dialect,
    pub(super) state: State,
    pub(super) user: Option<User>,
    pub(super) selected: Option<Selected>,
    pub(super) output: Output,
    pub(super) request: Option<Request>,
    pub(super) awaits_verdict: bool,
    pub(super) verdict: Option<Verdict>,
    /// Whether the last command was answered BAD.
    pub(super) last_was_bad: bool,
    /// Where the last partial FETCH ended, so that the next one need not count from the start.
    pub(super) resume: Option<super::reader::Resume>,
}

impl Core {
    pub(super) fn new(config: Rc<SessionConfig>, peer: Peer) -> Self {
        Self {
            dialect: config.dialect,
            config,
            peer,
            state: State::NotAuthenticated,
            user: None,
            selected: None,
            output: Output::default(),
            request: None,
            awaits_verdict: false,
            verdict: None,
            last_was_bad: false,
            resume: None,
        }
    }

    /// An encoder for the next response, with the string rules of the dialect.
    pub(super) fn encoder(&mut self) -> Encoder<'_> {
        Encoder::new(self.output.bytes(), self.dialect)
    }

    pub(super) fn climb(&mut self, level: Level) {
        let before = self.dialect.level();
        self.dialect.climb(level);
        if self.dialect.level() != before {
            log::debug!("{}: speaks {:?}", self.peer.name, self.dialect.level());
        }
    }

    pub(super) fn log_in(&mut self, name: String, account: Account) {
        log::info!("{}: logged in as {name}", self.peer.name);
        self.user = Some(User { name, account });
        self.state = State::Authenticated;
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.user.is_some()
    }

    /// The account of the user. Only commands that need a login ask.
    pub(super) fn account(&self) -> Option<&Account> {
        self.user.as_ref().map(|user| &user.account)
    }

    pub(super) fn view(&self) -> Option<&View> {
        self.selected.as_ref().map(|selected| &selected.view)
    }

    /// True if a mailbox is selected and may be changed.
    pub(super) fn may_write(&self) -> bool {
        self.view().is_some_and(|view| view.access() == Access::ReadWrite)
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
