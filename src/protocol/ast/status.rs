//! The arguments of STATUS.

/// The arguments of STATUS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusArguments {
    /// The name of the mailbox.
    pub(crate) mailbox: Vec<u8>,
    /// The status items, each once, at least one.
    pub(crate) items: Vec<StatusItem>,
}

/// A status item (RFC 3501 §6.3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusItem {
    /// The greatest size of a message to append, in octets (RFC 7889 §3.1).
    AppendLimit,
    /// The number of messages with `\Deleted` (RFC 9051 §6.3.11).
    Deleted,
    /// The greatest mod-sequence (RFC 7162 §3.1.7).
    HighestModSeq,
    /// The number of messages.
    Messages,
    /// The number of messages with `\Recent`.
    Recent,
    /// The size of all messages together, in octets (RFC 8438).
    Size,
    /// The least UID that the next message can get.
    UidNext,
    /// The UIDVALIDITY.
    UidValidity,
    /// The number of messages without `\Seen`.
    Unseen,
}

impl StatusItem {
    /// All status items.
    pub(crate) const ALL: &[Self] = &[
        Self::AppendLimit,
        Self::Deleted,
        Self::HighestModSeq,
        Self::Messages,
        Self::Recent,
        Self::Size,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
    ];

    /// Returns the name of the item.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AppendLimit => "APPENDLIMIT",
            Self::Deleted => "DELETED",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::Size => "SIZE",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
        }
    }
}
