//! The arguments of the commands that create, delete and rename mailboxes.

use crate::protocol::ast::{Command, CreateArguments, RenameArguments};

use super::cursor::{Cursor, Parsed};
use super::mailbox_name::mailbox;

/// Most special uses in one CREATE. More than there are, for clients that repeat themselves.
const MAX_USES: usize = 20;

/// ```text
/// create        = "CREATE" SP mailbox [create-params]            RFC 4466 §6
/// create-params = SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"
///                                                                RFC 6154 §6
/// ```
pub(super) fn create(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = mailbox(cursor)?;
    let uses = cursor.parameters(1, create_param)?.concat();
    Ok(Command::Create(CreateArguments { mailbox, uses }))
}

fn create_param(cursor: &mut Cursor<'_>) -> Parsed<Vec<Vec<u8>>> {
    if !cursor.eat_word("USE") {
        return Err("the only parameter is USE");
    }
    cursor.space()?;
    cursor.list(MAX_USES, |cursor| match cursor.peek() {
        Some(b'\\') => cursor.atom().map(<[u8]>::to_vec),
        _ => Err("a special use begins with a backslash"),
    })
}

/// ```text
/// delete = "DELETE" SP mailbox
/// ```
pub(super) fn delete(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    mailbox(cursor).map(Command::Delete)
}

/// ```text
/// rename = "RENAME" SP mailbox SP mailbox
/// ```
pub(super) fn rename(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let from = mailbox(cursor)?;
    cursor.space()?;
    let to = mailbox(cursor)?;
    Ok(Command::Rename(RenameArguments { from, to }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dialect::Level;

    type Parser = fn(&mut Cursor<'_>) -> Parsed<Command>;

    fn parse(parser: Parser, text: &str) -> Parsed<(Level, Command)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parser(&mut cursor)?;
        cursor.end()?;
        Ok((cursor.level(), command))
    }

    #[test]
    fn create_takes_special_uses() {
        let uses = |text: &str| match parse(create, text) {
            Ok((level, Command::Create(create))) => Ok((level, create.uses.len())),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        assert_eq!(uses("a"), Ok((Level::Imap2, 0)));
        assert_eq!(uses("a ()"), Ok((Level::Imap4, 0)));
        assert_eq!(uses("a (USE ())"), Ok((Level::Imap4, 0)));
        assert_eq!(uses("\"a b\" (use (\\Sent \\All))"), Ok((Level::Imap4, 2)));
        for text in [
            "a b",
            "a (USE)",
            "a (USE (Sent))",
            "a (USE (\\Sent)",
            "a (X (\\Sent))",
        ] {
            assert!(uses(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rename_takes_two_names() {
        let want = Command::Rename(RenameArguments {
            from: b"a b".to_vec(),
            to: b"c".to_vec(),
        });
        assert_eq!(
            parse(rename, "\"a b\" c").map(|(_, command)| command),
            Ok(want)
        );
        assert!(parse(rename, "a").is_err());
    }
}
