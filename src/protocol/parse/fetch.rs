//! The arguments of FETCH and PARTIAL: message data items and sections.

use super::cursor::{Cursor, Parsed};
use super::mod_sequence::fetch_modifiers;
use super::sequence_set::sequence_set;
use crate::protocol::ast::{Command, FetchArguments, PartialArguments};
use crate::protocol::dialect::Level;

/// Most items in one FETCH.
const MAX_ITEMS: usize = 100;
/// Deepest part, as deep as messages are looked into.
const MAX_DEPTH: usize = 32;
/// Most header fields named in one section.
const MAX_FIELDS: usize = 200;

/// A message data item (RFC 1064 p. 11-12, RFC 3501 §6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FetchItem {
    /// The envelope.
    Envelope,
    /// The flags.
    Flags,
    /// When the message came in.
    InternalDate,
    /// The whole message; sets `\Seen`, unless it is only peeked at (RFC 1730 p. 31).
    Rfc822 {
        /// `\Seen` stays as it is.
        peek: bool,
    },
    /// Its header, with the blank line that ends it.
    Rfc822Header,
    /// What follows the header; sets `\Seen`, unless it is only peeked at (RFC 1730 p. 32).
    Rfc822Text {
        /// `\Seen` stays as it is.
        peek: bool,
    },
    /// How many octets the message has.
    Rfc822Size,
    /// The structure of its parts, without extension data.
    Body,
    /// The structure of its parts, with extension data.
    BodyStructure,
    /// The mod-sequence (RFC 7162 §3.1.4.2).
    ModSeq,
    /// The unique identifier.
    Uid,
    /// A part of the message.
    Section(Section),
    /// A part of the message, with its transfer encoding undone (RFC 3516).
    Binary(Section),
    /// How many octets that has.
    BinarySize(Section),
}

/// Which part of a message, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// `\Seen` stays as it is.
    pub peek: bool,
    /// The numbers of the part, outermost first, none of them 0; empty for the message itself.
    pub part: Vec<u32>,
    /// What of the part.
    pub text: SectionText,
    /// Where to begin, counted from 0, and how many octets (not 0) at most.
    pub partial: Option<(u32, u32)>,
    /// The name of the item in the answer, such as `BODY[1.TEXT]<0>`.
    pub as_written: Vec<u8>,
}

/// What of a part (RFC 3501 §9 `section-text`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SectionText {
    /// Its content; of the message itself: header and text.
    All,
    /// The header of the message that it is.
    Header,
    /// Part 0 of it, which is how IMAP2bis writes the header of the message that it is. A part that is
    /// no message has its MIME header there, which IMAP2bis has no other name for.
    Part0,
    /// Some fields of that header, and the blank line.
    HeaderFields {
        /// All but these fields.
        not: bool,
        /// Names of fields, as written.
        names: Vec<Vec<u8>>,
    },
    /// The text of the message that it is.
    Text,
    /// The MIME header of the part, which is not the message itself.
    Mime,
}

use FetchItem as Item;

/// The items without an argument, and the level that has them.
static ITEMS: [(&str, Level, FetchItem); 13] = [
    ("ENVELOPE", Level::Imap2, Item::Envelope),
    ("FLAGS", Level::Imap2, Item::Flags),
    ("INTERNALDATE", Level::Imap2, Item::InternalDate),
    ("RFC822", Level::Imap2, Item::Rfc822 { peek: false }),
    ("RFC822.HEADER", Level::Imap2, Item::Rfc822Header),
    (
        "RFC822.TEXT",
        Level::Imap2,
        Item::Rfc822Text { peek: false },
    ),
    ("RFC822.SIZE", Level::Imap2, Item::Rfc822Size),
    ("RFC822.PEEK", Level::Imap2bis, Item::Rfc822 { peek: true }),
    (
        "RFC822.TEXT.PEEK",
        Level::Imap2bis,
        Item::Rfc822Text { peek: true },
    ),
    ("BODY", Level::Imap2bis, Item::Body),
    ("BODYSTRUCTURE", Level::Imap4, Item::BodyStructure),
    ("MODSEQ", Level::Imap4, Item::ModSeq),
    ("UID", Level::Imap4, Item::Uid),
];

/// FAST, ALL and FULL each begin with the items of the one before (RFC 1064 p. 11, RFC 3501 §6.4.5).
const FULL: [FetchItem; 5] = [
    Item::Flags,
    Item::InternalDate,
    Item::Rfc822Size,
    Item::Envelope,
    Item::Body,
];

