//! The arguments of APPEND, which are read before its message has come.

use crate::types::{DateTime, FlagList};

use super::cursor::{Cursor, Parsed};
use super::date::date_time;
use super::flags::flag_list;
use super::mailbox::mailbox;
use super::request::{Refusal, States, tag};
use crate::protocol::ast::Command;
use crate::protocol::dialect::Level;

/// An APPEND whose message is about to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppendArguments {
    /// To be repeated in the answer.
    pub tag: Vec<u8>,
    /// The mailbox, as sent.
    pub mailbox: Vec<u8>,
    /// The flags of the new message.
    pub flags: FlagList,
    /// Its internal date; `None`: now.
    pub date: Option<DateTime>,
    /// How it comes.
    pub data: AppendData,
    /// See [`super::request::Request::level`].
    pub level: Level,
    /// See [`super::request::Request::trigger`].
    pub trigger: Level,
}

/// How a message comes that is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AppendData {
    /// In a literal8: the octet 0 may be in it (RFC 3516 §4.4).
    pub binary: bool,
    /// In parentheses, of which the second one follows it: its header may be in UTF-8 (RFC 6855 §4).
    pub utf8: bool,
}

/// Reads what announces a message.
///
/// ```text
/// append-data  = literal / literal8                              RFC 4466 §2.2, RFC 3516 §7
/// append-data =/ "UTF8" SP "(" literal8 ")"                      RFC 6855 §4
/// ```
fn append_data(cursor: &mut Cursor<'_>) -> Parsed<AppendData> {
    let utf8 = cursor.eat_word("UTF8");
    if utf8 {
        cursor.space()?;
        cursor.eat(b'(').then_some(()).ok_or("( was expected")?;
    }
    let binary = cursor.eat(b'~');
    if utf8 && !binary {
        return Err("a message in UTF-8 is announced by ~{n}");
    }
    if binary {
        cursor.needs(Level::Imap4);
    }
    cursor.announcement()?;
    cursor.end()?;
    Ok(AppendData { binary, utf8 })
}

impl AppendArguments {
    /// The states in which APPEND is legal.
    pub(crate) fn states(&self) -> States {
        States::AUTHENTICATED.or(States::SELECTED)
    }
}

/// Reads a command that ends in the announcement of a literal ([`crate::protocol::framer::Framer::text`] at an offer).
///
/// `None` says that the literal is an argument like any other: it is no APPEND, or the literal is the
/// name of its mailbox. An error says that the APPEND is wrong already, so that its message need not
/// come. Otherwise the literal is the message.
pub(crate) fn parse_append(text: &[u8]) -> Option<Result<AppendArguments, Refusal>> {
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
    Some(arguments.map_err(|reason| Refusal::new(Some(tag), "APPEND", reason)))
}

/// True if nothing is left but the announcement of a literal.
fn is_announcement(mut cursor: Cursor<'_>) -> bool {
    cursor.announcement().is_ok() && cursor.is_at_end()
}

fn arguments(cursor: &mut Cursor<'_>, tag: &[u8]) -> Parsed<AppendArguments> {
    let (mailbox, flags, date) = before_message(cursor)?;
    let data = append_data(cursor)?;
    Ok(AppendArguments {
        tag: tag.to_vec(),
        mailbox,
        flags,
        date,
        data,
        level: cursor.level(),
        trigger: cursor.trigger(),
    })
}

/// ```text
/// append         = "APPEND" SP mailbox 1*append-message          RFC 3502 §6.3.11
/// append-message = append-opts SP append-data
/// ```
fn before_message(cursor: &mut Cursor<'_>) -> Parsed<(Vec<u8>, FlagList, Option<DateTime>)> {
    cursor.needs(Level::Imap2bis);
    let mailbox = mailbox(cursor)?;
    cursor.space()?;
    let (flags, date) = options(cursor)?;
    Ok((mailbox, flags, date))
}

/// Flags, internal date and form of a message that follows another one.
pub(crate) type NextMessage = (FlagList, Option<DateTime>, AppendData);

/// Reads what stands between two messages of one APPEND, up to and with the announcement of the second.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn parse_append_more(text: &[u8]) -> Result<NextMessage, &'static str> {
    let mut cursor = Cursor::new(text);
    cursor.space()?;
    let (flags, date) = options(&mut cursor)?;
    let data = append_data(&mut cursor)?;
    Ok((flags, date, data))
}

/// ```text
/// append-opts = [SP flag-list] [SP date-time]                    RFC 3502 §6.3.11
/// ```
fn options(cursor: &mut Cursor<'_>) -> Parsed<(FlagList, Option<DateTime>)> {
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

/// An APPEND that has come whole: one without a message, or whose message was not streamed. Says what
/// is wrong with it.
pub(super) fn append(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    before_message(cursor)?;
    Err("the message must be a literal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Flags;

    fn parse(text: &str) -> Option<Result<AppendArguments, Refusal>> {
        parse_append(text.as_bytes())
    }

    #[test]
    fn a_message_with_everything() {
        let got = parse("a append \"x y\" (\\Seen $Junk) \" 9-Jun-1988 12:55:43 -0700\" {5}");
        let got = got.expect("an APPEND").expect("which is right");
        assert_eq!((&got.tag[..], &got.mailbox[..]), (&b"a"[..], &b"x y"[..]));
        assert_eq!(
            (got.flags.system, got.flags.keywords.len()),
            (Flags::SEEN, 1)
        );
        assert_eq!(got.date, Some(DateTime { unix: 581_889_343 }));
        assert_eq!(got.level, Level::Imap2bis);
    }

    #[test]
    fn only_what_is_there() {
        for (text, level) in [
            ("a APPEND x {5}", Level::Imap2bis),
            ("a APPEND {1}\r\nx {99999999999999999999}", Level::Imap2bis),
            ("a APPEND x () {5+}", Level::Imap4),
        ] {
            let got = parse(text).expect(text).expect(text);
            assert_eq!((&got.mailbox[..], got.date), (&b"x"[..], None));
            assert_eq!(got.level, level);
        }
    }

    #[test]
    fn other_literals() {
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
    fn more_messages() {
        let parse = |text: &str| parse_append_more(text.as_bytes());
        let (flags, date, _) =
            parse(" (\\Seen) \" 9-Jun-1988 12:55:43 -0700\" {5+}").expect("right");
        assert_eq!(flags.system, Flags::SEEN);
        assert_eq!(date, Some(DateTime { unix: 581_889_343 }));
        let none = |data| Ok((FlagList::default(), None, data));
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
    fn wrong_before_the_message_comes() {
        for text in [
            "a APPEND x (\\Nonsense) {5}",
            "a APPEND x (\\Seen {5}",
            "a APPEND x \"yesterday\" {5}",
            "a APPEND x \\Seen {5}",
            "a APPEND x y {5}",
            "a APPEND \"x {5}",
        ] {
            let refusal = parse(text).expect(text).expect_err(text);
            assert_eq!(refusal.tag.as_deref(), Some(&b"a"[..]));
        }
    }
}
