//! COPY (RFC 1064 p. 13) and MOVE (RFC 6851).

use crate::types::MessageSet;

use super::command::Command;
use super::mailbox::mailbox;
use super::parser::{Cursor, Parsed};
use super::set::sequence_set;

/// ```text
/// copy ::= "COPY" SP sequence SP mailbox                         RFC 1064 p. 24
/// ```
pub(super) fn copy(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let (set, mailbox) = messages_and_mailbox(cursor)?;
    Ok(Command::Copy {
        uid: false,
        set,
        mailbox,
    })
}

/// ```text
/// move = "MOVE" SP sequence-set SP mailbox                       RFC 6851 §5
/// ```
pub(super) fn move_messages(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let (set, mailbox) = messages_and_mailbox(cursor)?;
    Ok(Command::Move {
        uid: false,
        set,
        mailbox,
    })
}

fn messages_and_mailbox(cursor: &mut Cursor<'_>) -> Parsed<(MessageSet, Vec<u8>)> {
    let set = sequence_set(cursor)?;
    cursor.space()?;
    Ok((set, mailbox(cursor)?))
}
