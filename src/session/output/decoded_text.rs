//! Texts with their transfer encoding undone (RFC 3516). A text is read from the file and decoded
//! piece by piece, once to be counted, since a literal begins with its octet count, and once more
//! to be sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::file_range::PIECE;
use super::window::Window;
use crate::message::{CrlfConverter, Extent, TransferDecoder, TransferEncoding};

/// Part of a message file that is read and decoded. Lines end in CRLF before anything is decoded,
/// as they would if the client decoded the text itself.
#[derive(Debug, Clone)]
pub(in crate::session) struct DecodedText {
    file: Rc<File>,
    /// Offset of the next octet to read.
    position: u64,
    /// Offset behind the last octet.
    end: u64,
    lines: CrlfConverter,
    /// `None` at the end of the text.
    decoder: Option<TransferDecoder>,
}

impl DecodedText {
    /// Begins at the start of `extent`.
    pub(in crate::session) fn new(
        file: Rc<File>,
        extent: &Extent,
        transfer: TransferEncoding,
    ) -> Self {
        Self {
            file,
            position: extent.start,
            end: extent.end,
            lines: CrlfConverter::new(),
            decoder: Some(TransferDecoder::new(transfer)),
        }
    }

    /// Returns the octets of memory that the decoder may take.
    pub(in crate::session) fn memory(&self) -> usize {
        self.decoder.as_ref().map_or(0, TransferDecoder::memory)
    }

    /// Returns how many octets of the file are not read yet.
    fn unread(&self) -> u64 {
        self.end - self.position
    }

    /// Returns the offset in the file behind the text.
    pub(in crate::session) fn end(&self) -> u64 {
        self.end
    }

    /// Appends the next piece, decoded, which may be nothing. False at the end of the text.
    pub(in crate::session) fn read(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(false);
        };
        let mut piece = [0; PIECE];
        let left = self.end - self.position;
        let wanted = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        if wanted == 0 {
            decoder.finish(out);
            self.decoder = None;
            return Ok(true);
        }
        let piece = &mut piece[..wanted];
        self.file.read_exact_at(piece, self.position)?;
        self.position += wanted as u64;
        let mut lines = Vec::with_capacity(wanted + wanted / 8);
        self.lines.convert(piece, &mut lines);
        decoder.feed(&lines, out);
        Ok(true)
    }
}

/// Part of a decoded text, to be sent.
#[derive(Debug)]
pub(in crate::session) struct DecodedRange {
    text: DecodedText,
    window: Window,
}

impl DecodedRange {
    /// Begins after `skip` octets of the decoded text, with no octets.
    pub(in crate::session) fn new(text: DecodedText, skip: u64) -> Self {
        let window = Window { skip, octets: 0 };
        Self { text, window }
    }

    /// Makes the range `octets` long. The text must have as many.
    pub(in crate::session) fn with_length(mut self, octets: u64) -> Self {
        self.window.octets = octets;
        self
    }

    /// Returns the octets of memory that the decoder may take.
    pub(in crate::session) fn memory(&self) -> usize {
        self.text.memory()
    }

    /// Returns how many octets are still to be sent.
    pub(in crate::session) fn octets(&self) -> u64 {
        self.window.octets
    }

    /// True if at most `limit` octets of the file are still to be read.
    pub(super) fn is_short(&self, limit: u64) -> bool {
        self.text.unread() <= limit
    }

    /// Reads the next piece and appends those of its octets that are in the range.
    pub(super) fn read(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let before = out.len();
        if !self.text.read(out)? {
            let text = "the message file changed while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.window.cut(out, before);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn decoded(text: &[u8], transfer: TransferEncoding) -> DecodedText {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[b"before\n", text, b"\n--behind"].concat())
            .expect("written");
        let extent = Extent {
            start: 7,
            end: 7 + text.len() as u64,
            sent_before: 8,
            size: 0,
            lines: 0,
        };
        DecodedText::new(Rc::new(file), &extent, transfer)
    }

    /// Reads the text to its end.
    fn read(mut text: DecodedText) -> Vec<u8> {
        let mut out = Vec::new();
        while text.read(&mut out).expect("the file is there") {}
        out
    }

    #[test]
    fn lines_end_in_crlf_and_soft_breaks_vanish() {
        let text = b"caf=C3=A9 =\ncr=\r\neme\n=";
        let want = "caf\u{e9} creme\r\n=".as_bytes();
        assert_eq!(read(decoded(text, TransferEncoding::QuotedPrintable)), want);
        let mut cut = DecodedRange::new(decoded(text, TransferEncoding::QuotedPrintable), 0)
            .with_length(want.len() as u64);
        let mut out = Vec::new();
        while cut.octets() > 0 {
            cut.read(&mut out).expect("there is more");
        }
        assert_eq!(out, want);
        assert!(cut.read(&mut out).is_err(), "more than there is");
    }
}
