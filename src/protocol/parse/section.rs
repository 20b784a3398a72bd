//! Sections of messages, as FETCH and PARTIAL name them.

use crate::protocol::ast::{Section, SectionText};
use crate::protocol::dialect::Level;

use super::cursor::{Cursor, Parsed};
use super::header_field::field_name;

/// Most levels of a part number, as many as the message parser descends.
pub(super) const MAX_DEPTH: usize = 32;
/// Most header fields named in one section.
const MAX_FIELDS: usize = 200;

/// ```text
/// fetch-att = "BODY" [".PEEK"] section ["<" number "." nz-number ">"]     RFC 3501 §9
/// section   = "[" [section-spec] "]"
/// ```
pub(super) fn body_section(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<Section> {
    if peek {
        cursor.needs(Level::Imap4);
    }
    let mut section = begin_section(cursor, "BODY[", peek)?;
    end_section(cursor, &mut section)?;
    Ok(section)
}

/// ```text
/// fetch-att      =/ "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
/// section-binary = "[" [section-part] "]"                                RFC 3516 §7
/// ```
pub(super) fn binary_section(cursor: &mut Cursor<'_>, name: &str, peek: bool) -> Parsed<Section> {
    cursor.needs(Level::Imap4);
    let mut section = begin_section(cursor, name, peek)?;
    if section.text != SectionText::All {
        return Err("BINARY takes only a part number");
    }
    end_section(cursor, &mut section)?;
    if section.partial.is_some() && name == "BINARY.SIZE[" {
        return Err("BINARY.SIZE takes no range of octets");
    }
    Ok(section)
}

/// Parses a section up to its closing bracket. `name` is the item name, bracket included.
fn begin_section(cursor: &mut Cursor<'_>, name: &str, peek: bool) -> Parsed<Section> {
    let mut section = Section {
        peek,
        part: Vec::new(),
        text: SectionText::All,
        partial: None,
        as_written: name.into(),
    };
    cursor.eat(b'[');
    section_spec(cursor, &mut section)?;
    Ok(section)
}

/// Parses the closing bracket and the range behind it.
fn end_section(cursor: &mut Cursor<'_>, section: &mut Section) -> Parsed<()> {
    if !cursor.eat(b']') {
        return Err("a section does not end");
    }
    section.as_written.push(b']');
    if cursor.peek() == Some(b'<') {
        let range = byte_range(cursor)?;
        section
            .as_written
            .extend(format!("<{}>", range.0).into_bytes());
        section.partial = Some(range);
    }
    Ok(())
}

/// Parses a section. Part 0 is the header of the part that the numbers before it name.
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
        section.as_written.extend(number.to_string().into_bytes());
        if number == 0 {
            section.text = SectionText::Part0;
            return Ok(());
        }
        if section.part.len() == MAX_DEPTH {
            return Err("a part number has too many levels");
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
        b"MIME" if section.part.is_empty() => return Err("MIME needs a part number"),
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
