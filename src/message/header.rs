//! The fields of a header: iterating over them, unfolding values.
//!
//! A block is the octets of a header as they lie in the file, with LF, CRLF or both, up to and
//! including its blank line, or up to its end if it has none. Real headers have lines that are not
//! fields: the `From ` line of an mbox, a line without a colon, a folded line without a line before
//! it. Here these are fields without a name, so that every octet before the blank line belongs to a
//! field.

use std::ops::Range;

use crate::work;
use memchr::memchr;

/// One field, including its folded lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Name, as written. Empty if the line is not a field.
    pub(crate) name: &'a [u8],
    /// All that follows the colon, including line ends; see [`unfold`]. The whole line if there is
    /// no name.
    pub(crate) value: &'a [u8],
    /// Range of the field in the block, including its line ends.
    pub(crate) range: Range<usize>,
}

impl Field<'_> {
    /// Returns true if the field has this name, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns the range of the value in the block.
    pub(crate) fn value_range(&self) -> Range<usize> {
        self.range.end - self.value.len()..self.range.end
    }
}

/// Returns an iterator over the fields of a block, in order, up to its blank line.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fields(block: &[u8]) -> Fields<'_> {
    fields_from(block, 0)
}

/// Returns an iterator over the fields of a block from `at` on, which is the start of a field.
pub(crate) fn fields_from(block: &[u8], at: usize) -> Fields<'_> {
    Fields { block, at }
}

/// Returns the value of the first field with this name, unfolded.
#[cfg(test)]
pub(crate) fn field_value(block: &[u8], name: &str) -> Option<Vec<u8>> {
    let found = fields(block).find(|field| field.is(name))?;
    Some(unfold(found.value))
}

/// Returns a value on one line, without its line ends and the blanks around it (RFC 5322 §2.2.3).
/// The blanks at the folds stay. The result has no CR, LF or NUL, because IMAP strings may not
/// contain a NUL.
pub(super) fn unfold(value: &[u8]) -> Vec<u8> {
    let kept = value.iter().filter(|b| !matches!(b, b'\r' | b'\n' | 0));
    let line: Vec<u8> = kept.copied().collect();
    line.trim_ascii().to_vec()
}

/// An iterator over the fields of a block.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    block: &'a [u8],
    /// Index of the next field, of the blank line, or of the end of the block.
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let first = line_at(self.block, self.at);
        if is_blank(&self.block[first.clone()]) {
            return None;
        }
        let mut end = first.end;
        while matches!(self.block.get(end), Some(b' ' | b'\t')) {
            end = line_at(self.block, end).end;
        }
        self.at = end;
        let range = first.start..end;
        work::things(1);
        work::octets(range.len());
        let text = &self.block[range.clone()];
        let (name, value) = match name_length(&self.block[first]) {
            Some((length, colon)) => (&text[..length], &text[colon + 1..]),
            None => (&text[..0], text),
        };
        Some(Field { name, value, range })
    }
}

/// Returns the range of the line that starts at `start`, including its line end.
pub(super) fn line_at(block: &[u8], start: usize) -> Range<usize> {
    let length = memchr(b'\n', &block[start..]).map_or(block.len() - start, |at| at + 1);
    start..start + length
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"" | b"\n" | b"\r\n")
}

/// Returns the length of the name of a field, and the index of its colon. Octets from 0x80 up count
/// as letters.
///
/// ```text
/// field-name = 1*<any CHAR, excluding CTLs, SPACE, and ":">      RFC 822 §3.2
/// optional   = field-name *WSP ":"                               RFC 5322 §4.5.8
/// ```
fn name_length(line: &[u8]) -> Option<(usize, usize)> {
    let colon = memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|&b| b > b' ' && b != 0x7f);
    is_name.then_some((name.len(), colon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(block: &[u8]) -> Vec<String> {
        fields(block)
            .map(|field| String::from_utf8_lossy(field.name).into_owned())
            .collect()
    }

    #[test]
    fn iterates_up_to_the_blank_line_and_unfolds_values() {
        let block = b"Subject: one\r\n\ttwo\n three\nTO : x@y\nEmpty:\n\nNot: here\n";
        assert_eq!(names(block), ["Subject", "TO", "Empty"]);
        assert_eq!(
            field_value(block, "subject").as_deref(),
            Some(&b"one\ttwo three"[..])
        );
        assert_eq!(field_value(block, "To").as_deref(), Some(&b"x@y"[..]));
        assert_eq!(field_value(block, "empty").as_deref(), Some(&b""[..]));
        assert_eq!(field_value(block, "Not"), None);
    }

    #[test]
    fn a_line_that_is_not_a_field_has_no_name() {
        let block =
            b"From jo@x Thu Jan  1 00:00:00 1970\n folded\nno colon\n: empty\nA\xe9: b\0c\n d";
        assert_eq!(names(block), ["", "", "", "A\u{fffd}"]);
        let last = fields(block).last().expect("a field");
        assert_eq!(unfold(last.value), b"bc d");
        assert_eq!(names(b" folded first\nA: b\n"), ["", "A"]);
        assert_eq!(names(b""), [""; 0]);
        assert_eq!(names(b"\r\nA: b"), [""; 0]);
        assert_eq!(names(b"A: b\n \nC: d\n"), ["A", "C"]);
    }

    #[test]
    fn the_first_of_two_fields_counts() {
        assert_eq!(
            field_value(b"A: 1\nA: 2\n", "a").as_deref(),
            Some(&b"1"[..])
        );
    }

    proptest! {
        #[test]
        fn every_octet_before_the_blank_line_belongs_to_one_field(block in "[Aa: \t\r\n\u{e9}]{0,60}") {
            let block = block.as_bytes();
            let mut at = 0;
            for field in fields(block) {
                prop_assert_eq!(field.range.start, at);
                prop_assert!(field.range.end > at);
                at = field.range.end;
            }
            prop_assert!(is_blank(&block[line_at(block, at)]));
        }

        #[test]
        fn no_block_panics_and_no_value_keeps_a_line_end_or_nul(block in prop::collection::vec(any::<u8>(), 0..200)) {
            for field in fields(&block) {
                let value = unfold(field.value);
                prop_assert!(!value.iter().any(|b| b"\r\n\0".contains(b)));
            }
        }
    }
}
