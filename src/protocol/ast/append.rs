//! The arguments of APPEND.

use crate::protocol::dialect::Level;
use crate::types::{DateTime, FlagList};

use super::request::States;

/// An APPEND up to the announcement of the literal that is its first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppendArguments {
    /// The tag, to be repeated in the tagged response.
    pub(crate) tag: Vec<u8>,
    /// The destination.
    pub(crate) mailbox: Vec<u8>,
    /// The first message.
    pub(crate) message: AppendMessage,
    /// See [`super::Request::level`].
    pub(crate) level: Level,
    /// See [`super::Request::client_level`].
    pub(crate) client_level: Level,
}

/// What precedes each message of an APPEND (RFC 3502 §6.3.11 `append-message`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppendMessage {
    /// The flags of the message.
    pub(crate) flags: FlagList,
    /// Its internal date; `None` stands for the present time.
    pub(crate) date: Option<DateTime>,
    /// The form of the literal that carries it.
    pub(crate) data: AppendData,
}

/// The form in which the client sends a message to append (RFC 4466 §2.2 `append-data`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AppendData {
    /// The message is a literal8, which may contain the octet 0 (RFC 3516 §4.4).
    pub(crate) binary: bool,
    /// The message is in parentheses, the closing one after the literal; its header may be in UTF-8
    /// (RFC 6855 §4).
    pub(crate) utf8: bool,
}

impl AppendArguments {
    /// Returns the states in which APPEND is legal.
    pub(crate) fn states(&self) -> States {
        States::LOGGED_IN
    }
}