static MACROS: [(&str, Level, usize); 3] = [
    ("FAST", Level::Imap2, 3),
    ("ALL", Level::Imap2, 4),
    ("FULL", Level::Imap2bis, 5),
];

impl FetchItem {
    /// The name of the item in the answer, where a text that was peeked at has the name of any other
    /// (RFC 1730 p. 50-51).
    pub(crate) fn name(&self) -> &[u8] {
        match self {
            Self::Section(section) | Self::Binary(section) | Self::BinarySize(section) => {
                &section.as_written
            }
            Self::Rfc822 { .. } => b"RFC822",
            Self::Rfc822Text { .. } => b"RFC822.TEXT",
            plain => {
                let known = ITEMS.iter().find(|(_, _, item)| item == plain);
                known.map_or(b"", |(name, _, _)| name.as_bytes())
            }
        }
    }

    /// True if fetching it sets `\Seen` (RFC 1176 p. 15, RFC 3501 §6.4.5).
    pub(crate) fn sets_seen(&self) -> bool {
        match self {
            Self::Rfc822 { peek } | Self::Rfc822Text { peek } => !peek,
            Self::Section(section) | Self::Binary(section) => !section.peek,
            _ => false,
        }
    }

    /// True if it is a piece of the message, which can be fetched in part.
    fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Rfc822 { .. } | Self::Rfc822Header | Self::Rfc822Text { .. } | Self::Section(_)
        )
    }
}

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

/// The numbers count from 1 (RFC 2062 p. 3).
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
            true => Err("nothing is asked for"),
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
            b"BINARY" => binary(cursor, "BINARY[", false).map(Item::Binary),
            b"BINARY.PEEK" => binary(cursor, "BINARY[", true).map(Item::Binary),
            b"BINARY.SIZE" => binary(cursor, "BINARY.SIZE[", true).map(Item::BinarySize),
            _ => section_item(cursor, name),
        };
    }
    let known = ITEMS
        .iter()
        .find(|(known, _, _)| known.as_bytes().eq_ignore_ascii_case(name));
    let (_, level, item) = known.ok_or("there is no such message data item")?;
    cursor.needs(*level);
    if let Item::Rfc822 { peek: true } | Item::Rfc822Text { peek: true } = item {
        cursor.needs_rfc_1730();
    }
    Ok(item.clone())
}

fn section_item(cursor: &mut Cursor<'_>, name: &[u8]) -> Parsed<FetchItem> {
    let peek = name.eq_ignore_ascii_case(b"BODY.PEEK");
    if peek {
        cursor.needs(Level::Imap4);
    } else if !name.eq_ignore_ascii_case(b"BODY") {
        return Err("only BODY and BODY.PEEK have sections");
    }
    let mut section = Section {
        peek,
        part: Vec::new(),
        text: SectionText::All,
        partial: None,
        as_written: b"BODY[".to_vec(),
    };
    cursor.eat(b'[');
    section_spec(cursor, &mut section)?;
    end_section(cursor, &mut section)?;
    Ok(Item::Section(section))
}

fn end_section(cursor: &mut Cursor<'_>, section: &mut Section) -> Parsed<()> {
    if !cursor.eat(b']') {
        return Err("a section does not end");
    }
    section.as_written.push(b']');
    if cursor.peek() == Some(b'<') {
        let range = byte_range(cursor)?;
        write_number(&mut section.as_written, ("<", range.0, ">"));
        section.partial = Some(range);
    }
    Ok(())
}

/// ```text
/// fetch-att      =/ "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
/// section-binary = "[" [section-part] "]"                                RFC 3516 §7
/// ```
fn binary(cursor: &mut Cursor<'_>, name: &str, peek: bool) -> Parsed<Section> {
    let mut section = Section {
        peek,
        part: Vec::new(),
        text: SectionText::All,
        partial: None,
        as_written: name.into(),
    };
    cursor.needs(Level::Imap4);
    cursor.eat(b'[');
    section_spec(cursor, &mut section)?;
    if section.text != SectionText::All {
        return Err("only parts can be decoded");
    }
    end_section(cursor, &mut section)?;
    if section.partial.is_some() && name == "BINARY.SIZE[" {
        return Err("a size is not fetched in part");
    }
    Ok(section)
}

