//! A whole command: tag, name and arguments.

use crate::protocol::ast::{Command, ParseError, Request};

use super::command_table::{ArgumentSyntax, CommandRow, row_by_name};
use super::cursor::{Cursor, Parsed};
use super::sequence_set::sequence_set;
use super::tag::tag;

/// Parses a command without its line end.
///
/// # Errors
/// The error to be answered BAD.
pub(crate) fn parse_request(text: &[u8]) -> Result<Request, ParseError> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).map_err(|reason| ParseError {
        tag: None,
        reason: reason.into(),
    })?;
    let Some(row) = command_row(&mut cursor) else {
        return Err(ParseError {
            tag: Some(tag),
            reason: "there is no such command".into(),
        });
    };
    match arguments(&mut cursor, row) {
        Ok(command) => Ok(Request {
            tag,
            command,
            level: cursor.level(),
            client_level: cursor.client_level(),
            states: row.states,
        }),
        Err(reason) => Err(ParseError::in_command(tag, row.name, reason)),
    }
}

/// Returns the error of a command of which only the beginning is known, such as one that is too
/// long.
pub(crate) fn reject_command(text: &[u8], reason: &'static str) -> ParseError {
    ParseError {
        tag: tag(&mut Cursor::new(text)).ok(),
        reason: reason.into(),
    }
}

/// A command parsed up to its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline<'t> {
    /// The tag.
    pub(crate) tag: Vec<u8>,
    /// The name in capitals, without the prefix UID.
    pub(crate) name: &'static str,
    /// All octets behind the name.
    pub(crate) arguments: &'t [u8],
}

/// Parses a command up to its name, whatever its arguments are. Returns `None` if the tag is wrong
/// or the command unknown.
///
/// ```text
/// outline = tag SP ["UID" SP] name *OCTET
/// ```
pub(crate) fn outline(text: &[u8]) -> Option<Outline<'_>> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).ok()?;
    let mut row = command_row(&mut cursor)?;
    if let ArgumentSyntax::UidCommand = row.arguments {
        row = command_row(&mut cursor)?;
    }
    Some(Outline {
        tag,
        name: row.name,
        arguments: cursor.take_rest().trim_ascii_start(),
    })
}

fn command_row(cursor: &mut Cursor<'_>) -> Option<&'static CommandRow> {
    cursor.space().ok()?;
    let word = cursor.word();
    row_by_name(word)
}

/// Parses the rest of a command.
fn arguments(cursor: &mut Cursor<'_>, row: &CommandRow) -> Parsed<Command> {
    cursor.needs(row.level);
    let command = match &row.arguments {
        ArgumentSyntax::Nothing(command) => command.clone(),
        ArgumentSyntax::Parse(parser) => {
            cursor.space()?;
            parser(cursor)?
        }
        ArgumentSyntax::UidCommand => {
            cursor.space()?;
            uid_command(cursor)?
        }
    };
    cursor.end()?;
    Ok(command)
}

/// Parses what follows UID.
///
/// ```text
/// uid  = "UID" SP (copy / fetch / search / store)                RFC 3501 §9
/// uid =/ "UID" SP "EXPUNGE" SP sequence-set                      RFC 4315 §4
/// uid =/ "UID" SP move                                           RFC 6851 §5
/// sort = ["UID" SP] "SORT" ... ; thread = ["UID" SP] "THREAD" ... RFC 5256 §5
/// ```
fn uid_command(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    const REASON: &str =
        "only COPY, EXPUNGE, FETCH, MOVE, SEARCH, SORT, STORE or THREAD can follow";
    let row = row_by_name(cursor.word()).ok_or(REASON)?;
    match row.arguments {
        // UID UID, which would recurse without end.
        ArgumentSyntax::UidCommand => return Err(REASON),
        ArgumentSyntax::Nothing(Command::Expunge(_)) => {
            cursor.space()?;
            return sequence_set(cursor).map(|uids| Command::Expunge(Some(uids)));
        }
        _ => {}
    }
    let mut command = arguments(cursor, row)?;
    match &mut command {
        Command::Copy(arguments) | Command::Move(arguments) => arguments.uid = true,
        Command::Fetch(arguments) => arguments.uid = true,
        Command::Search(arguments) => arguments.uid = true,
        Command::Sort(arguments) => arguments.uid = true,
        Command::Store(arguments) => arguments.uid = true,
        Command::Thread(arguments) => arguments.uid = true,
        _ => return Err(REASON),
    }
    Ok(command)
}
