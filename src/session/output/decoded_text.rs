//! Texts with their transfer encoding undone (RFC 3516). A text is read from the file and decoded
//! piece by piece, once to be counted, since a literal begins with its octet count, and once more
//! to be sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::file_range::PIECE;
use super::window::Window;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::{CrlfConverter, Extent, TransferDecoder, TransferEncoding};
use crate::try_done;

/// The most octets that a piece becomes: each of its octets may be a line end without CR.
const MAX_DECODED: u64 = 2 * PIECE as u64;

/// Part of a message file that is read and decoded. Lines end in CRLF before anything is decoded,
/// as they would if the client decoded the text itself.
#[derive(Debug)]
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

    /// Returns how many octets of the file are not read yet.
    fn unread(&self) -> u64 {
        self.end - self.position
    }

    /// Appends the next piece, decoded, which may be nothing. False at the end of the text.
    fn read(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
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

/// Counts the octets of a decoded text.
#[derive(Debug)]
pub(in crate::session) struct DecodedLength {
    text: DecodedText,
    /// The count at which counting stops.
    limit: u64,
    octets: u64,
    /// Whether one of the octets is 0.
    has_nul: bool,
}

impl DecodedLength {
    /// Counts up to `limit`.
    pub(in crate::session) fn new(text: DecodedText, limit: u64) -> Self {
        Self {
            text,
            limit,
            octets: 0,
            has_nul: false,
        }
    }

    /// Counts on; done with the count, and whether one of the octets is 0.
    pub(in crate::session) fn step(
        &mut self,
        budget: &mut Budget<'_>,
    ) -> Step<io::Result<(u64, bool)>> {
        let mut piece = Vec::new();
        while self.octets < self.limit {
            piece.clear();
            if !try_done!(self.text.read(&mut piece)) {
                break;
            }
            self.octets += piece.len() as u64;
            self.has_nul |= memchr::memchr(0, &piece).is_some();
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok((self.octets.min(self.limit), self.has_nul)))
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

    /// Returns how many octets are still to be sent.
    pub(in crate::session) fn octets(&self) -> u64 {
        self.window.octets
    }

    /// True if at most `limit` octets of the file are still to be read.
    pub(super) fn is_short(&self, limit: u64) -> bool {
        self.text.unread() <= limit
    }

    /// Passes over what lies far before the range, so that sending need not.
    pub(in crate::session) fn seek(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let mut piece = Vec::new();
        while self.window.skip >= MAX_DECODED {
            piece.clear();
            if !try_done!(self.text.read(&mut piece)) {
                break;
            }
            self.window.skip -= piece.len() as u64;
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(()))
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
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::budget::FakeClock;

    fn decoded(text: &[u8], transfer: TransferEncoding) -> DecodedText {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[b"before\n", text, b"\n--behind"].concat())
            .expect("written");
        let extent = Extent {
            start: 7,
            end: 7 + text.len() as u64,
            size: 0,
            lines: 0,
        };
        DecodedText::new(Rc::new(file), &extent, transfer)
    }

    /// Steps with a budget that every piece uses up.
    fn drive<T>(mut step: impl FnMut(&mut Budget<'_>) -> Step<io::Result<T>>) -> T {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            if let Step::Done(done) = step(&mut budget) {
                return done.expect("the file is there");
            }
        }
    }

    #[test]
    fn as_many_octets_are_sent_as_were_counted() {
        let plain: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
        let base64 = data_encoding::BASE64_MIME.encode(&plain).into_bytes();
        let mut measure = DecodedLength::new(decoded(&base64, TransferEncoding::Base64), u64::MAX);
        assert_eq!(drive(|budget| measure.step(budget)), (100_000, true));
        for (first, most) in [(0, 100_000), (1, 2), (70_001, 20_000), (99_999, 1)] {
            let mut cut = DecodedRange::new(decoded(&base64, TransferEncoding::Base64), first)
                .with_length(most);
            drive(|budget| cut.seek(budget));
            let mut out = Vec::new();
            while cut.octets() > 0 {
                cut.read(&mut out).expect("there is more");
            }
            let first = usize::try_from(first).expect("small");
            assert!(out == plain[first..first + usize::try_from(most).expect("small")]);
        }
    }

    #[test]
    fn lines_end_in_crlf_and_soft_breaks_vanish() {
        let text = b"caf=C3=A9 =\ncr=\r\neme\n=";
        let mut measure =
            DecodedLength::new(decoded(text, TransferEncoding::QuotedPrintable), u64::MAX);
        let want = "caf\u{e9} creme\r\n=".as_bytes();
        assert_eq!(
            drive(|budget| measure.step(budget)),
            (want.len() as u64, false)
        );
        let mut cut = DecodedRange::new(decoded(text, TransferEncoding::QuotedPrintable), 0)
            .with_length(want.len() as u64);
        let mut out = Vec::new();
        while cut.octets() > 0 {
            cut.read(&mut out).expect("there is more");
        }
        assert_eq!(out, want);
        assert!(cut.read(&mut out).is_err(), "more than there is");
    }

    #[test]
    fn counting_stops_at_the_limit() {
        let mut measure =
            DecodedLength::new(decoded(&[b'x'; 100_000], TransferEncoding::Identity), 10);
        assert_eq!(drive(|budget| measure.step(budget)), (10, false));
        assert!(measure.text.unread() > 80_000);
    }
}
