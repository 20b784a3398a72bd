//! The arguments of APPEND, which are parsed before its message arrives.

use crate::protocol::ast::{AppendArguments, AppendData, AppendMessage, Command, ParseError};
use crate::protocol::dialect::Level;
use crate::types::{DateTime, FlagList};

use super::cursor::{Cursor, Parsed};
use super::date::date_time;
use super::flags::flag_list;
use super::mailbox_name::mailbox;
use super::tag::tag;

/// Parses a command up to and including the announcement of a literal (see
/// [`Framer::text`](crate::protocol::Framer::text)).
///
/// Returns `None` if the literal is an argument like any other, because the command is not APPEND
/// or the literal is the name of its mailbox. Otherwise the literal is the message to append, and
/// an error says that the message need not be sent because the command is already wrong.
pub(crate) fn parse_append(text: &[u8]) -> Option<Result<AppendArguments, ParseError>> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).ok()?;
    cursor.space().ok()?;
    if !cursor.eat_word("APPEND") {
        return None;
    }
    cursor.space().ok()?;
    if is_announcement(cursor.clone()) {
        return None;
    }
    let arguments = arguments(&mut cursor, &tag);
    Some(arguments.map_err(|reason| ParseError::in_command(tag, "APPEND", reason)))
}

/// True if only the announcement of a literal is left.
fn is_announcement(mut cursor: Cursor<'_>) -> bool {
    cursor.announcement().is_ok() && cursor.is_at_end()
}

fn arguments(cursor: &mut Cursor<'_>, tag: &[u8]) -> Parsed<AppendArguments> {
    let mailbox = destination(cursor)?;
    let message = append_message(cursor)?;
    Ok(AppendArguments {
        tag: tag.to_vec(),
        mailbox,
        message,
        level: cursor.level(),
        client_level: cursor.client_level(),
    })
}

/// ```text
/// append         = "APPEND" SP mailbox 1*append-message          RFC 3502 §6.3.11
/// ```
fn destination(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.needs(Level::Imap2bis);
    let mailbox = mailbox(cursor)?;
    cursor.space()?;
    Ok(mailbox)
}

/// Parses the text between two messages of one APPEND, up to and including the announcement of the
/// second.
///
/// # Errors
/// The text for the client.
pub(crate) fn parse_append_more(text: &[u8]) -> Result<AppendMessage, &'static str> {
    let mut cursor = Cursor::new(text);
    cursor.space()?;
    append_message(&mut cursor)
}

/// ```text
/// append-message = append-opts SP append-data                    RFC 3502 §6.3.11
/// ```
fn append_message(cursor: &mut Cursor<'_>) -> Parsed<AppendMessage> {
    let (flags, date) = append_options(cursor)?;
    let data = append_data(cursor)?;
    Ok(AppendMessage { flags, date, data })
}

/// ```text
/// append-opts = [SP flag-list] [SP date-time]                    RFC 3502 §6.3.11
/// ```
fn append_options(cursor: &mut Cursor<'_>) -> Parsed<(FlagList, Option<DateTime>)> {
    let mut flags = FlagList::default();
    if cursor.peek() == Some(b'(') {
        flags = flag_list(cursor)?;
        cursor.space()?;
    }
    let mut date = None;
    if cursor.peek() == Some(b'"') {
        date = Some(date_time(cursor)?);
        cursor.space()?;
    }
    Ok((flags, date))
}

/// Parses the announcement of a message.
///
/// ```text
/// append-data  = literal / literal8                              RFC 4466 §2.2, RFC 3516 §7
/// append-data =/ "UTF8" SP "(" literal8 ")"                      RFC 6855 §4
/// ```
fn append_data(cursor: &mut Cursor<'_>) -> Parsed<AppendData> {
    let utf8 = cursor.eat_word("UTF8");
    if utf8 {
        cursor.space()?;
        cursor.expect_open()?;
    }
    let binary = cursor.eat(b'~');
    if utf8 && !binary {
        return Err("a message in UTF-8 must be a literal8, ~{n}");
    }
    if binary {
        cursor.needs(Level::Imap4);
    }
    cursor.announcement()?;
    cursor.end()?;
    Ok(AppendData { binary, utf8 })
}

/// Returns the error of an APPEND that arrived as a whole, without a streamed message.
pub(super) fn append(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    destination(cursor)?;
    append_options(cursor)?;
    Err("the message must be a literal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Flags;

    fn parse(text: &str) -> Option<Result<AppendArguments, ParseError>> {
        parse_append(text.as_bytes())
    }

    #[test]
    fn reads_flags_and_date() {
        let got = parse("a append \"x y\" (\\Seen $Junk) \" 9-Jun-1988 12:55:43 -0700\" {5}");
        let got = got.expect("an APPEND").expect("a valid one");
        assert_eq!((&got.tag[..], &got.mailbox[..]), (&b"a"[..], &b"x y"[..]));
        let AppendMessage { flags, date, .. } = got.message;
        assert_eq!((flags.system, flags.keywords.len()), (Flags::SEEN, 1));
        assert_eq!(date, Some(DateTime { unix: 581_889_343 }));
        assert_eq!(got.level, Level::Imap2bis);
    }

    #[test]
    fn flags_and_date_are_optional() {
        for (text, level) in [
            ("a APPEND x {5}", Level::Imap2bis),
            ("a APPEND {1}\r\nx {99999999999999999999}", Level::Imap2bis),
            ("a APPEND x () {5+}", Level::Imap4),
        ] {
            let got = parse(text).expect(text).expect(text);
            assert_eq!((&got.mailbox[..], got.message.date), (&b"x"[..], None));
            assert_eq!(got.level, level);
        }
    }

    #[test]
    fn other_literals_are_arguments() {
        for text in [
            "",
            "a",
            "a APPEND {5}",
            "a APPEND {5+}",
            "a LOGIN {5}",
            "a APPENDX y {5}",
            "* APPEND x {5}",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn reads_what_precedes_another_message() {
        let parse = |text: &str| parse_append_more(text.as_bytes());
        let text = " (\\Seen) \" 9-Jun-1988 12:55:43 -0700\" {5+}";
        let message = parse(text).expect("a valid text");
        assert_eq!(message.flags.system, Flags::SEEN);
        assert_eq!(message.date, Some(DateTime { unix: 581_889_343 }));
        let none = |data| {
            Ok(AppendMessage {
                flags: FlagList::default(),
                date: None,
                data,
            })
        };
        assert_eq!(parse(" {5}"), none(AppendData::default()));
        let binary = AppendData {
            binary: true,
            utf8: false,
        };
        assert_eq!(parse(" ~{5}"), none(binary));
        let utf8 = AppendData {
            utf8: true,
            ..binary
        };
        assert_eq!(parse(" utf8 (~{5+}"), none(utf8));
        for wrong in [
            "",
            " ",
            "{5}",
            " (\\Nonsense) {5}",
            " x {5}",
            " (\\Seen)",
            " {5} {6}",
            " UTF8 {5}",
            " UTF8 ({5}",
            " UTF8 ~{5}",
            " ~ {5}",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn refuses_an_append_before_its_message_arrives() {
        for text in [
            "a APPEND x (\\Nonsense) {5}",
            "a APPEND x (\\Seen {5}",
            "a APPEND x \"yesterday\" {5}",
            "a APPEND x \\Seen {5}",
            "a APPEND x y {5}",
            "a APPEND \"x {5}",
        ] {
            let error = parse(text).expect(text).expect_err(text);
            assert_eq!(error.tag.as_deref(), Some(&b"a"[..]));
        }
    }
}
