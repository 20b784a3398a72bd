//! The configuration that all sessions of a server share.

use std::time::Duration;

use super::special_use::SpecialUses;
use super::wire_log::WireLog;
use crate::protocol::Dialect;

/// What the operator has chosen for all sessions.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The host name in the greeting.
    pub host: String,
    /// The dialect that a session starts in.
    pub dialect: Dialect,
    /// The longest message that APPEND takes, in octets.
    pub max_message: u64,
    /// A session that is logged in ends after this long without input (RFC 3501 §5.4).
    pub idle_timeout: Duration,
    /// The mailbox names that have special uses.
    pub special_uses: SpecialUses,
    /// Whether the mailboxes with special uses are created for a user who has only INBOX.
    pub autocreate: bool,
    /// The prefix of the names of all of the user's mailboxes but INBOX, as clients see them:
    /// `INBOX.`, as Courier has it, or empty.
    pub namespace_prefix: &'static str,
    /// Whether a client that connected without TLS may send STARTTLS.
    pub offers_tls: bool,
    /// The users and addresses of which a wire log is kept.
    pub wire_log: WireLog,
}

impl SessionConfig {
    /// Returns [`Self::max_message`] as a number of the protocol (RFC 3501 §9 `number`).
    pub(super) fn append_limit(&self) -> u32 {
        u32::try_from(self.max_message).unwrap_or(u32::MAX)
    }
}
