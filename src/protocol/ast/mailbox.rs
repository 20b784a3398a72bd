//! The arguments of the commands that manage and find mailboxes and bulletin boards.

/// What a name is of, in FIND, SUBSCRIBE and UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailboxKind {
    /// A mailbox of the user.
    Mailbox,
    /// A bulletin board.
    Bboard,
}

/// The arguments of CREATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateArguments {
    /// The name of the new mailbox.
    pub(crate) mailbox: Vec<u8>,
    /// The attributes of the special uses it shall have (RFC 6154 §3).
    pub(crate) uses: Vec<Vec<u8>>,
}

/// The arguments of FIND.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FindArguments {
    /// What the names are of.
    pub(crate) kind: MailboxKind,
    /// All names, not only those that the user is subscribed to.
    pub(crate) all: bool,
    /// The pattern that the names have to match (see [`crate::protocol::Pattern::find`]).
    pub(crate) pattern: Vec<u8>,
}

/// The arguments of RENAME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenameArguments {
    /// The present name of the mailbox.
    pub(crate) from: Vec<u8>,
    /// Its new name.
    pub(crate) to: Vec<u8>,
}

/// The arguments of SUBSCRIBE and UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscribeArguments {
    /// What the name is of.
    pub(crate) kind: MailboxKind,
    /// The name.
    pub(crate) name: Vec<u8>,
}
