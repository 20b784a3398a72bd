//! What a client can want.
//!
//! A new command is a variant here, a row of the table (`table.rs`), and a parser in the file of its
//! family.

use std::fmt;

use zeroize::Zeroizing;

use crate::types::{FlagList, FlagOperation, MessageSet};

use super::fetch::FetchItem;
use super::id::IdFields;
use super::list::ListArguments;
use super::mailbox::{MailboxKind, StatusItem};
use super::resync::{FetchModifiers, SelectParameters};
use super::sasl::Mechanism;
use super::search::{SearchKey, SearchReturn};
use super::sort::{SortCriterion, ThreadAlgorithm};

/// A password. It does not show itself, and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Keeps this vector, and no copy of it.
    pub fn new(password: Vec<u8>) -> Self {
        Self(Zeroizing::new(password))
    }

    /// The password itself, for whoever verifies it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a client wants. Names of mailboxes are as sent, and may be no names at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Say who one is, step by step.
    Authenticate {
        /// How; nothing stands for a way that is not known here.
        mechanism: Option<Mechanism>,
        /// The first response, out of its wrapping, if it came along (RFC 4959).
        initial: Option<Secret>,
    },
    /// Select a bulletin board (RFC 1176 p. 11).
    Bboard {
        /// Its name.
        name: Vec<u8>,
    },
    /// What the server can do.
    Capability,
    /// Look for news of the mailbox.
    Check,
    /// Remove the deleted messages without a word, and leave the mailbox.
    Close,
    /// Copy messages.
    Copy {
        /// The set is of unique identifiers.
        uid: bool,
        /// Which.
        set: MessageSet,
        /// Where to.
        mailbox: Vec<u8>,
    },
    /// Create a mailbox.
    Create {
        /// Its name.
        mailbox: Vec<u8>,
        /// The attributes of the special uses it is to have (RFC 6154 §3).
        uses: Vec<Vec<u8>>,
    },
    /// Delete a mailbox.
    Delete {
        /// Its name.
        mailbox: Vec<u8>,
    },
    /// Select a mailbox for reading only.
    Examine {
        /// Its name.
        mailbox: Vec<u8>,
        /// How.
        parameters: SelectParameters,
    },
    /// Switch extensions on that change what the server says (RFC 5161).
    Enable {
        /// Their names.
        extensions: Vec<Vec<u8>>,
    },
    /// Remove the deleted messages.
    Expunge {
        /// Only those with these unique identifiers.
        uids: Option<MessageSet>,
    },
    /// Data of messages.
    Fetch {
        /// The set is of unique identifiers.
        uid: bool,
        /// Which messages.
        set: MessageSet,
        /// Which data, at least one item.
        items: Vec<FetchItem>,
        /// Of which of them.
        modifiers: FetchModifiers,
    },
    /// Names of mailboxes or bulletin boards, in the old way (RFC 1176 p. 12, RFC 2062 p. 1-2).
    Find {
        /// Which kind.
        what: MailboxKind,
        /// All of them, not only what is subscribed to.
        all: bool,
        /// See [`super::Pattern::find`].
        pattern: Vec<u8>,
    },
    /// Say what program one is.
    Id {
        /// What it says of itself.
        fields: IdFields,
    },
    /// Be told of changes as they happen (RFC 2177).
    Idle,
    /// Names of mailboxes.
    List(ListArguments),
    /// Say who one is.
    Login {
        /// The user.
        user: Vec<u8>,
        /// The password.
        password: Secret,
    },
    /// Say goodbye.
    Logout,
    /// Move messages.
    Move {
        /// The set is of unique identifiers.
        uid: bool,
        /// Which.
        set: MessageSet,
        /// Where to.
        mailbox: Vec<u8>,
    },
    /// Where the mailboxes are.
    Namespace,
    /// Nothing.
    Noop,
    /// A piece of a message (RFC 2062 p. 3).
    Partial {
        /// The number of the message.
        number: u32,
        /// Of which text.
        item: FetchItem,
        /// The first octet, counted from 1.
        start: u32,
        /// How many octets.
        count: u32,
    },
    /// Rename a mailbox.
    Rename {
        /// The mailbox.
        from: Vec<u8>,
        /// Its new name.
        to: Vec<u8>,
    },
    /// Search for messages.
    Search {
        /// The answer is to be in unique identifiers.
        uid: bool,
        /// What is to be told of what was found, in an extended search.
        returns: Option<SearchReturn>,
        /// The charset of the strings in the keys.
        charset: Option<Vec<u8>>,
        /// All must hold; at least one.
        keys: Vec<SearchKey>,
    },
    /// Select a mailbox.
    Select {
        /// Its name.
        mailbox: Vec<u8>,
        /// How.
        parameters: SelectParameters,
    },
    /// Search for messages, and sort them.
    Sort {
        /// The answer is to be in unique identifiers.
        uid: bool,
        /// By what; the first counts most.
        criteria: Vec<SortCriterion>,
        /// The charset of the strings in the keys.
        charset: Vec<u8>,
        /// All must hold; at least one.
        keys: Vec<SearchKey>,
    },
    /// Begin TLS.
    StartTls,
    /// Facts of a mailbox that need not be selected.
    Status {
        /// Its name.
        mailbox: Vec<u8>,
        /// Which facts, each once, at least one.
        items: Vec<StatusItem>,
    },
    /// Change flags.
    Store {
        /// The set is of unique identifiers.
        uid: bool,
        /// Of which messages.
        set: MessageSet,
        /// How.
        operation: FlagOperation,
        /// The new flags need not be told.
        silent: bool,
        /// Which flags.
        flags: FlagList,
        /// Only of messages with no greater mod-sequence.
        unchanged_since: Option<u64>,
    },
    /// Subscribe, or unsubscribe.
    Subscribe {
        /// What the name is of.
        what: MailboxKind,
        /// The name.
        name: Vec<u8>,
        /// Subscribe.
        on: bool,
    },
    /// Search for messages, and tell which answer which.
    Thread {
        /// The answer is to be in unique identifiers.
        uid: bool,
        /// How to find that out.
        algorithm: ThreadAlgorithm,
        /// The charset of the strings in the keys.
        charset: Vec<u8>,
        /// All must hold; at least one.
        keys: Vec<SearchKey>,
    },
    /// Leave the mailbox, and remove nothing (RFC 3691).
    Unselect,
}
