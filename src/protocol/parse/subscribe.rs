//! The arguments of SUBSCRIBE and UNSUBSCRIBE.

use crate::protocol::ast::{Command, MailboxKind, SubscribeArguments};
use crate::protocol::dialect::Level;

use super::cursor::{Cursor, Parsed};
use super::mailbox_name::mailbox;

/// ```text
/// subscribe     = "SUBSCRIBE" SP mailbox                         RFC 3501 §9
/// subscribe_old ::= "SUBSCRIBE" SPACE "MAILBOX" SPACE mailbox    RFC 2062 p. 7
/// ```
pub(super) fn subscribe(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    subscription(cursor).map(Command::Subscribe)
}

/// ```text
/// unsubscribe     = "UNSUBSCRIBE" SP mailbox                     RFC 3501 §9
/// unsubscribe_old ::= "UNSUBSCRIBE" SPACE "MAILBOX" SPACE mailbox
/// ```
pub(super) fn unsubscribe(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    subscription(cursor).map(Command::Unsubscribe)
}

/// Parses one argument, which is the name (IMAP4), or two, of which the first says what the second
/// names (IMAP2bis).
fn subscription(cursor: &mut Cursor<'_>) -> Parsed<SubscribeArguments> {
    let is_string = matches!(cursor.peek(), Some(b'"' | b'{'));
    let first = mailbox(cursor)?;
    if cursor.is_at_end() {
        cursor.needs(Level::Imap4);
        return Ok(SubscribeArguments {
            kind: MailboxKind::Mailbox,
            name: first,
        });
    }
    cursor.needs(Level::Imap2bis);
    let kind = match first.to_ascii_uppercase().as_slice() {
        b"MAILBOX" if !is_string => MailboxKind::Mailbox,
        b"BBOARD" if !is_string => MailboxKind::Bboard,
        _ => return Err("a name was expected, with or without MAILBOX or BBOARD before it"),
    };
    cursor.space()?;
    let name = mailbox(cursor)?;
    Ok(SubscribeArguments { kind, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<(Level, Command)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = subscribe(&mut cursor)?;
        cursor.end()?;
        Ok((cursor.level(), command))
    }

    #[test]
    fn takes_one_argument_or_two() {
        use MailboxKind::{Bboard, Mailbox};
        for (text, level, kind, name) in [
            ("a", Level::Imap4, Mailbox, "a"),
            ("MAILBOX", Level::Imap4, Mailbox, "MAILBOX"),
            ("Mailbox a", Level::Imap2bis, Mailbox, "a"),
            ("MAILBOX MAILBOX", Level::Imap2bis, Mailbox, "MAILBOX"),
            ("bboard \"a b\"", Level::Imap2bis, Bboard, "a b"),
        ] {
            let name = name.into();
            let want = Command::Subscribe(SubscribeArguments { kind, name });
            let got = parse(text);
            assert_eq!(got, Ok((level, want)), "{text}");
        }
        for text in ["", "a b", "\"MAILBOX\" a", "MAILBOX a b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
