//! The commands.
//!
//! A new command is a variant here, an argument struct in the file of its family, a row of
//! `parse/command_table.rs`, and a parser in `parse/`.

use crate::types::SequenceSet;

use super::copy::CopyArguments;
use super::credentials::{AuthenticateArguments, Credentials};
use super::fetch::{FetchArguments, PartialArguments};
use super::list::ListArguments;
use super::mailbox::{CreateArguments, FindArguments, RenameArguments, SubscribeArguments};
use super::search::SearchArguments;
use super::select::SelectArguments;
use super::sort::{SortArguments, ThreadArguments};
use super::status::StatusArguments;
use super::store::StoreArguments;

/// What a client says of its program in ID: pairs of a field name and a value (RFC 2971 §3.3).
pub(crate) type IdFields = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A command and its arguments.
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
    Expunge(Option<SequenceSet>),
    /// Asks for data of messages.
    Fetch(FetchArguments),
    /// Asks for names of mailboxes or bulletin boards, in the IMAP2 way (RFC 1176 p. 12,
    /// RFC 2062 p. 1-2).
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
