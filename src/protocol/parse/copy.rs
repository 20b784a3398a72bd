//! The arguments of COPY (RFC 1064 p. 13) and MOVE (RFC 6851).

use crate::protocol::ast::{Command, CopyArguments};

use super::cursor::{Cursor, Parsed};
use super::mailbox_name::mailbox;
use super::sequence_set::sequence_set;

/// ```text
/// copy ::= "COPY" SP sequence SP mailbox                         RFC 1064 p. 24
/// ```
pub(super) fn copy(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    arguments(cursor).map(Command::Copy)
}

/// ```text
/// move = "MOVE" SP sequence-set SP mailbox                       RFC 6851 §5
/// ```
pub(super) fn move_messages(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    arguments(cursor).map(Command::Move)
}

fn arguments(cursor: &mut Cursor<'_>) -> Parsed<CopyArguments> {
    let set = sequence_set(cursor)?;
    cursor.space()?;
    Ok(CopyArguments {
        uid: false,
        set,
        mailbox: mailbox(cursor)?,
    })
}
