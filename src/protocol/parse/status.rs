//! The arguments of STATUS.

use crate::protocol::ast::{Command, StatusArguments, StatusItem};

use super::cursor::{Cursor, Parsed};
use super::mailbox_name::mailbox;

/// Most items in one list. More than there are, for clients that repeat themselves.
const MAX_ITEMS: usize = 20;

/// ```text
/// status     = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
/// status-att = "APPENDLIMIT" / "DELETED" / "HIGHESTMODSEQ" / "MESSAGES" / "RECENT" / "SIZE" /
///              "UIDNEXT" / "UIDVALIDITY" / "UNSEEN"
/// ```
pub(super) fn status(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = mailbox(cursor)?;
    cursor.space()?;
    let items = status_items(cursor)?;
    Ok(Command::Status(StatusArguments { mailbox, items }))
}

/// Parses a list of items, at least one, and drops repetitions.
pub(super) fn status_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<StatusItem>> {
    let mut items = Vec::new();
    for item in cursor.list(MAX_ITEMS, status_item)? {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    match items.is_empty() {
        true => Err("the list of items is empty"),
        false => Ok(items),
    }
}

fn status_item(cursor: &mut Cursor<'_>) -> Parsed<StatusItem> {
    let word = cursor.word();
    StatusItem::ALL
        .iter()
        .copied()
        .find(|item| item.name().as_bytes().eq_ignore_ascii_case(word))
        .ok_or("there is no such status item")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_items_count_once() {
        let want = Command::Status(StatusArguments {
            mailbox: b"INBOX".to_vec(),
            items: vec![StatusItem::Unseen, StatusItem::Messages],
        });
        let parse = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            let command = status(&mut cursor)?;
            cursor.end().map(|()| command)
        };
        assert_eq!(parse("INBOX (unseen MESSAGES UNSEEN)"), Ok(want));
        for text in ["INBOX", "INBOX ()", "INBOX (COLOUR)", "INBOX MESSAGES"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
