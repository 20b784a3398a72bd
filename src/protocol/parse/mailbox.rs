//! The arguments of the commands about mailboxes and bulletin boards.
//!
//! Names come out of here as the octets that the client sent; whether they are names is for
//! [`crate::types::MailboxName`] to say.

use std::borrow::Cow;

use super::cursor::{Cursor, Parsed};
use super::mod_sequence::select_parameters;
use crate::protocol::ast::{
    Command, CreateArguments, FindArguments, RenameArguments, SelectArguments, StatusArguments,
    SubscribeArguments,
};
use crate::protocol::dialect::Level;

/// What FIND and SUBSCRIBE are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailboxKind {
    /// Mailboxes of the user.
    Mailbox,
    /// Bulletin boards.
    Bboard,
}

/// What STATUS can tell (RFC 3501 §6.3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusItem {
    /// How long a message to append may be, in octets (RFC 7889 §3.1).
    AppendLimit,
    /// How many messages are deleted (RFC 9051 §6.3.11).
    Deleted,
    /// The greatest mod-sequence (RFC 7162 §3.1.7).
    HighestModSeq,
    /// How many messages there are.
    Messages,
    /// How many of them are recent.
    Recent,
    /// The octets of all messages (RFC 8438).
    Size,
    /// The unique identifier that the next message may get.
    UidNext,
    /// The validity of the unique identifiers.
    UidValidity,
    /// How many messages are not seen.
    Unseen,
}

impl StatusItem {
    /// All there are.
    pub(crate) const ALL: &[Self] = &[
        Self::AppendLimit,
        Self::Deleted,
        Self::HighestModSeq,
        Self::Messages,
        Self::Recent,
        Self::Size,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AppendLimit => "APPENDLIMIT",
            Self::Deleted => "DELETED",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::Size => "SIZE",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
        }
    }
}

/// More than there are special uses, likewise.
const MAX_USES: usize = 20;
/// More than there are items, for the sake of clients that repeat themselves.
const MAX_STATUS_ITEMS: usize = 20;

/// ```text
/// mailbox ::= "INBOX" / string                                   RFC 1064 p. 25
/// ```
pub(super) fn mailbox(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.string().map(Cow::into_owned)
}

/// ```text
/// select ::= "SELECT" SP mailbox                                 RFC 1064 p. 26
/// select   = "SELECT" SP mailbox [select-params]                 RFC 4466 §6
/// ```
pub(super) fn select(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    select_arguments(cursor).map(Command::Select)
}

/// ```text
/// examine = "EXAMINE" SP mailbox [select-params]
/// ```
pub(super) fn examine(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    select_arguments(cursor).map(Command::Examine)
}

fn select_arguments(cursor: &mut Cursor<'_>) -> Parsed<SelectArguments> {
    Ok(SelectArguments {
        mailbox: mailbox(cursor)?,
        parameters: select_parameters(cursor)?,
    })
}

/// ```text
/// bboard ::= "BBOARD" SP string                                  RFC 1176 p. 26
/// ```
pub(super) fn bboard(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    mailbox(cursor).map(Command::Bboard)
}

/// ```text
/// create        = "CREATE" SP mailbox [create-params]            RFC 4466 §6
/// create-params = SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"
///                                                                RFC 6154 §6
/// ```
pub(super) fn create(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = mailbox(cursor)?;
    let mut uses = Vec::new();
    if !cursor.is_at_end() {
        cursor.space()?;
        cursor.needs(Level::Imap4);
        for named in cursor.list(1, create_param)? {
            uses.extend(named);
        }
    }
    Ok(Command::Create(CreateArguments { mailbox, uses }))
}

fn create_param(cursor: &mut Cursor<'_>) -> Parsed<Vec<Vec<u8>>> {
    if !cursor.eat_word("USE") {
        return Err("only USE can be given with a name");
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

/// The pattern is a string if it looks like one, else it is the rest of the line, for names may have
/// spaces; c-client sends an empty one.
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

/// With one argument it is the command of IMAP4, whatever the argument is; with two it is that of
/// IMAP2bis, and the first one says what the second one names.
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
        _ => return Err("it takes a name, with or without MAILBOX or BBOARD before it"),
    };
    cursor.space()?;
    let name = mailbox(cursor)?;
    Ok(SubscribeArguments { kind, name })
}

/// ```text
/// status     = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
/// status-att = "APPENDLIMIT" / "DELETED" / "HIGHESTMODSEQ" / "MESSAGES" / "RECENT" / "SIZE" / "UIDNEXT" /
///              "UIDVALIDITY" / "UNSEEN"
/// ```
pub(super) fn status(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = mailbox(cursor)?;
    cursor.space()?;
    let items = status_items(cursor)?;
    Ok(Command::Status(StatusArguments { mailbox, items }))
}

/// The list of items, each once, at least one.
pub(super) fn status_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<StatusItem>> {
    let mut items = Vec::new();
    for item in cursor.list(MAX_STATUS_ITEMS, status_item)? {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    match items.is_empty() {
        true => Err("nothing is asked for"),
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

    type Parser = fn(&mut Cursor<'_>) -> Parsed<Command>;

    fn parse(parser: Parser, text: &str) -> Parsed<(Level, Command)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parser(&mut cursor)?;
        cursor.end()?;
        Ok((cursor.level(), command))
    }

    #[test]
    fn find_patterns() {
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
            assert_eq!(parse(find, text), Ok((level, want)), "{text}");
        }
        for text in [
            "",
            "MAIL *",
            "ALL *",
            "MAILBOXES \"a",
            "MAILBOXES \"a\" b",
            "MAILBOXES a\0",
        ] {
            assert!(parse(find, text).is_err(), "{text}");
        }
    }

    #[test]
    fn subscribe_old_and_new() {
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
            let got = parse(subscribe, text);
            assert_eq!(got, Ok((level, want)), "{text}");
        }
        for text in ["", "a b", "\"MAILBOX\" a", "MAILBOX a b"] {
            assert!(parse(subscribe, text).is_err(), "{text}");
        }
    }

    #[test]
    fn status_items_once_each() {
        let want = Command::Status(StatusArguments {
            mailbox: b"INBOX".to_vec(),
            items: vec![StatusItem::Unseen, StatusItem::Messages],
        });
        let got = parse(status, "INBOX (unseen MESSAGES UNSEEN)");
        assert_eq!(got.map(|(_, command)| command), Ok(want));
        for text in ["INBOX", "INBOX ()", "INBOX (COLOUR)", "INBOX MESSAGES"] {
            assert!(parse(status, text).is_err(), "{text}");
        }
    }

    #[test]
    fn create_with_uses() {
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
    fn rename_takes_two() {
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
