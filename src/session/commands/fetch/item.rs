//! What an item of a FETCH needs of a message, and where its text is.

use crate::message::{Extent, Layout, ScanDepth, SectionKind, find_section};
use crate::protocol::{FetchItem, Section, SectionText};

/// Returns how deep the message has to be scanned for an item; `None` if not at all.
pub(super) fn depth(item: &FetchItem) -> Option<ScanDepth> {
    match item {
        FetchItem::Envelope | FetchItem::Rfc822Header => Some(ScanDepth::Header),
        FetchItem::Rfc822 { .. } | FetchItem::Rfc822Text { .. } => Some(ScanDepth::Sizes),
        FetchItem::Body | FetchItem::BodyStructure => Some(ScanDepth::Structure),
        FetchItem::Section(section)
        | FetchItem::Binary(section)
        | FetchItem::BinarySize(section)
            if !section.part.is_empty() =>
        {
            Some(ScanDepth::Structure)
        }
        FetchItem::Binary(_) | FetchItem::BinarySize(_) => Some(ScanDepth::Sizes),
        FetchItem::Section(section) => match section.text {
            SectionText::All | SectionText::Text => Some(ScanDepth::Sizes),
            _ => Some(ScanDepth::Header),
        },
        _ => None,
    }
}

/// Returns the extent of the text of an item; `None` if the message has no such part, or the part
/// no such section.
pub(super) fn extent(layout: &Layout, item: &FetchItem) -> Option<Extent> {
    let (part, kind) = section(item)?;
    let found = find_section(layout, part, kind);
    match item {
        FetchItem::Section(Section {
            text: SectionText::Part0,
            ..
        }) => found.or_else(|| find_section(layout, part, SectionKind::Mime)),
        _ => found,
    }
}

/// True if the item is a text, sent as a literal.
pub(super) fn is_text(item: &FetchItem) -> bool {
    section(item).is_some()
}

/// Returns the part and the kind of section that an item names, if the item is a text.
fn section(item: &FetchItem) -> Option<(&[u32], SectionKind)> {
    match item {
        FetchItem::Rfc822 { .. } => Some((&[], SectionKind::All)),
        FetchItem::Rfc822Header => Some((&[], SectionKind::Header)),
        FetchItem::Rfc822Text { .. } => Some((&[], SectionKind::Text)),
        FetchItem::Section(section)
        | FetchItem::Binary(section)
        | FetchItem::BinarySize(section) => Some((&section.part, kind(&section.text))),
        _ => None,
    }
}

fn kind(text: &SectionText) -> SectionKind {
    match text {
        SectionText::All => SectionKind::All,
        SectionText::Header | SectionText::HeaderFields { .. } | SectionText::Part0 => {
            SectionKind::Header
        }
        SectionText::Text => SectionKind::Text,
        SectionText::Mime => SectionKind::Mime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MAX_KEPT_HEADER, Scanner};
    use crate::protocol::{Command, FetchArguments, parse_request};

    const MESSAGE: &str = "\
Subject: whole
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: image/gif

GIF
--b
Content-Type: message/rfc822

Subject: inner

text
--b--
";

    /// Returns what a FETCH of that item sends of [`MESSAGE`], with the line ends as they are
    /// stored.
    fn sent(item: &str) -> Option<&'static str> {
        sent_of(MESSAGE, item)
    }

    fn sent_of<'m>(message: &'m str, item: &str) -> Option<&'m str> {
        let command = format!("a FETCH 1 {item}");
        let request = parse_request(command.as_bytes()).expect("a FETCH");
        let Command::Fetch(FetchArguments { items, .. }) = request.command else {
            panic!("{command} is no FETCH");
        };
        let depth = depth(&items[0]).expect("a text needs the file");
        let mut scanner = Scanner::new(depth);
        scanner.feed(message.as_bytes());
        let extent = extent(&scanner.finish(), &items[0])?;
        let offset = |at| usize::try_from(at).expect("small");
        Some(&message[offset(extent.start)..offset(extent.end)])
    }

    #[test]
    fn part_0_is_a_header_of_either_kind() {
        let whole = "Subject: whole\nContent-Type: multipart/mixed; boundary=b\n\n";
        assert_eq!(sent("BODY[0]"), Some(whole));
        assert_eq!(sent("BODY[2.0]"), Some("Subject: inner\n\n"), "a message");
        assert_eq!(
            sent("BODY[1.0]"),
            Some("Content-Type: image/gif\n\n"),
            "no message"
        );
        assert_eq!(sent("BODY[3.0]"), None);
        assert_eq!(sent("BODY[2.HEADER]"), sent("BODY[2.0]"));
        assert_eq!(sent("BODY[1.HEADER]"), None, "RFC 3501 has MIME for that");
    }

    #[test]
    fn a_header_is_sent_whole_however_long() {
        let header = format!("Subject: long\nX: {}\n\n", "x\n ".repeat(MAX_KEPT_HEADER));
        let message = format!("{header}text\n");
        for item in ["RFC822.HEADER", "BODY[HEADER]", "BODY[0]"] {
            assert_eq!(sent_of(&message, item), Some(&header[..]), "{item}");
        }
    }

    #[test]
    fn a_peek_sends_the_same_text() {
        assert_eq!(sent("RFC822.PEEK"), Some(MESSAGE));
        assert_eq!(sent("RFC822.TEXT.PEEK"), sent("BODY[TEXT]"));
        assert!(sent("RFC822.TEXT.PEEK").is_some_and(|text| text.starts_with("--b\n")));
    }
}
