//! The arguments of FIND.

use crate::protocol::ast::{Command, FindArguments, MailboxKind};
use crate::protocol::dialect::Level;

use super::cursor::{Cursor, Parsed};

/// Parses the arguments of FIND. A pattern that begins like a string is a string; any other pattern
/// is the rest of the line, because names may contain spaces. c-client sends an empty pattern.
///
/// ```text
/// find        ::= "FIND" SP find_option SP string                RFC 1176 p. 27
/// find_option ::= ["ALL."] ("MAILBOXES" / "BBOARDS")             RFC 2062 p. 7
/// ```
pub(super) fn find(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let (kind, all) = find_option(cursor)?;
    if all {
        cursor.needs(Level::Imap2bis);
    }
    if !cursor.is_at_end() {
        cursor.space()?;
    }
    let pattern = match cursor.peek() {
        Some(b'"' | b'{') => cursor.string()?.into_owned(),
        _ => cursor.take_rest().trim_ascii_end().to_vec(),
    };
    if pattern.iter().any(u8::is_ascii_control) {
        return Err("a pattern must not have control characters");
    }
    Ok(Command::Find(FindArguments { kind, all, pattern }))
}

fn find_option(cursor: &mut Cursor<'_>) -> Parsed<(MailboxKind, bool)> {
    for (name, kind, all) in [
        ("MAILBOXES", MailboxKind::Mailbox, false),
        ("ALL.MAILBOXES", MailboxKind::Mailbox, true),
        ("BBOARDS", MailboxKind::Bboard, false),
        ("ALL.BBOARDS", MailboxKind::Bboard, true),
    ] {
        if cursor.eat_word(name) {
            return Ok((kind, all));
        }
    }
    Err("only MAILBOXES, ALL.MAILBOXES, BBOARDS and ALL.BBOARDS can be found")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<(Level, Command)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = find(&mut cursor)?;
        cursor.end()?;
        Ok((cursor.level(), command))
    }

    #[test]
    fn a_pattern_is_a_string_or_the_rest_of_the_line() {
        use MailboxKind::{Bboard, Mailbox};
        for (text, level, kind, all, pattern) in [
            ("MAILBOXES *", Level::Imap2, Mailbox, false, "*"),
            ("mailboxes a b*", Level::Imap2, Mailbox, false, "a b*"),
            ("MAILBOXES ", Level::Imap2, Mailbox, false, ""),
            ("MAILBOXES", Level::Imap2, Mailbox, false, ""),
            ("BBOARDS \"\"", Level::Imap2, Bboard, false, ""),
            ("All.Mailboxes \"*\"", Level::Imap2bis, Mailbox, true, "*"),
            (
                "ALL.BBOARDS {3}\r\na%?",
                Level::Imap2bis,
                Bboard,
                true,
                "a%?",
            ),
        ] {
            let pattern = pattern.into();
            let want = Command::Find(FindArguments { kind, all, pattern });
            assert_eq!(parse(text), Ok((level, want)), "{text}");
        }
        for text in [
            "",
            "MAIL *",
            "ALL *",
            "MAILBOXES \"a",
            "MAILBOXES \"a\" b",
            "MAILBOXES a\0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
