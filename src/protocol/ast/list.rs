//! The arguments of LIST and LSUB.

use super::status::StatusItem;

/// The arguments of LIST or LSUB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListArguments {
    /// Which of the two commands.
    pub(crate) kind: ListKind,
    /// The reference, which precedes each pattern.
    pub(crate) reference: Vec<u8>,
    /// The patterns (see [`crate::protocol::Pattern::list`]); a name has to match one of them.
    pub(crate) patterns: Vec<Vec<u8>>,
    /// The selection options.
    pub(crate) selection: ListSelection,
    /// The return options.
    pub(crate) returns: ListReturns,
    /// The client used the syntax of RFC 5258, which RFC 3501 does not have.
    pub(crate) is_extended: bool,
}

/// LIST or LSUB: a command and the untagged responses to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// LIST
    List,
    /// LSUB
    Lsub,
}

impl ListKind {
    /// Returns the name of the command.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "LIST",
            Self::Lsub => "LSUB",
        }
    }
}

/// The selection options (RFC 5258 §3.1). REMOTE is accepted and has no effect, because the server
/// has no remote mailboxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListSelection {
    /// Names that the user is subscribed to, whether such a mailbox exists or not.
    pub(crate) subscribed: bool,
    /// Mailboxes that have a special use.
    pub(crate) special_use: bool,
    /// Also the names above a selected name (RECURSIVEMATCH).
    pub(crate) recursive: bool,
}

impl ListSelection {
    /// Returns the names of the options that restrict the selection, for CHILDINFO.
    pub(crate) fn criteria(self) -> impl Iterator<Item = &'static str> {
        [
            (self.subscribed, "SUBSCRIBED"),
            (self.special_use, "SPECIAL-USE"),
        ]
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name))
    }
}

/// The return options (RFC 5258 §3.2): what each response shall contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ListReturns {
    /// Whether the mailbox has children.
    pub(crate) children: bool,
    /// The special uses of the mailbox.
    pub(crate) special_use: bool,
    /// The items of a STATUS response for the mailbox; empty for no such response (RFC 5819).
    pub(crate) status: Vec<StatusItem>,
    /// Whether the user is subscribed to the name.
    pub(crate) subscribed: bool,
}
