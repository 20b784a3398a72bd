//! The arguments of FETCH and PARTIAL: message data items and modifiers.

use crate::protocol::ast::{
    Command, FetchArguments, FetchItem, FetchModifiers, PLAIN_ITEMS, PartialArguments,
};
use crate::protocol::dialect::Level;

use super::cursor::{Cursor, Parsed};
use super::mod_sequence::mod_sequence;
use super::section::{binary_section, body_section};
use super::sequence_set::sequence_set;

/// Most items in one FETCH.
const MAX_ITEMS: usize = 100;
/// Most modifiers in one pair of parentheses.
const MAX_MODIFIERS: usize = 10;

/// The items of the macro FULL. Those of FAST and ALL are its beginning (RFC 1064 p. 11,
/// RFC 3501 §6.4.5).
const FULL: [FetchItem; 5] = [
    FetchItem::Flags,
    FetchItem::InternalDate,
    FetchItem::Rfc822Size,
    FetchItem::Envelope,
    FetchItem::Body,
];

/// The macros: name, first level that has it, and how many items of [`FULL`] it stands for.
static MACROS: [(&str, Level, usize); 3] = [
    ("FAST", Level::Imap2, 3),
    ("ALL", Level::Imap2, 4),
    ("FULL", Level::Imap2bis, 5),
];

/// ```text
/// fetch ::= "FETCH" SP sequence SP ("ALL" / "FULL" / "FAST" / fetch_att / "(" 1#fetch_att ")")
///            [fetch-modifiers]                                      RFC 4466 §6
/// ```
pub(super) fn fetch(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let set = sequence_set(cursor)?;
    cursor.space()?;
    let items = fetch_items(cursor)?;
    let modifiers = fetch_modifiers(cursor)?;
    Ok(Command::Fetch(FetchArguments {
        uid: false,
        set,
        items,
        modifiers,
    }))
}

/// Octets are counted from 1 (RFC 2062 p. 3).
///
/// ```text
/// partial ::= "PARTIAL" SPACE nz_number SPACE fetch_text_old SPACE number SPACE number
/// ```
pub(super) fn partial(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let number = cursor.nonzero()?;
    cursor.space()?;
    let name = cursor.word();
    let item = fetch_item(cursor, name)?;
    if !item.is_text() {
        return Err("only text can be fetched in part");
    }
    cursor.space()?;
    let start = cursor.nonzero()?;
    cursor.space()?;
    let count = cursor.number()?;
    Ok(Command::Partial(PartialArguments {
        number,
        item,
        start,
        count,
    }))
}

fn fetch_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<FetchItem>> {
    if cursor.peek() == Some(b'(') {
        let items = cursor.list(MAX_ITEMS, |cursor| {
            let name = cursor.word();
            fetch_item(cursor, name)
        })?;
        return match items.is_empty() {
            true => Err("the list of items is empty"),
            false => Ok(items),
        };
    }
    let name = cursor.word();
    for &(known, level, count) in &MACROS {
        if known.as_bytes().eq_ignore_ascii_case(name) {
            cursor.needs(level);
            return Ok(FULL[..count].to_vec());
        }
    }
    Ok(vec![fetch_item(cursor, name)?])
}

/// ```text
/// fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
///             "BODY" ["STRUCTURE"] / "UID" /
///             "BODY" [".PEEK"] section ["<" number "." nz-number ">"]
/// fetch_att ::= ... / "RFC822" [".TEXT"] [".PEEK"]                           RFC 1730 p. 57
/// ```
fn fetch_item(cursor: &mut Cursor<'_>, name: &[u8]) -> Parsed<FetchItem> {
    if cursor.peek() == Some(b'[') {
        return match name.to_ascii_uppercase().as_slice() {
            b"BODY" => body_section(cursor, false).map(FetchItem::Section),
            b"BODY.PEEK" => body_section(cursor, true).map(FetchItem::Section),
            b"BINARY" => binary_section(cursor, "BINARY[", false).map(FetchItem::Binary),
            b"BINARY.PEEK" => binary_section(cursor, "BINARY[", true).map(FetchItem::Binary),
            b"BINARY.SIZE" => {
                binary_section(cursor, "BINARY.SIZE[", true).map(FetchItem::BinarySize)
            }
            _ => Err("only BODY and BODY.PEEK have sections"),
        };
    }
    let known = PLAIN_ITEMS
        .iter()
        .find(|(known, _, _)| known.as_bytes().eq_ignore_ascii_case(name));
    let (_, level, item) = known.ok_or("there is no such message data item")?;
    cursor.needs(*level);
    if let FetchItem::Rfc822 { peek: true } | FetchItem::Rfc822Text { peek: true } = item {
        cursor.needs_rfc_1730();
    }
    Ok(item.clone())
}

