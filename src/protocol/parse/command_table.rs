//! The table of commands: one row for each.

use crate::protocol::ast::{Command, States};
use crate::protocol::dialect::Level;

use super::cursor::{Cursor, Parsed};
use super::{
    append, authenticate, copy, enable, fetch, find, id, list, login, mailbox, search, select,
    sort, status, store, subscribe,
};

/// A command of the table.
pub(super) struct CommandRow {
    /// The name in capitals.
    pub(super) name: &'static str,
    /// The first level that has the command.
    pub(super) level: Level,
    /// The states in which the command is legal.
    pub(super) states: States,
    /// What follows the name.
    pub(super) arguments: ArgumentSyntax,
}

/// What follows the name of a command.
pub(super) enum ArgumentSyntax {
    /// Nothing; this is the command.
    Nothing(Command),
    /// A space and the arguments, which this function parses.
    Parse(fn(&mut Cursor<'_>) -> Parsed<Command>),
    /// A space and another command, which shall work on UIDs.
    UidCommand,
}

/// All commands, in alphabetical order.
///
/// ```text
/// request ::= tag SP (noop / login / logout / select / check / expunge / copy / fetch / store /
///             search / find / bboard) CRLF                       RFC 1176 p. 28
/// command   = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
/// ```
pub(super) static ROWS: [CommandRow; 36] = {
    use ArgumentSyntax::{Nothing, Parse, UidCommand};
    use Level::{Imap2, Imap2bis, Imap4};
    const ANY: States = States::ANY;
    const LOGGED_IN: States = States::LOGGED_IN;
    const SELECTED: States = States::SELECTED;
    [
        row("APPEND", Imap2bis, LOGGED_IN, Parse(append::append)),
        row(
            "AUTHENTICATE",
            Imap4,
            States::NOT_AUTHENTICATED,
            Parse(authenticate::authenticate),
        ),
        row("BBOARD", Imap2, LOGGED_IN, Parse(select::bboard)),
        row("CAPABILITY", Imap4, ANY, Nothing(Command::Capability)),
        row("CHECK", Imap2, SELECTED, Nothing(Command::Check)),
        row("CLOSE", Imap4, SELECTED, Nothing(Command::Close)),
        row("COPY", Imap2, SELECTED, Parse(copy::copy)),
        row("CREATE", Imap2bis, LOGGED_IN, Parse(mailbox::create)),
        row("DELETE", Imap2bis, LOGGED_IN, Parse(mailbox::delete)),
        row("ENABLE", Imap4, LOGGED_IN, Parse(enable::enable)),
        row("EXAMINE", Imap2bis, LOGGED_IN, Parse(select::examine)),
        row("EXPUNGE", Imap2, SELECTED, Nothing(Command::Expunge(None))),
        row("FETCH", Imap2, SELECTED, Parse(fetch::fetch)),
        row("FIND", Imap2, LOGGED_IN, Parse(find::find)),
        row("ID", Imap4, ANY, Parse(id::id)),
        row("IDLE", Imap4, LOGGED_IN, Nothing(Command::Idle)),
        row("LIST", Imap4, LOGGED_IN, Parse(list::list)),
        row(
            "LOGIN",
            Imap2,
            States::NOT_AUTHENTICATED,
            Parse(login::login),
        ),
        row("LOGOUT", Imap2, ANY, Nothing(Command::Logout)),
        row("LSUB", Imap4, LOGGED_IN, Parse(list::lsub)),
        row("MOVE", Imap4, SELECTED, Parse(copy::move_messages)),
        row("NAMESPACE", Imap4, LOGGED_IN, Nothing(Command::Namespace)),
        row("NOOP", Imap2, ANY, Nothing(Command::Noop)),
        row("PARTIAL", Imap2bis, SELECTED, Parse(fetch::partial)),
        row("RENAME", Imap2bis, LOGGED_IN, Parse(mailbox::rename)),
        row("SEARCH", Imap2, SELECTED, Parse(search::search)),
        row("SELECT", Imap2, LOGGED_IN, Parse(select::select)),
        row("SORT", Imap4, SELECTED, Parse(sort::sort)),
        row(
            "STARTTLS",
            Imap4,
            States::NOT_AUTHENTICATED,
            Nothing(Command::StartTls),
        ),
        row("STATUS", Imap4, LOGGED_IN, Parse(status::status)),
        row("STORE", Imap2, SELECTED, Parse(store::store)),
        row(
            "SUBSCRIBE",
            Imap2bis,
            LOGGED_IN,
            Parse(subscribe::subscribe),
        ),
        row("THREAD", Imap4, SELECTED, Parse(sort::thread)),
        row("UID", Imap4, SELECTED, UidCommand),
        row("UNSELECT", Imap4, SELECTED, Nothing(Command::Unselect)),
        row(
            "UNSUBSCRIBE",
            Imap2bis,
            LOGGED_IN,
            Parse(subscribe::unsubscribe),
        ),
    ]
};

const fn row(
    name: &'static str,
    level: Level,
    states: States,
    arguments: ArgumentSyntax,
) -> CommandRow {
    CommandRow {
        name,
        level,
        states,
        arguments,
    }
}

/// Returns the row of the command of that name, in any case.
pub(super) fn row_by_name(name: &[u8]) -> Option<&'static CommandRow> {
    ROWS.iter()
        .find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}
