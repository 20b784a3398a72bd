//! A command with its tag, or the reason why the server cannot read it.

use std::borrow::Cow;

use crate::protocol::dialect::Level;

use super::command::Command;

/// A command as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The tag, to be repeated octet by octet in the tagged response.
    pub(crate) tag: Vec<u8>,
    /// The command.
    pub(crate) command: Command,
    /// The lowest level that has the command and all of its arguments. To a session below that
    /// level it is an unknown command.
    pub(crate) level: Level,
    /// The level that the command shows the client to speak, to which the dialect climbs. At least
    /// [`Self::level`].
    pub(crate) client_level: Level,
    /// The states in which the command is legal.
    pub(crate) states: States,
}

/// The reason for a BAD response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// The tag, if the client sent a valid one; without it the response is untagged.
    pub(crate) tag: Option<Vec<u8>>,
    /// The text for the client. It repeats nothing that the client sent.
    pub(crate) reason: Cow<'static, str>,
}

impl ParseError {
    /// Returns the error of a command whose arguments are wrong.
    pub(crate) fn in_command(tag: Vec<u8>, command: &str, reason: &str) -> Self {
        Self {
            tag: Some(tag),
            reason: format!("{command}: {reason}").into(),
        }
    }
}

/// A set of session states (RFC 3501 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct States(u8);

impl States {
    /// The client has not logged in.
    pub(crate) const NOT_AUTHENTICATED: Self = Self(1);
    /// The client has logged in and has no mailbox selected.
    pub(crate) const AUTHENTICATED: Self = Self(2);
    /// The client has a mailbox selected.
    pub(crate) const SELECTED: Self = Self(4);

    /// The client has logged in.
    pub(crate) const LOGGED_IN: Self = Self::AUTHENTICATED.or(Self::SELECTED);
    /// Any state.
    pub(crate) const ANY: Self = Self::NOT_AUTHENTICATED.or(Self::LOGGED_IN);

    /// Returns the union of both sets.
    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all states of `other` are in the set.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
