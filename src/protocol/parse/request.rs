//! From the text of a command to what it asks for: tag, name, arguments.

use std::borrow::Cow;

use super::command_table::{Arguments, Row, row_of};
use super::cursor::{Cursor, Parsed};
use super::sequence_set::sequence_set;
use crate::protocol::ast::Command;
use crate::protocol::dialect::Level;

/// Longest tag that is repeated.
pub(super) const MAX_TAG: usize = 100;

/// A command as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// To be repeated, octet by octet, in the answer.
    pub tag: Vec<u8>,
    /// What to do.
    pub command: Command,
    /// The lowest level that has all of it: below that, it is an unknown command.
    pub level: Level,
    /// The level that the client has shown to speak, which is what the dialect climbs to. At least
    /// [`Self::level`].
    pub trigger: Level,
    /// The states in which it is legal.
    pub states: States,
}

/// What is answered BAD, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The tag, if one was found; without it the answer is untagged.
    pub tag: Option<Vec<u8>>,
    /// For the client. It repeats nothing that the client sent.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(tag: Option<Vec<u8>>, command: &str, reason: &str) -> Self {
        Self {
            tag,
            reason: format!("{command}: {reason}").into(),
        }
    }

    /// The refusal of a command of which only the beginning is known, such as one that is too long.
    pub(crate) fn of(text: &[u8], reason: &'static str) -> Self {
        Self {
            tag: tag(&mut Cursor::new(text)).ok(),
            reason: reason.into(),
        }
    }
}

/// A set of the states a session can be in (RFC 3501 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct States(u8);

impl States {
    /// The client has not logged in.
    pub(crate) const NOT_AUTHENTICATED: Self = Self(1);
    /// It has, and no mailbox is selected.
    pub(crate) const AUTHENTICATED: Self = Self(2);
    /// A mailbox is selected.
    pub(crate) const SELECTED: Self = Self(4);

    pub(super) const LOGGED_IN: Self = Self::AUTHENTICATED.or(Self::SELECTED);
    pub(super) const ANY: Self = Self::NOT_AUTHENTICATED.or(Self::LOGGED_IN);

    /// The states of both.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all states of `other` are in the set.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Reads a command, without its line end.
///
/// # Errors
/// The refusal that is to be answered BAD.
pub(crate) fn parse(text: &[u8]) -> Result<Request, Refusal> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).map_err(|reason| Refusal {
        tag: None,
        reason: reason.into(),
    })?;
    let Some(row) = command_row(&mut cursor) else {
        return Err(Refusal {
            tag: Some(tag),
            reason: "there is no such command".into(),
        });
    };
    match arguments(&mut cursor, row) {
        Ok(command) => Ok(Request {
            tag,
            command,
            level: cursor.level(),
            trigger: cursor.trigger(),
            states: row.states,
        }),
        Err(reason) => Err(Refusal::new(Some(tag), row.name, reason)),
    }
}

/// A command of which only its name matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline<'t> {
    /// Its tag.
    pub tag: Vec<u8>,
    /// Its name, in capitals; of a command on UIDs, what follows that word.
    pub name: &'static str,
    /// All that follows the name.
    pub arguments: &'t [u8],
}

/// What a command is, if it begins as one of ours, whatever its arguments are.
///
/// ```text
/// outline = tag SP ["UID" SP] name *OCTET
/// ```
pub(crate) fn outline(text: &[u8]) -> Option<Outline<'_>> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).ok()?;
    let mut row = command_row(&mut cursor)?;
    if row.name == "UID" {
        row = command_row(&mut cursor)?;
    }
    Some(Outline {
        tag,
        name: row.name,
        arguments: cursor.take_rest().trim_ascii_start(),
    })
}

/// ```text
/// tag = 1*<any ASTRING-CHAR except "+">                          RFC 3501 §9
/// ```
pub(super) fn tag(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let tag =
        cursor.take_while(|octet| octet.is_ascii_graphic() && !b"(){%*\"\\+".contains(&octet));
    let ends = matches!(cursor.peek(), None | Some(b' '));
    match tag.len() {
        1..=MAX_TAG if ends => Ok(tag.to_vec()),
        _ => Err("a command must begin with a tag"),
    }
}

fn command_row(cursor: &mut Cursor<'_>) -> Option<&'static Row> {
    cursor.space().ok()?;
    let word = cursor.word();
    row_of(word)
}

fn arguments(cursor: &mut Cursor<'_>, row: &Row) -> Parsed<Command> {
    cursor.needs(row.level);
    let command = match &row.arguments {
        Arguments::None(command) => command.clone(),
        Arguments::Some(read) => {
            cursor.space()?;
            read(cursor)?
        }
    };
    cursor.end()?;
    Ok(command)
}

/// ```text
/// uid  = "UID" SP (copy / fetch / search / store)                RFC 3501 §9
/// uid =/ "UID" SP "EXPUNGE" SP sequence-set                      RFC 4315 §4
/// uid =/ "UID" SP move                                           RFC 6851 §5
/// sort = ["UID" SP] "SORT" ... ; thread = ["UID" SP] "THREAD" ... RFC 5256 §5
/// ```
pub(super) fn uid(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    const REASON: &str = "it goes with COPY, EXPUNGE, FETCH, MOVE, SEARCH, SORT, STORE and THREAD";
    let row = row_of(cursor.word()).filter(|row| row.name != "UID");
    let row = row.ok_or(REASON)?;
    if row.name == "EXPUNGE" {
        cursor.space()?;
        let uids = Some(sequence_set(cursor)?);
        return Ok(Command::Expunge(uids));
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
