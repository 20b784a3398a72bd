//! Reads a message file piece by piece into the scanner that finds its parts: the only place where a
//! session reads messages, other than the output queue that sends them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::output::FileRange;
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::{Extent, Layout, ScanDepth, Scanner};
use crate::store::StoreError;
use crate::types::Uid;

/// How much is read at once.
pub(super) const PIECE: usize = 16 * 1024;
/// How much is read first where the header will do: most headers end in it, and what comes behind one
/// need not be copied.
const HEADER_PIECE: usize = 4 * 1024;

/// A message file that is being looked through.
pub(super) struct Reader {
    file: Rc<File>,
    position: u64,
    /// How much to read next.
    piece: usize,
    scanner: Option<Scanner>,
}

impl Reader {
    pub(super) fn new(file: Rc<File>, depth: ScanDepth) -> Self {
        Self {
            file,
            position: 0,
            piece: match depth {
                ScanDepth::Header => HEADER_PIECE,
                ScanDepth::Sizes | ScanDepth::Structure => PIECE,
            },
            scanner: Some(Scanner::new(depth)),
        }
    }

    /// The file that is read.
    pub(super) fn file(&self) -> Rc<File> {
        Rc::clone(&self.file)
    }

    /// Reads on; done when the scanner has what it was made for, or the file ends.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<Layout>> {
        let mut piece = [0; PIECE];
        while let Some(scanner) = &mut self.scanner {
            let wanted = std::mem::replace(&mut self.piece, PIECE);
            let count = match self.file.read_at(&mut piece[..wanted], self.position) {
                Ok(count) => count,
                Err(error) => return Step::Done(Err(error)),
            };
            self.position += count as u64;
            scanner.feed(&piece[..count]);
            budget.spend(COST_READ_16K);
            if count == 0 || scanner.is_done() {
                break;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        match self.scanner.take() {
            Some(scanner) => Step::Done(Ok(scanner.finish())),
            None => Step::Done(Err(io::Error::other("the message was read already"))),
        }
    }
}

/// A message's file that could be opened but not read.
pub(super) fn unreadable(source: io::Error) -> StoreError {
    StoreError::Io {
        context: "reading a message",
        source,
    }
}

/// A place inside an extent: so many octets of what goes over the wire come before this offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resume {
    pub(super) uid: Uid,
    pub(super) extent_start: u64,
    pub(super) octets: u64,
    pub(super) offset: u64,
}

/// Finds where the octet number `first` of an extent lies in the file. A partial FETCH counts octets as
/// they go over the wire, with CRLF for every line end, so the file has to be counted through; a client
/// that fetches piece after piece goes on where its last piece ended.
pub(super) struct Locate {
    file: Rc<File>,
    at: Resume,
    /// Offset behind the extent.
    end: u64,
    first: u64,
    octets: u64,
}

impl Locate {
    /// For `octets` octets from number `first` on, counted from 0, all of which the extent has.
    pub(super) fn new(
        file: Rc<File>,
        uid: Uid,
        extent: &Extent,
        (first, octets): (u64, u64),
        resume: Option<Resume>,
    ) -> Self {
        let start = Resume {
            uid,
            extent_start: extent.start,
            octets: 0,
            offset: extent.start,
        };
        let fits =
            |at: &Resume| at.uid == uid && at.extent_start == extent.start && at.octets <= first;
        Self {
            file,
            at: resume.filter(fits).unwrap_or(start),
            end: extent.end,
            first,
            octets,
        }
    }

