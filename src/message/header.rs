//! The fields of a header block: walking over them, unfolding, selecting some of them.
//!
//! A block is the octets of a header as they lie in the file, with LF, CRLF or both, up to its blank line
//! or to its end. A real header has lines that are no fields: the `From ` line of an mbox, a line without
//! a colon, a folded line with nothing before it. They are fields without a name here, so that no octet
//! of a block belongs to no field.

use std::ops::Range;

use memchr::memchr;

/// One field, folded lines included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// The name as written; empty if what stands there is not a field.
    pub(crate) name: &'a [u8],
    /// All that follows the colon, line ends included; see [`unfold`]. The whole line if there is no name.
    pub(crate) value: &'a [u8],
    /// Where in the block the field lies, with its line ends.
    pub(crate) range: Range<usize>,
}

impl Field<'_> {
    /// True if the field has that name, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a block, in order, up to its blank line.
pub(crate) fn fields(block: &[u8]) -> Fields<'_> {
    Fields { block, at: 0 }
}

/// The value of the first field of that name, [`unfold`].
pub(crate) fn field_value(block: &[u8], name: &str) -> Option<Vec<u8>> {
    let found = fields(block).find(|field| field.is(name))?;
    Some(unfold(found.value))
}

/// The fields whose name is among `names` (or, if `not`, is not), and the blank line if the block has
/// one (RFC 3501 §6.4.5, HEADER.FIELDS and HEADER.FIELDS.NOT): ascending ranges of the block.
pub(crate) fn select_fields(block: &[u8], names: &[Vec<u8>], not: bool) -> Vec<Range<usize>> {
    let is_named = |name: &[u8]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    let mut walk = fields(block);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for field in walk.by_ref() {
        if is_named(field.name) != not {
            add(&mut ranges, field.range);
        }
    }
    let blank = line_at(block, walk.at);
    if !blank.is_empty() {
        add(&mut ranges, blank);
    }
    ranges
}

/// Adds a range, as one with the last if they touch.
fn add(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

/// A value on one line: its line ends are taken out and the blanks around it (RFC 5322 §2.2.3). The
/// blanks at the folds stay. No CR, LF or NUL is left, for no IMAP string may hold a NUL.
pub(crate) fn unfold(value: &[u8]) -> Vec<u8> {
    let kept = value.iter().filter(|b| !matches!(b, b'\r' | b'\n' | 0));
    let line: Vec<u8> = kept.copied().collect();
    line.trim_ascii().to_vec()
}

/// Iterator over the fields of a block; see [`fields`].
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    block: &'a [u8],
    /// Where the next field starts, or the blank line, or the end of the block.
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
        let text = &self.block[range.clone()];
        let (name, value) = match name_length(&self.block[first]) {
            Some((length, colon)) => (&text[..length], &text[colon + 1..]),
            None => (&text[..0], text),
        };
        Some(Field { name, value, range })
    }
}

/// The line that starts there, with its line end.
fn line_at(block: &[u8], start: usize) -> Range<usize> {
    let length = memchr(b'\n', &block[start..]).map_or(block.len() - start, |at| at + 1);
    start..start + length
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"" | b"\n" | b"\r\n")
}

/// How long the name is, and where its colon stands.
///
/// ```text
/// field-name = 1*<any CHAR, excluding CTLs, SPACE, and ":">      RFC 822 §3.2
/// optional   = field-name *WSP ":"                               RFC 5322 §4.5.8
/// ```
/// Octets from 0x80 up are taken for letters.
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

    fn selected(block: &[u8], chosen: &[&str], not: bool) -> Vec<u8> {
        let chosen: Vec<Vec<u8>> = chosen.iter().map(|n| n.as_bytes().to_vec()).collect();
        let ranges = select_fields(block, &chosen, not);
        ranges.into_iter().flat_map(|r| block[r].to_vec()).collect()
    }

    #[test]
    fn walks_and_unfolds() {
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
    fn tolerates_what_is_no_field() {
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
    fn takes_the_first_of_two() {
        assert_eq!(
            field_value(b"A: 1\nA: 2\n", "a").as_deref(),
            Some(&b"1"[..])
        );
    }

    #[test]
    fn selects_and_keeps_the_blank_line() {
        let block = b"Date: d\nTo: a,\n b\nX-No: x\nFrom: f\n\nbody";
        assert_eq!(
            selected(block, &["FROM", "date"], false),
            b"Date: d\nFrom: f\n\n"
        );
        assert_eq!(
            selected(block, &["FROM", "date"], true),
            b"To: a,\n b\nX-No: x\n\n"
        );
        assert_eq!(selected(block, &["nothing"], false), b"\n");
        assert_eq!(selected(b"A: b", &["a"], false), b"A: b");
        assert_eq!(selected(b"", &["a"], true), b"");
        assert_eq!(
            selected(b"no colon\nA: b\r\n\r\n", &["a"], true),
            b"no colon\n\r\n"
        );
    }

    #[test]
    fn joins_ranges_that_touch() {
        let block = b"A: 1\nB: 2\nC: 3\n\n";
        let named = |n: &str| n.as_bytes().to_vec();
        assert_eq!(
            select_fields(block, &[named("a"), named("b")], false),
            [0..10, 15..16]
        );
        assert_eq!(
            select_fields(block, &[], true),
            std::iter::once(0..16).collect::<Vec<_>>()
        );
    }

    proptest! {
        #[test]
        fn every_octet_belongs_to_one_field(block in "[Aa: \t\r\n\u{e9}]{0,60}") {
            let block = block.as_bytes();
            let mut at = 0;
            for field in fields(block) {
                prop_assert_eq!(field.range.start, at);
                prop_assert!(field.range.end > at);
                at = field.range.end;
            }
            prop_assert!(is_blank(&block[line_at(block, at)]));
            let names = [b"a".to_vec()];
            let length = |not| select_fields(block, &names, not).iter().map(ExactSizeIterator::len).sum::<usize>();
            let blank = line_at(block, at);
            prop_assert_eq!(length(false) + length(true), at + 2 * blank.len());
        }

        #[test]
        fn no_octets_panic(block in prop::collection::vec(any::<u8>(), 0..200)) {
            for field in fields(&block) {
                let value = unfold(field.value);
                prop_assert!(!value.iter().any(|b| b"\r\n\0".contains(b)));
            }
        }
    }
}
