//! The text of a header as mail readers show it, decoded and folded piece by piece.

use std::ops::Range;

use super::casefold::CaseFolder;
use super::header;
use super::header_value::{ValueDecoder, ValueForm};

/// Octets of a header that are decoded at once, about.
const PIECE: usize = 4 * 1024;
/// Work of finding a field, in octets.
const FIELD_WORK: usize = 64;

/// Decodes one header after another: one line for each field.
#[derive(Default)]
pub(crate) struct HeaderDecoder {
    /// Offset of the next field.
    at: usize,
    /// The value that is being decoded.
    value: Option<Range<usize>>,
    decoder: ValueDecoder,
    folder: CaseFolder,
    is_over: bool,
    /// Buffers for the text of a piece, and the same folded.
    text: Vec<u8>,
    folded: Vec<u8>,
}

impl HeaderDecoder {
    /// Returns the octets of memory that the decoder takes outside itself.
    pub(crate) fn memory(&self) -> usize {
        self.decoder.memory() + self.text.capacity() + self.folded.capacity()
    }

    /// Begins another header.
    pub(crate) fn begin(&mut self) {
        self.at = 0;
        self.value = None;
        self.folder = CaseFolder::default();
        self.is_over = false;
    }

    /// Decodes the next piece of the header. Returns its folded text, and the work that it took, in
    /// octets. Returns `None` if the header is over.
    pub(crate) fn next(&mut self, block: &[u8]) -> Option<(&[u8], usize)> {
        if self.is_over {
            return None;
        }
        self.text.clear();
        self.folded.clear();
        let mut work = 0;
        while work < PIECE && !self.is_over {
            work += self.decode_piece(block);
        }
        self.folder.feed(&self.text, &mut self.folded);
        if self.is_over {
            self.folder.finish(&mut self.folded);
        }
        Some((&self.folded, work + self.text.len()))
    }

    /// Decodes a piece of a value, or finds the next field.
    fn decode_piece(&mut self, block: &[u8]) -> usize {
        if let Some(value) = &self.value {
            let value = &block[value.clone()];
            if let Some(work) = self.decoder.step(value, &mut self.text) {
                return work;
            }
            self.text.push(b'\n');
            self.value = None;
        }
        let Some(field) = header::fields_from(block, self.at).next() else {
            self.is_over = true;
            return 0;
        };
        if !field.name.is_empty() {
            self.text.extend_from_slice(field.name);
            self.text.extend_from_slice(b": ");
        }
        self.at = field.range.end;
        self.value = Some(field.value_range());
        self.decoder.begin(ValueForm::Written);
        FIELD_WORK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &[u8]) -> String {
        let (mut decoder, mut text) = (HeaderDecoder::default(), Vec::new());
        decoder.begin();
        while let Some((piece, work)) = decoder.next(block) {
            assert!(work <= 3 * PIECE, "a piece of {work}");
            text.extend_from_slice(piece);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn a_header_has_one_line_for_each_field() {
        let block = b"From jo Thu\nSubject: =?utf-8?q?=C3=89?=\n\tX\nTo: a\n\nbody";
        assert_eq!(read(block), "from jo thu\nsubject: \u{e9} x\nto: a\n");
        assert_eq!(read(b""), "");
    }

    #[test]
    fn a_long_header_is_decoded_in_pieces() {
        let value = "Word ".repeat(50_000);
        assert_eq!(
            read(format!("A: {value}\n").as_bytes()),
            format!("a: {}\n", value.trim_end().to_lowercase())
        );
        let many = "a:\n".repeat(87_000);
        assert_eq!(read(many.as_bytes()), "a: \n".repeat(87_000));
    }
}
