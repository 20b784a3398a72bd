//! The table of commands: one row for each.

use super::append::append;
use super::copy;
use super::cursor::{Cursor, Parsed};
use super::request::{States, uid};
use super::{authenticate, fetch, id, list, login, mailbox, search, sort, store};
use crate::protocol::ast::Command;
use crate::protocol::dialect::Level;

/// One command of the table.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The first protocol that has it.
    pub(super) level: Level,
    /// Where it is legal.
    pub(super) states: States,
    pub(super) arguments: Arguments,
}

/// What follows the name of a command.
pub(super) enum Arguments {
    /// Nothing.
    None(Command),
    /// A space, and what this reads.
    Some(fn(&mut Cursor<'_>) -> Parsed<Command>),
}

/// ```text
/// request ::= tag SP (noop / login / logout / select / check / expunge / copy / fetch / store / search /
///             find / bboard) CRLF                                RFC 1176 p. 28
/// command   = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
/// ```
pub(super) static ROWS: [Row; 36] = {
    use Level::{Imap2, Imap2bis, Imap4};
    const ANY: States = States::ANY;
    const LOGGED_IN: States = States::LOGGED_IN;
    const SELECTED: States = States::SELECTED;
    [
        row("APPEND", Imap2bis, LOGGED_IN, append),
        row(
            "AUTHENTICATE",
            Imap4,
            States::NOT_AUTHENTICATED,
            authenticate::authenticate,
        ),
        row("BBOARD", Imap2, LOGGED_IN, mailbox::bboard),
        bare("CAPABILITY", Imap4, ANY, Command::Capability),
        bare("CHECK", Imap2, SELECTED, Command::Check),
        bare("CLOSE", Imap4, SELECTED, Command::Close),
        row("COPY", Imap2, SELECTED, copy::copy),
        row("CREATE", Imap2bis, LOGGED_IN, mailbox::create),
        row("DELETE", Imap2bis, LOGGED_IN, mailbox::delete),
        row("ENABLE", Imap4, LOGGED_IN, login::enable),
        row("EXAMINE", Imap2bis, LOGGED_IN, mailbox::examine),
        bare("EXPUNGE", Imap2, SELECTED, Command::Expunge(None)),
        row("FETCH", Imap2, SELECTED, fetch::fetch),
        row("FIND", Imap2, LOGGED_IN, mailbox::find),
        row("ID", Imap4, ANY, id::id),
        bare("IDLE", Imap4, LOGGED_IN, Command::Idle),
        row("LIST", Imap4, LOGGED_IN, list::list),
        row("LOGIN", Imap2, States::NOT_AUTHENTICATED, login::login),
        bare("LOGOUT", Imap2, ANY, Command::Logout),
        row("LSUB", Imap4, LOGGED_IN, list::lsub),
        row("MOVE", Imap4, SELECTED, copy::move_messages),
        bare("NAMESPACE", Imap4, LOGGED_IN, Command::Namespace),
        bare("NOOP", Imap2, ANY, Command::Noop),
        row("PARTIAL", Imap2bis, SELECTED, fetch::partial),
        row("RENAME", Imap2bis, LOGGED_IN, mailbox::rename),
        row("SEARCH", Imap2, SELECTED, search::search),
        row("SELECT", Imap2, LOGGED_IN, mailbox::select),
        row("SORT", Imap4, SELECTED, sort::sort),
        bare(
            "STARTTLS",
            Imap4,
            States::NOT_AUTHENTICATED,
            Command::StartTls,
        ),
        row("STATUS", Imap4, LOGGED_IN, mailbox::status),
        row("STORE", Imap2, SELECTED, store::store),
        row("SUBSCRIBE", Imap2bis, LOGGED_IN, mailbox::subscribe),
        row("THREAD", Imap4, SELECTED, sort::thread),
        row("UID", Imap4, SELECTED, uid),
        bare("UNSELECT", Imap4, SELECTED, Command::Unselect),
        row("UNSUBSCRIBE", Imap2bis, LOGGED_IN, mailbox::unsubscribe),
    ]
};

const fn row(
    name: &'static str,
    level: Level,
    states: States,
    arguments: fn(&mut Cursor<'_>) -> Parsed<Command>,
) -> Row {
    let arguments = Arguments::Some(arguments);
    Row {
        name,
        level,
        states,
        arguments,
    }
}

const fn bare(name: &'static str, level: Level, states: States, command: Command) -> Row {
    let arguments = Arguments::None(command);
    Row {
        name,
        level,
        states,
        arguments,
    }
}

/// The row of that name, in capitals or not.
pub(super) fn row_of(name: &[u8]) -> Option<&'static Row> {
    ROWS.iter()
        .find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}
