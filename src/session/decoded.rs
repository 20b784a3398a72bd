//! Texts with their transfer encoding undone (RFC 3516): read from the file and decoded piece by piece,
//! once to be counted, since a literal begins with its count, and once more to be sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::{CrlfConverter, Extent, TransferDecoder, TransferEncoding};

/// How much is read at once.
const PIECE: usize = 16 * 1024;
/// The most octets that a piece becomes: every one of it could be a line end without its CR.
const MOST: u64 = 2 * PIECE as u64;

/// A stretch of a message file on its way to what it means. Lines end in CRLF before anything is decoded,
/// as they would if the client decoded the text itself.
#[derive(Debug)]
pub(super) struct Decoded {
    file: Rc<File>,
    position: u64,
    end: u64,
    lines: CrlfConverter,
    decoder: Option<TransferDecoder>,
}

impl Decoded {
    pub(super) fn new(file: Rc<File>, extent: &Extent, transfer: TransferEncoding) -> Self {
        Self {
            file,
            position: extent.start,
            end: extent.end,
            lines: CrlfConverter::new(),
            decoder: Some(TransferDecoder::new(transfer)),
        }
    }

    /// Octets of the file that are not read yet.
    pub(super) fn left(&self) -> u64 {
        self.end - self.position
    }

    /// Appends what the next piece means, which may be nothing; false at the end.
    pub(super) fn read(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(false);
        };
        let mut piece = [0; PIECE];
        let wanted =
            usize::try_from(self.end - self.position).map_or(PIECE, |left| left.min(PIECE));
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

/// Counts the octets that a text has when it is decoded.
#[derive(Debug)]
pub(super) struct Measure {
    decoded: Decoded,
    enough: u64,
    octets: u64,
    has_nul: bool,
}

impl Measure {
    /// Counts up to that many.
    pub(super) fn new(decoded: Decoded, enough: u64) -> Self {
        Self {
            decoded,
            enough,
            octets: 0,
            has_nul: false,
        }
    }

    /// Ends with the count, and whether the octet 0 is among them.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<(u64, bool)>> {
        let mut piece = Vec::new();
        while self.octets < self.enough {
            piece.clear();
            match self.decoded.read(&mut piece) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Step::Done(Err(error)),
            }
            self.octets += piece.len() as u64;
            self.has_nul |= memchr::memchr(0, &piece).is_some();
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok((self.octets.min(self.enough), self.has_nul)))
    }
}

/// Octets of a decoded text, to be sent.
#[derive(Debug)]
pub(super) struct Cut {
    decoded: Decoded,
    /// How many are passed over first.
    skip: u64,
    /// How many are sent then. There are so many.
    octets: u64,
}

impl Cut {
    /// From that octet on.
    pub(super) fn new(decoded: Decoded, skip: u64) -> Self {
        Self {
            decoded,
            skip,
            octets: 0,
        }
    }

    /// So many of them.
    pub(super) fn of(self, octets: u64) -> Self {
        Self { octets, ..self }
    }

    /// How many are still to be sent.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// True if not much has to be read for them.
    pub(super) fn is_short(&self, most: u64) -> bool {
        self.decoded.left() <= most
    }

    /// Passes over what lies far before the first octet to send, so that sending need not.
    pub(super) fn seek(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let mut piece = Vec::new();
        while self.skip >= MOST {
            piece.clear();
            match self.decoded.read(&mut piece) {
                Ok(true) => self.skip -= piece.len() as u64,
                Ok(false) => break,
                Err(error) => return Step::Done(Err(error)),
            }
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(()))
    }

    /// Appends the next octets, if the next piece has some.
    pub(super) fn pump(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let before = out.len();
        if !self.decoded.read(out)? {
            let text = "a message file changed while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let fresh = out.len() - before;
        let skipped = usize::try_from(self.skip).map_or(fresh, |skip| skip.min(fresh));
        out.drain(before..before + skipped);
        self.skip -= skipped as u64;
        let owed = usize::try_from(self.octets).unwrap_or(usize::MAX);
        out.truncate(out.len().min(before.saturating_add(owed)));
        self.octets -= (out.len() - before) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::budget::FakeClock;

    fn decoded(text: &[u8], transfer: TransferEncoding) -> Decoded {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[b"before\n", text, b"\n--behind"].concat())
            .expect("written");
        let extent = Extent {
            start: 7,
            end: 7 + text.len() as u64,
            size: 0,
            lines: 0,
        };
        Decoded::new(Rc::new(file), &extent, transfer)
    }

    /// Steps with a budget that every piece spends.
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
    fn what_is_counted_is_sent() {
        let plain: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
        let base64 = data_encoding::BASE64_MIME.encode(&plain).into_bytes();
        let mut measure = Measure::new(decoded(&base64, TransferEncoding::Base64), u64::MAX);
        assert_eq!(drive(|budget| measure.step(budget)), (100_000, true));
        for (first, most) in [(0, 100_000), (1, 2), (70_001, 20_000), (99_999, 1)] {
            let mut cut = Cut::new(decoded(&base64, TransferEncoding::Base64), first).of(most);
            drive(|budget| cut.seek(budget));
            let mut out = Vec::new();
            while cut.octets() > 0 {
                cut.pump(&mut out).expect("there is more");
            }
            let first = usize::try_from(first).expect("small");
            assert!(out == plain[first..first + usize::try_from(most).expect("small")]);
        }
    }

    #[test]
    fn lines_end_in_crlf_and_soft_breaks_are_none() {
        let text = b"caf=C3=A9 =\ncr=\r\neme\n=";
        let mut measure = Measure::new(decoded(text, TransferEncoding::QuotedPrintable), u64::MAX);
        let want = "caf\u{e9} creme\r\n=".as_bytes();
        assert_eq!(
            drive(|budget| measure.step(budget)),
            (want.len() as u64, false)
        );
        let mut cut =
            Cut::new(decoded(text, TransferEncoding::QuotedPrintable), 0).of(want.len() as u64);
        let mut out = Vec::new();
        while cut.octets() > 0 {
            cut.pump(&mut out).expect("there is more");
        }
        assert_eq!(out, want);
        assert!(cut.pump(&mut out).is_err(), "more than there is");
    }

    #[test]
    fn counting_stops_when_it_is_enough() {
        let mut measure = Measure::new(decoded(&[b'x'; 100_000], TransferEncoding::Identity), 10);
        assert_eq!(drive(|budget| measure.step(budget)), (10, false));
        assert!(measure.decoded.left() > 80_000);
    }
}
