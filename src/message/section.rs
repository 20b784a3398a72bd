//! From the section of a FETCH item to the stretch of the message that it names.
//!
//! ```text
//! section      = "[" [section-spec] "]"                              RFC 3501 §9
//! section-part = nz-number *("." nz-number)
//! ```
//!
//! Numbers count the parts of a multipart. A message, be it the one in the mailbox or one within it, has
//! always a part 1: if it is not a multipart, its text is that part. So `2.1` names the same octets as
//! `2.TEXT` if part 2 is a message with a plain text, and nothing at all if part 2 is an image.

use super::extent::Extent;
use super::layout::Layout;
use super::mime::Part;

/// What is wanted of a part, or of the message if there are no part numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// All of the message, or the body of the part.
    All,
    /// The header of the message, or of the message that the part is (HEADER and HEADER.FIELDS, and the
    /// part number 0 of IMAP2bis).
    Header,
    /// The text of the message, or of the message that the part is.
    Text,
    /// The header of the part itself.
    Mime,
}

/// The stretch that a section names; `None` if the message has no such part, or the part no such thing.
/// A layout without parts ([`ScanDepth::Structure`](super::ScanDepth::Structure) was not asked for) serves for
/// sections without part numbers.
pub(crate) fn find_section(layout: &Layout, numbers: &[u32], what: SectionKind) -> Option<Extent> {
    if numbers.is_empty() {
        return match what {
            SectionKind::All => Some(layout.whole),
            SectionKind::Header => Some(layout.header),
            SectionKind::Text => Some(layout.text),
            SectionKind::Mime => None,
        };
    }
    let part = find_part(layout.part.as_ref()?, numbers)?;
    let message = part.message.as_ref().map(|message| &message.part);
    match what {
        SectionKind::All => Some(part.body),
        SectionKind::Mime => Some(part.header),
        SectionKind::Header => message.map(|root| root.header),
        SectionKind::Text => message.map(|root| root.body),
    }
}

/// The part with these numbers, in the message with this root.
pub(crate) fn find_part<'a>(root: &'a Part, numbers: &[u32]) -> Option<&'a Part> {
    let (&first, rest) = numbers.split_first()?;
    rest.iter().try_fold(
        child_of_message(root, first)?,
        |part, &number| match &part.message {
            Some(message) => child_of_message(&message.part, number),
            None => child(part, number),
        },
    )
}

fn child_of_message(root: &Part, number: u32) -> Option<&Part> {
    if root.is_multipart() {
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

    fn text<'a>(message: &'a str, numbers: &[u32], what: SectionKind) -> Option<&'a str> {
        let extent = find_section(&layout(message), numbers, what)?;
        let offset = |at| usize::try_from(at).expect("small");
        Some(&message[offset(extent.start)..offset(extent.end)])
    }

    /// The message that RFC 3501 §6.4.5 numbers the parts of.
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
    fn rfc_3501_numbers() {
        for number in ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2"] {
            let numbers: Vec<u32> = number.split('.').flat_map(str::parse).collect();
            assert_eq!(text(COMPLEX, &numbers, SectionKind::All), Some(number));
            assert_eq!(
                text(COMPLEX, &numbers, SectionKind::Header),
                None,
                "no message"
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
    fn parts_that_are_not_there() {
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
    fn a_message_that_is_a_message() {
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