/// ```text
/// fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
/// fetch-modifier  = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED"
/// ```
fn fetch_modifiers(cursor: &mut Cursor<'_>) -> Parsed<FetchModifiers> {
    let mut modifiers = FetchModifiers::default();
    cursor.parameters(MAX_MODIFIERS, |cursor| {
        if cursor.eat_word("CHANGEDSINCE") {
            cursor.space()?;
            modifiers.changed_since = Some(mod_sequence(cursor)?);
        } else if cursor.eat_word("VANISHED") {
            modifiers.vanished = true;
        } else {
            return Err("there is no such modifier");
        }
        Ok(())
    })?;
    if modifiers.vanished && modifiers.changed_since.is_none() {
        return Err("VANISHED needs CHANGEDSINCE");
    }
    Ok(modifiers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ast::SectionText;
    use crate::protocol::parse::section::MAX_DEPTH;

    fn parse(text: &str) -> Parsed<(Level, Vec<FetchItem>)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let items = fetch_items(&mut cursor)?;
        cursor.end()?;
        Ok((cursor.level(), items))
    }

    /// Writes items as a client would.
    fn written(items: &[FetchItem]) -> String {
        let item = |item: &FetchItem| {
            let name = String::from_utf8(item.name().to_vec()).expect("ASCII");
            let (FetchItem::Section(section) | FetchItem::Binary(section)) = item else {
                return name;
            };
            let name = match section.partial {
                Some((start, count)) => {
                    name.replace(&format!("]<{start}>"), &format!("]<{start}.{count}>"))
                }
                None => name,
            };
            match section.peek {
                true => name.replacen('[', ".PEEK[", 1),
                false => name,
            }
        };
        items.iter().map(item).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn known_answers_and_back() {
        use Level::{Imap2, Imap2bis, Imap4};
        for (text, level) in [
            ("ENVELOPE", Imap2),
            ("FLAGS INTERNALDATE RFC822.SIZE", Imap2),
            ("RFC822 RFC822.HEADER RFC822.TEXT", Imap2),
            ("BODY", Imap2bis),
            ("BODY[1]", Imap2bis),
            ("BODY[1.2.3]", Imap2bis),
            ("BODY[0]", Imap2bis),
            ("BODY[2.0]", Imap2bis),
            ("BODY[]", Imap4),
            ("BODY.PEEK[0]", Imap4),
            ("BODY[1]<0.100>", Imap4),
            ("BODY.PEEK[TEXT]<5.4294967295>", Imap4),
            ("BODY[1.MIME] BODY[1.HEADER] BODY[1.TEXT]", Imap4),
            ("BODY.PEEK[HEADER.FIELDS (Date From)]", Imap4),
            ("BODY[1.HEADER.FIELDS.NOT (X-Y)]<0.1> UID", Imap4),
            ("BODYSTRUCTURE", Imap4),
            ("BINARY[] BINARY.PEEK[1.2]<0.100> BINARY.SIZE[1]", Imap4),
            ("UID MODSEQ", Imap4),
        ] {
            let (got, items) = parse(&format!("({text})")).expect(text);
            assert_eq!((got, written(&items)), (level, text.to_owned()));
            let (_, lower) = parse(&format!("({})", text.to_lowercase())).expect(text);
            assert_eq!(written(&lower).to_lowercase(), text.to_lowercase());
        }
    }

    #[test]
    fn section_fields() {
        let section = |text: &str| match parse(text).expect(text).1.remove(0) {
            FetchItem::Section(section) => section,
            other => panic!("{other:?}"),
        };
        let old = section("BODY[2.0]");
        assert_eq!((old.part, old.text), (vec![2], SectionText::Part0));
        assert_eq!(section("BODY[2.HEADER]").text, SectionText::Header);
        let fields = section("BODY.PEEK[header.fields (\"from\" {2}\r\nTo)]<7.9>");
        assert!(fields.peek);
        assert_eq!(fields.partial, Some((7, 9)));
        assert_eq!(fields.as_written, b"BODY[HEADER.FIELDS (from To)]<7>");
        let names = vec![b"from".to_vec(), b"To".to_vec()];
        assert_eq!(fields.text, SectionText::HeaderFields { not: false, names });
    }

    #[test]
    fn peek_items_of_rfc_1730_show_an_imap4_client() {
        for (text, name) in [
            ("RFC822.PEEK", "RFC822"),
            ("rfc822.text.peek", "RFC822.TEXT"),
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            let items = fetch_items(&mut cursor).expect(text);
            assert_eq!(items[0].name(), name.as_bytes());
            assert_eq!(
                cursor.level(),
                Level::Imap2bis,
                "a dialect pinned to IMAP2 accepts it"
            );
            assert_eq!(
                cursor.client_level(),
                Level::Imap4,
                "no older client sends it"
            );
        }
    }

    #[test]
    fn macros_expand() {
        for (name, level, want) in [
            ("fast", Level::Imap2, "FLAGS INTERNALDATE RFC822.SIZE"),
            (
                "All",
                Level::Imap2,
                "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
            ),
            (
                "FULL",
                Level::Imap2bis,
                "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY",
            ),
        ] {
            let (got, items) = parse(name).expect(name);
            assert_eq!((got, &written(&items)[..]), (level, want));
        }
    }

    #[test]
    fn refused_items() {
        let deep = format!("BODY[{}]", vec!["1"; MAX_DEPTH + 1].join("."));
        let many = format!("({})", "FLAGS ".repeat(MAX_ITEMS + 1));
        for text in [
            "",
            "()",
            "(",
            "(FLAGS",
            "FLAGS)",
            "FLAGS UID",
            "NOSUCH",
            "(ALL)",
            "RFC822.HEADER.PEEK",
            "RFC822.HEADER.LINES (a)",
            "BODY[",
            "BODY[1",
            "BODY[1.]",
            "BODY[.1]",
            "BODY[0.1]",
            "BODY[00.]",
            "BODY[1.0.1]",
            "BODY[MIME]",
            "BODY[HEADER.FIELDS]",
            "BODY[HEADER.FIELDS ()]",
            "BODY[HEADER.FIELDS (a:b)]",
            "BODY[HEADER.FIELDS (\"a b\")]",
            "BODY[NOSUCH]",
            "BODY[TEXT.1]",
            "BODY[4294967296]",
            "RFC822[1]",
            "UID[1]",
            "BODY[]<0>",
            "BODY[]<0.0>",
            "BODY[]<0.1",
            "BODY[]<.1>",
            "BODY[]<-1.1>",
            "BODY[]<0.4294967296>",
            "BODY<0.1>",
            &deep,
            &many,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_set_seen_unless_peeked_at() {
        let seen = |text: &str| parse(text).expect(text).1.iter().any(FetchItem::sets_seen);
        for text in ["RFC822", "RFC822.TEXT", "BODY[1]", "BODY[]", "BODY[0]"] {
            assert!(seen(text), "{text}");
        }
        for text in [
            "RFC822.HEADER",
            "RFC822.PEEK",
            "RFC822.TEXT.PEEK",
            "BODY.PEEK[1]",
            "FULL",
            "BODYSTRUCTURE",
            "UID",
        ] {
            assert!(!seen(text), "{text}");
        }
    }

    #[test]
    fn reads_modifiers() {
        let parse = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            let modifiers = fetch_modifiers(&mut cursor)?;
            cursor.end()?;
            Ok::<_, &str>((modifiers.changed_since, modifiers.vanished))
        };
        assert_eq!(parse(""), Ok((None, false)));
        assert_eq!(parse(" (CHANGEDSINCE 12345)"), Ok((Some(12345), false)));
        assert_eq!(parse(" (changedsince 1 vanished)"), Ok((Some(1), true)));
        for text in [
            " (VANISHED)",
            " (CHANGEDSINCE 0)",
            " (CHANGEDSINCE)",
            " (X 1)",
            " x",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