    /// Counts on; done when the range is found.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<FileRange>> {
        let mut piece = [0; PIECE];
        while self.at.octets < self.first {
            let wanted = usize::try_from(self.end - self.at.offset)
                .unwrap_or(PIECE)
                .min(PIECE);
            let piece = &mut piece[..wanted];
            if let Err(error) = self.file.read_exact_at(piece, self.at.offset) {
                return Step::Done(Err(error));
            }
            if !self.pass(piece) {
                break;
            }
            budget.spend(COST_READ_16K);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(FileRange {
            file: Rc::clone(&self.file),
            start: self.at.offset,
            end: self.end,
            skip: self.first - self.at.octets,
            octets: self.octets,
            nul: 0,
        }))
    }

    /// How far it has counted.
    pub(super) fn place(&self) -> Resume {
        self.at
    }

    /// Moves over whole lines of the piece as long as the wanted octet lies behind them, and over a
    /// whole piece without a line end if it can. False when the rest has to be skipped by the reader.
    fn pass(&mut self, piece: &[u8]) -> bool {
        let (mut octets, mut taken) = (0, 0);
        let room = self.first - self.at.octets;
        for end in memchr::memchr_iter(b'\n', piece) {
            let bare = end == 0 || piece[end - 1] != b'\r';
            let line = (end + 1 - taken) as u64 + u64::from(bare);
            if octets + line > room {
                break;
            }
            octets += line;
            taken = end + 1;
        }
        if taken == 0 && (piece.len() as u64) < room && piece.len() > 1 {
            // One long line: stop before its last octet, which may be the CR of a CRLF.
            octets = piece.len() as u64 - 1;
            taken = piece.len() - 1;
        }
        self.at.octets += octets;
        self.at.offset += taken as u64;
        taken > 0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
    use crate::budget::FakeClock;
    use crate::message::to_crlf;
    use crate::session::output::Output;

    /// Stands in the file before the extent.
    const BEFORE: &[u8] = b"header\n\n";

    fn file(text: &[u8]) -> (Rc<File>, Extent) {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[BEFORE, text, b"\n--behind"].concat())
            .expect("written");
        let start = BEFORE.len() as u64;
        let extent = Extent {
            start,
            end: start + text.len() as u64,
            size: to_crlf(text).len() as u64,
            lines: 0,
        };
        (Rc::new(file), extent)
    }

    fn uid(number: u32) -> Uid {
        Uid::new(number).expect("not 0")
    }

    /// Steps with a budget that every piece spends.
    fn located(mut locate: Locate) -> (FileRange, Resume) {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            if let Step::Done(range) = locate.step(&mut budget) {
                return (range.expect("the file is there"), locate.place());
            }
        }
    }

    fn sent(range: FileRange) -> Vec<u8> {
        let mut output = Output::default();
        output.file_range(range);
        let mut all = Vec::new();
        while !output.poll().is_empty() {
            let count = output.poll().len();
            all.extend_from_slice(output.poll());
            output.consume(count);
        }
        all
    }

    /// Runs of one octet or one line end, some of them longer than a piece.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let unit = prop::sample::select(vec![&b"x"[..], b"\n", b"\r\n", b"\r", b"ab\n"]);
        let length = prop_oneof![1..4usize, PIECE - 3..PIECE + 3, 1..3 * PIECE];
        let run = (unit, length).prop_map(|(unit, times)| unit.repeat(times));
        prop::collection::vec(run, 1..6).prop_map(|runs| runs.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_same_as_cutting_the_converted_text(
            text in text(),
            picks in prop::collection::vec((any::<prop::sample::Index>(), 1..40_000usize), 1..4),
        ) {
            let (file, extent) = file(&text);
            let seen = to_crlf(&text);
            let mut resume = None;
            for (pick, count) in picks {
                let first = pick.index(seen.len());
                let octets = count.min(seen.len() - first);
                let cut = (first as u64, octets as u64);
                let locate = Locate::new(Rc::clone(&file), uid(7), &extent, cut, resume);
                let (range, place) = located(locate);
                prop_assert!(range.skip <= PIECE as u64, "nearly all is passed over");
                prop_assert!(sent(range) == seen[first..first + octets]);
                resume = Some(place);
            }
        }
    }

    #[test]
    fn goes_on_where_it_was_only_in_the_same_text() {
        let (file, extent) = file(&b"line\n".repeat(100));
        let locate = |number, extent: &Extent, first, resume| {
            Locate::new(Rc::clone(&file), uid(number), extent, (first, 1), resume)
        };
        let (_, place) = located(locate(7, &extent, 300, None));
        assert_eq!(place.octets, 300, "the start of a line");
        let resumed = |locate: Locate| locate.place().octets;
        assert_eq!(resumed(locate(7, &extent, 300, Some(place))), 300);
        assert_eq!(resumed(locate(7, &extent, 299, Some(place))), 0);
        assert_eq!(resumed(locate(8, &extent, 300, Some(place))), 0);
        let other = Extent { start: 0, ..extent };
        assert_eq!(resumed(locate(7, &other, 300, Some(place))), 0);
    }

    #[test]
    fn a_file_that_is_shorter_by_now_is_an_error() {
        let (file, extent) = file(&b"line\n".repeat(100));
        file.set_len(20).expect("shrunk");
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut locate = Locate::new(file, uid(1), &extent, (300, 1), None);
        let range = locate.step(&mut Budget::unlimited(&clock));
        assert!(matches!(range, Step::Done(Err(_))));
    }
}
