//! Finds the stretch of a message that the section of a FETCH item names.
//!
//! ```text
//! section      = "[" [section-spec] "]"                              RFC 3501 §9
//! section-part = nz-number *("." nz-number)
//! ```
//!
//! Part numbers count the parts of a multipart. A message, in the mailbox or inside another
//! message, always has a part 1: if it is not a multipart, part 1 is its text. So `2.1` names the
//! same octets as `2.TEXT` if part 2 is a message with plain text, and nothing if part 2 is an
//! image.

use super::extent::Extent;
use super::layout::Layout;
use super::mime::Part;

/// What a section names of a part, or of the message if it has no part numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// The whole message, or the body of the part.
    All,
    /// The header of the message, or of the message in the part: HEADER, HEADER.FIELDS, and part
    /// number 0 of IMAP2bis.
    Header,
    /// The text of the message, or of the message in the part.
    Text,
    /// The MIME header of the part itself.
    Mime,
}

/// Returns the stretch that a section names, or `None` if the message has no such part, or if the
/// part has no such header or text. Sections without part numbers work with any layout, others need
/// one of [`ScanDepth::Structure`](super::ScanDepth::Structure).
pub(crate) fn find_section(layout: &Layout, numbers: &[u32], kind: SectionKind) -> Option<Extent> {
    if numbers.is_empty() {
        return match kind {
            SectionKind::All => Some(layout.whole),
            SectionKind::Header => Some(layout.header),
            SectionKind::Text => Some(layout.text),
            SectionKind::Mime => None,
        };
    }
    let part = find_part(layout.part.as_ref()?, numbers)?;
    let message = part.message.as_deref();
    match kind {
        SectionKind::All => Some(part.body),
        SectionKind::Mime => Some(part.header),
        SectionKind::Header => message.map(|root| root.header),
        SectionKind::Text => message.map(|root| root.body),
    }
}

/// Returns the part with these numbers in the message with this root.
pub(crate) fn find_part<'a>(root: &'a Part, numbers: &[u32]) -> Option<&'a Part> {
    let (&first, rest) = numbers.split_first()?;
    rest.iter().try_fold(
        child_of_message(root, first)?,
        |part, &number| match &part.message {
            Some(message) => child_of_message(message, number),
            None => child(part, number),
        },
    )
}

fn child_of_message(root: &Part, number: u32) -> Option<&Part> {
    if root.media_type.is_multipart() {
        child(root, number)
    } else {
        (number == 1).then_some(root)
    }
}

fn child(multipart: &Part, number: u32) -> Option<&Part> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    multipart.children.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ScanDepth, Scanner};

    fn layout(message: &str) -> Layout {
        let mut scanner = Scanner::new(ScanDepth::Structure);
        scanner.feed(message.as_bytes());
        scanner.finish()
    }

    fn text<'a>(message: &'a str, numbers: &[u32], kind: SectionKind) -> Option<&'a str> {
        let extent = find_section(&layout(message), numbers, kind)?;
        let offset = |at| usize::try_from(at).expect("small");
        Some(&message[offset(extent.start)..offset(extent.end)])
    }

    /// A message with the parts of the example in RFC 3501 §6.4.5.
    const COMPLEX: &str = "\
Subject: whole
Content-Type: multipart/mixed; boundary=a

--a

1
--a
Content-Type: application/octet-stream

2
--a
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=b

--b

3.1
--b
Content-Type: application/octet-stream

3.2
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

4.1
--c
Content-Type: message/rfc822

Subject: four
Content-Type: multipart/mixed; boundary=d

--d

4.2.1
--d
Content-Type: multipart/alternative; boundary=e

--e

4.2.2.1
--e
Content-Type: text/richtext

4.2.2.2
--e--
--d--
--c--
--a--
";

    #[test]
    fn part_numbers_are_those_of_the_example_in_rfc_3501() {
        for number in ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2"] {
            let numbers: Vec<u32> = number.split('.').flat_map(str::parse).collect();
            assert_eq!(text(COMPLEX, &numbers, SectionKind::All), Some(number));
            assert_eq!(
                text(COMPLEX, &numbers, SectionKind::Header),
                None,
                "not a message"
            );
        }
        assert_eq!(
            text(COMPLEX, &[4, 2, 2, 2], SectionKind::Mime),
            Some("Content-Type: text/richtext\n\n")
        );
        let header = "Subject: three\nContent-Type: multipart/mixed; boundary=b\n\n";
        assert_eq!(text(COMPLEX, &[3], SectionKind::Header), Some(header));
        assert_eq!(
            text(COMPLEX, &[3], SectionKind::Mime),
            Some("Content-Type: message/rfc822\n\n")
        );
        let inner = text(COMPLEX, &[3], SectionKind::Text).expect("part 3 is a message");
        assert!(inner.starts_with("--b\n") && inner.ends_with("--b--"));
        assert_eq!(
            text(COMPLEX, &[3], SectionKind::All),
            Some(&*format!("{header}{inner}"))
        );
        assert_eq!(text(COMPLEX, &[], SectionKind::All), Some(COMPLEX));
        assert_eq!(text(COMPLEX, &[], SectionKind::Mime), None);
    }

    #[test]
    fn a_missing_part_has_no_section() {
        for numbers in [
            &[0][..],
            &[5],
            &[1, 1],
            &[3, 3],
            &[4, 0],
            &[4, 2, 2, 3],
            &[u32::MAX],
        ] {
            assert_eq!(
                text(COMPLEX, numbers, SectionKind::All),
                None,
                "{numbers:?}"
            );
        }
    }

    #[test]
    fn part_1_of_a_plain_message_is_its_text() {
        let plain = "Subject: x\n\nbody\n";
        assert_eq!(text(plain, &[1], SectionKind::All), Some("body\n"));
        assert_eq!(text(plain, &[1], SectionKind::Mime), Some("Subject: x\n\n"));
        assert_eq!(text(plain, &[2], SectionKind::All), None);
        assert_eq!(text(plain, &[1, 1], SectionKind::All), None);
        assert_eq!(text(plain, &[1], SectionKind::Text), None);
    }

    #[test]
    fn a_message_whose_only_part_is_a_message() {
        let message = "Content-Type: message/rfc822\n\nSubject: in\n\nbody";
        assert_eq!(
            text(message, &[1], SectionKind::Header),
            Some("Subject: in\n\n")
        );
        assert_eq!(text(message, &[1], SectionKind::Text), Some("body"));
        assert_eq!(text(message, &[1, 1], SectionKind::All), Some("body"));
        assert_eq!(text(message, &[1, 1, 1], SectionKind::All), None);
    }
}
