//! Finding an octet of a text in the message file, where the octets are counted as they are sent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::output::{FileRange, PIECE, Window};
use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::message::Extent;
use crate::try_done;
use crate::types::Uid;

/// A position in a message: how many octets are sent for what the file has before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct WirePosition {
    /// UID of the message.
    uid: Uid,
    /// Octets that are sent for the message before the position, with CRLF for every line end.
    sent_octets: u64,
    /// Offset of the position in the file.
    file_offset: u64,
}

/// Finds where the octet number `first` of an extent lies in the file. A partial FETCH counts
/// octets as they are sent, with CRLF for every line end, so the file has to be read up to there;
/// for a client that fetches piece after piece, of the same text or of another one of the message,
/// counting goes on where its last piece ended.
pub(super) struct RangeLocator {
    file: Rc<File>,
    position: WirePosition,
    /// Offset behind the extent.
    end: u64,
    /// The octets to find, counted from the start of the message.
    window: Window,
}

impl RangeLocator {
    /// Begins to look for `window`, of which the extent has all octets. Starts at `known` if that
    /// is in the extent and not behind the window.
    pub(super) fn new(
        file: Rc<File>,
        uid: Uid,
        extent: &Extent,
        window: Window,
        known: Option<WirePosition>,
    ) -> Self {
        let start = WirePosition {
            uid,
            sent_octets: extent.sent_before,
            file_offset: extent.start,
        };
        let skip = extent.sent_before + window.skip;
        let fits = |at: &WirePosition| {
            let is_inside = (extent.start..=extent.end).contains(&at.file_offset);
            at.uid == uid && is_inside && at.sent_octets <= skip
        };
        Self {
            file,
            position: known.filter(fits).unwrap_or(start),
            end: extent.end,
            window: Window { skip, ..window },
        }
    }

    /// Counts on; done when the range is found.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<io::Result<FileRange>> {
        let mut piece = [0; PIECE];
        while self.position.sent_octets < self.window.skip {
            let wanted = usize::try_from(self.end - self.position.file_offset)
                .unwrap_or(PIECE)
                .min(PIECE);
            let piece = &mut piece[..wanted];
            try_done!(self.file.read_exact_at(piece, self.position.file_offset));
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
            start: self.position.file_offset,
            end: self.end,
            window: Window {
                skip: self.window.skip - self.position.sent_octets,
                ..self.window
            },
            nul: 0,
        }))
    }

    /// Returns how far it has counted.
    pub(super) fn position(&self) -> WirePosition {
        self.position
    }

    /// Moves over the whole lines of the piece that end before the window, and over a piece without
    /// a line end if that ends before the window. False if the rest has to be skipped when it is
    /// read.
    fn pass(&mut self, piece: &[u8]) -> bool {
        let (mut octets, mut taken) = (0, 0);
        let room = self.window.skip - self.position.sent_octets;
        for end in memchr::memchr_iter(b'\n', piece) {
            let is_bare = end == 0 || piece[end - 1] != b'\r';
            let line = (end + 1 - taken) as u64 + u64::from(is_bare);
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
        self.position.sent_octets += octets;
        self.position.file_offset += taken as u64;
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

    /// What the file has before the extent.
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
            sent_before: to_crlf(BEFORE).len() as u64,
        };
        (Rc::new(file), extent)
    }

    fn uid(number: u32) -> Uid {
        Uid::new(number).expect("not 0")
    }

    /// Steps with a budget that every piece uses up.
    fn located(mut locate: RangeLocator) -> (FileRange, WirePosition) {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        loop {
            let mut budget = Budget::new(&clock, 1, Duration::from_secs(1));
            if let Step::Done(range) = locate.step(&mut budget) {
                return (range.expect("the file is there"), locate.position());
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

    /// Makes runs of one octet or one line end, some of them longer than a piece.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let unit = prop::sample::select(vec![&b"x"[..], b"\n", b"\r\n", b"\r", b"ab\n"]);
        let length = prop_oneof![1..4usize, PIECE - 3..PIECE + 3, 1..3 * PIECE];
        let run = (unit, length).prop_map(|(unit, times)| unit.repeat(times));
        prop::collection::vec(run, 1..6).prop_map(|runs| runs.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_range_is_what_cutting_the_converted_text_gives(
            text in text(),
            picks in prop::collection::vec((any::<prop::sample::Index>(), 1..40_000usize), 1..4),
        ) {
            let (file, extent) = file(&text);
            let seen = to_crlf(&text);
            let mut known = None;
            for (pick, count) in picks {
                let first = pick.index(seen.len());
                let octets = count.min(seen.len() - first);
                let window = Window { skip: first as u64, octets: octets as u64 };
                let locate = RangeLocator::new(Rc::clone(&file), uid(7), &extent, window, known);
                let (range, place) = located(locate);
                prop_assert!(range.window.skip <= PIECE as u64, "nearly all is passed over");
                prop_assert!(sent(range) == seen[first..first + octets]);
                known = Some(place);
            }
        }
    }

    #[test]
    fn a_known_position_counts_in_all_texts_of_the_message_that_it_is_in() {
        let (file, extent) = file(&b"line\n".repeat(100));
        let locate = |number, extent: &Extent, skip, known| {
            RangeLocator::new(
                Rc::clone(&file),
                uid(number),
                extent,
                Window { skip, octets: 1 },
                known,
            )
        };
        let (_, place) = located(locate(7, &extent, 300, None));
        let before = extent.sent_before;
        assert_eq!(place.sent_octets, before + 300, "the start of a line");
        let resumed = |locate: RangeLocator| locate.position().sent_octets;
        assert_eq!(resumed(locate(7, &extent, 300, Some(place))), before + 300);
        assert_eq!(resumed(locate(7, &extent, 299, Some(place))), before);
        assert_eq!(resumed(locate(8, &extent, 300, Some(place))), before);
        let whole = Extent {
            start: 0,
            sent_before: 0,
            ..extent
        };
        assert_eq!(
            resumed(locate(7, &whole, before + 300, Some(place))),
            before + 300
        );
        let behind = Extent {
            start: place.file_offset + 1,
            sent_before: before + 301,
            ..extent
        };
        assert_eq!(resumed(locate(7, &behind, 10, Some(place))), before + 301);
    }

    #[test]
    fn a_file_that_has_become_shorter_is_an_error() {
        let (file, extent) = file(&b"line\n".repeat(100));
        file.set_len(20).expect("shrunk");
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut locate = RangeLocator::new(
            file,
            uid(1),
            &extent,
            Window {
                skip: 300,
                octets: 1,
            },
            None,
        );
        let range = locate.step(&mut Budget::unlimited(&clock));
        assert!(matches!(range, Step::Done(Err(_))));
    }
}
