//! What a client can want.
//!
//! A new command is a variant here, a row of the table (`table.rs`), and a parser in the file of its
//! family.

use std::fmt;

use zeroize::Zeroizing;

use crate::types::{FlagList, FlagOperation, MessageSet};

use crate::protocol::parse::authenticate::{Credentials, Mechanism};
use crate::protocol::parse::fetch::FetchItem;
use crate::protocol::parse::id::IdFields;
use crate::protocol::parse::list::ListArguments;
use crate::protocol::parse::mailbox::{MailboxKind, StatusItem};
use crate::protocol::parse::mod_sequence::{FetchModifiers, SelectParameters};
use crate::protocol::parse::search::{SearchKey, SearchReturn};
use crate::protocol::parse::sort::{SortCriterion, ThreadAlgorithm};

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

/// A command and its arguments. Mailbox names are the octets that the client sent; they may not be valid names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Starts a SASL authentication.
    Authenticate(AuthenticateArguments),
    /// Selects the bulletin board of that name (RFC 1176 p. 11).
    Bboard(Vec<u8>),
    /// Asks for the capabilities of the server.
    Capability,
    /// Asks for changes of the mailbox.
    Check,
    /// Expunges the deleted messages without untagged responses, and leaves the mailbox.
    Close,
    /// Copies messages.
    Copy(CopyArguments),
    /// Creates a mailbox.
    Create(CreateArguments),
    /// Deletes the mailbox of that name.
    Delete(Vec<u8>),
    /// Selects a mailbox for reading only.
    Examine(SelectArguments),
    /// Switches on the extensions of these names, which change what the server sends (RFC 5161).
    Enable(Vec<Vec<u8>>),
    /// Expunges the deleted messages; of UID EXPUNGE only those with these UIDs (RFC 4315 §2.1).
    Expunge(Option<MessageSet>),
    /// Asks for data of messages.
    Fetch(FetchArguments),
    /// Asks for names of mailboxes or bulletin boards, in the IMAP2 way (RFC 1176 p. 12, RFC 2062 p. 1-2).
    Find(FindArguments),
    /// Names the client's program (RFC 2971).
    Id(IdFields),
    /// Asks for changes as they happen (RFC 2177).
    Idle,
    /// Asks for names of mailboxes: LIST or LSUB.
    List(ListArguments),
    /// Logs in with user and password.
    Login(Credentials),
    /// Ends the session.
    Logout,
    /// Moves messages (RFC 6851).
    Move(CopyArguments),
    /// Asks for the prefixes of mailbox names (RFC 2342).
    Namespace,
    /// Does nothing.
    Noop,
    /// Asks for a range of octets of a message (RFC 2062 p. 3).
    Partial(PartialArguments),
    /// Renames a mailbox.
    Rename(RenameArguments),
    /// Searches for messages.
    Search(SearchArguments),
    /// Selects a mailbox.
    Select(SelectArguments),
    /// Searches for messages and sorts them (RFC 5256).
    Sort(SortArguments),
    /// Starts TLS.
    StartTls,
    /// Asks for the status of a mailbox that need not be selected.
    Status(StatusArguments),
    /// Changes flags.
    Store(StoreArguments),
    /// Subscribes to a mailbox or bulletin board.
    Subscribe(SubscribeArguments),
    /// Searches for messages and groups them into threads (RFC 5256).
    Thread(ThreadArguments),
    /// Leaves the mailbox without expunging (RFC 3691).
    Unselect,
    /// Unsubscribes from a mailbox or bulletin board.
    Unsubscribe(SubscribeArguments),
}

/// The arguments of AUTHENTICATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthenticateArguments {
    /// The mechanism; `None` if the server does not know the name.
    pub mechanism: Option<Mechanism>,
    /// The initial response, decoded from base64, if the client sent one (RFC 4959).
    pub initial: Option<Secret>,
}

/// The arguments of COPY and MOVE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyArguments {
    /// The set is of UIDs.
    pub uid: bool,
    /// The messages.
    pub set: MessageSet,
    /// The destination.
    pub mailbox: Vec<u8>,
}

/// The arguments of CREATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreateArguments {
    /// The name of the new mailbox.
    pub mailbox: Vec<u8>,
    /// The attributes of the special uses it shall have (RFC 6154 §3).
    pub uses: Vec<Vec<u8>>,
}

/// The arguments of SELECT and EXAMINE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectArguments {
    /// The name of the mailbox.
    pub mailbox: Vec<u8>,
    /// What follows the name in parentheses.
    pub parameters: SelectParameters,
}

/// The arguments of FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchArguments {
    /// The set is of UIDs.
    pub uid: bool,
    /// The messages.
    pub set: MessageSet,
    /// The data items, at least one.
    pub items: Vec<FetchItem>,
    /// What follows the items in parentheses.
    pub modifiers: FetchModifiers,
}

/// The arguments of FIND.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FindArguments {
    /// What the names are of.
    pub kind: MailboxKind,
    /// All names, not only those that the user is subscribed to.
    pub all: bool,
    /// See [`crate::protocol::Pattern::find`].
    pub pattern: Vec<u8>,
}

/// The arguments of PARTIAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialArguments {
    /// The sequence number of the message.
    pub number: u32,
    /// The text that the range is of.
    pub item: FetchItem,
    /// The first octet, counted from 1.
    pub start: u32,
    /// The number of octets.
    pub count: u32,
}

/// The arguments of RENAME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenameArguments {
    /// The present name of the mailbox.
    pub from: Vec<u8>,
    /// Its new name.
    pub to: Vec<u8>,
}

/// The arguments of SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchArguments {
    /// The answer shall be in UIDs.
    pub uid: bool,
    /// The result options of an extended search.
    pub returns: Option<SearchReturn>,
    /// The charset of the strings in the keys.
    pub charset: Option<Vec<u8>>,
    /// The search keys, at least one; a message must match all of them.
    pub keys: Vec<SearchKey>,
}

/// The arguments of SORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortArguments {
    /// The answer shall be in UIDs.
    pub uid: bool,
    /// The sort criteria, at least one, the most significant first.
    pub criteria: Vec<SortCriterion>,
    /// The charset of the strings in the keys.
    pub charset: Vec<u8>,
    /// The search keys, at least one; a message must match all of them.
    pub keys: Vec<SearchKey>,
}

/// The arguments of STATUS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusArguments {
    /// The name of the mailbox.
    pub mailbox: Vec<u8>,
    /// The status items, each once, at least one.
    pub items: Vec<StatusItem>,
}

/// The arguments of STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreArguments {
    /// The set is of UIDs.
    pub uid: bool,
    /// The messages.
    pub set: MessageSet,
    /// What to do with the flags.
    pub operation: FlagOperation,
    /// The client does not want to see the new flags.
    pub silent: bool,
    /// The flags.
    pub flags: FlagList,
    /// Changes only messages whose mod-sequence is not greater (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
}

/// The arguments of SUBSCRIBE and UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscribeArguments {
    /// What the name is of.
    pub kind: MailboxKind,
    /// The name.
    pub name: Vec<u8>,
}

/// The arguments of THREAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThreadArguments {
    /// The answer shall be in UIDs.
    pub uid: bool,
    /// The threading algorithm.
    pub algorithm: ThreadAlgorithm,
    /// The charset of the strings in the keys.
    pub charset: Vec<u8>,
    /// The search keys, at least one; a message must match all of them.
    pub keys: Vec<SearchKey>,
}