/// A part 0 is the header of what the numbers before it lead to.
///
/// ```text
/// section-spec = section-msgtext / (section-part ["." section-text])      RFC 3501 §9
/// section-part = nz-number *("." nz-number)
/// section_old ::= "[" (number ["." number]) "]"                           RFC 2062 p. 7
/// ```
fn section_spec(cursor: &mut Cursor<'_>, section: &mut Section) -> Parsed<()> {
    cursor.needs(Level::Imap2bis);
    if cursor.peek() == Some(b']') {
        cursor.needs(Level::Imap4);
        return Ok(());
    }
    while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
        let number = cursor.number()?;
        write_number(&mut section.as_written, ("", number, ""));
        if number == 0 {
            section.text = SectionText::Part0;
            return Ok(());
        }
        if section.part.len() == MAX_DEPTH {
            return Err("that part is too deep");
        }
        section.part.push(number);
        if !cursor.eat(b'.') {
            return Ok(());
        }
        section.as_written.push(b'.');
    }
    cursor.needs(Level::Imap4);
    section_text(cursor, section)
}

/// ```text
/// section-text    = section-msgtext / "MIME"
/// section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
/// ```
fn section_text(cursor: &mut Cursor<'_>, section: &mut Section) -> Parsed<()> {
    let word = cursor.word().to_ascii_uppercase();
    section.as_written.extend_from_slice(&word);
    section.text = match &word[..] {
        b"HEADER" => SectionText::Header,
        b"TEXT" => SectionText::Text,
        b"MIME" if section.part.is_empty() => return Err("MIME is of a part"),
        b"MIME" => SectionText::Mime,
        b"HEADER.FIELDS" => header_fields(cursor, false, &mut section.as_written)?,
        b"HEADER.FIELDS.NOT" => header_fields(cursor, true, &mut section.as_written)?,
        _ => return Err("there is no such section"),
    };
    Ok(())
}

/// ```text
/// header-list     = "(" header-fld-name *(SP header-fld-name) ")"
/// header-fld-name = astring
/// ```
fn header_fields(cursor: &mut Cursor<'_>, not: bool, name: &mut Vec<u8>) -> Parsed<SectionText> {
    cursor.space()?;
    let names = cursor.list(MAX_FIELDS, field_name)?;
    if names.is_empty() {
        return Err("no header field is named");
    }
    name.extend_from_slice(b" (");
    name.extend_from_slice(&names.join(&b' '));
    name.push(b')');
    Ok(SectionText::HeaderFields { not, names })
}

/// The name of a header field is printable and has no colon (RFC 822 §3.2). The characters that would
/// have to be quoted in the answer occur in none.
pub(super) fn field_name(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let name = cursor.string()?;
    let is_name = |octet: &u8| octet.is_ascii_graphic() && !b":(){%*\"\\]".contains(octet);
    if name.is_empty() || !name.iter().all(is_name) {
        return Err("that is not the name of a header field");
    }
    Ok(name.into_owned())
}

/// ```text
/// "<" number "." nz-number ">"
/// ```
fn byte_range(cursor: &mut Cursor<'_>) -> Parsed<(u32, u32)> {
    const REASON: &str = "a range of octets is written <start.count>";
    cursor.needs(Level::Imap4);
    cursor.eat(b'<');
    let start = cursor.number()?;
    cursor.eat(b'.').then_some(()).ok_or(REASON)?;
    let count = cursor.nonzero()?;
    cursor.eat(b'>').then_some(()).ok_or(REASON)?;
    Ok((start, count))
}

fn write_number(out: &mut Vec<u8>, (before, number, after): (&str, u32, &str)) {
    out.extend_from_slice(format!("{before}{number}{after}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let (Item::Section(section) | Item::Binary(section)) = item else {
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
    fn sections_in_detail() {
        let section = |text: &str| match parse(text).expect(text).1.remove(0) {
            Item::Section(section) => section,
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
    fn items_of_rfc_1730() {
        for (text, name) in [
            ("RFC822.PEEK", "RFC822"),
            ("rfc822.text.peek", "RFC822.TEXT"),
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            let items = fetch_items(&mut cursor).expect(text);
            assert_eq!(items[0].name(), name.as_bytes());
            assert_eq!(cursor.level(), Level::Imap2bis, "a pin to IMAP2 takes it");
            assert_eq!(cursor.trigger(), Level::Imap4, "no older client says it");
        }
    }

    #[test]
    fn macros() {
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
    fn who_sets_seen() {
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
}
