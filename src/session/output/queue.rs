//! The output queue of a session.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::decoded_text::DecodedRange;
use super::file_range::{FileRange, PIECE};
use super::number_list::NumberList;
use crate::message::CrlfConverter;
use crate::types::NumberSet;

/// A job stops producing output above this many unsent octets.
pub(in crate::session) const HIGH_WATER: usize = 64 * 1024;
/// A stopped job goes on below this many.
pub(in crate::session) const LOW_WATER: usize = 16 * 1024;
/// Texts of at most this many octets are read when they are queued: a copied page costs less than
/// an open descriptor, and a FETCH of a few octets of each message would hold hundreds of those.
const INLINE: u64 = 32 * 1024;

#[derive(Debug)]
enum Segment {
    Bytes {
        bytes: Vec<u8>,
        sent: usize,
    },
    File {
        range: FileRange,
        lines: CrlfConverter,
    },
    Decoded(Box<DecodedRange>),
    Numbers(NumberList),
}

impl Segment {
    fn unsent(&self) -> usize {
        match self {
            Self::Bytes { bytes, sent } => bytes.len() - sent,
            Self::File { range, .. } => usize::try_from(range.window.octets).unwrap_or(usize::MAX),
            Self::Decoded(range) => usize::try_from(range.octets()).unwrap_or(usize::MAX),
            Self::Numbers(_) => PIECE,
        }
    }

    /// Returns the octets of memory that it takes outside the queue.
    fn memory(&self) -> usize {
        match self {
            Self::Bytes { bytes, .. } => bytes.capacity(),
            Self::File { .. } => 0,
            Self::Decoded(range) => size_of::<DecodedRange>() + range.memory(),
            Self::Numbers(list) => list.memory(),
        }
    }
}

/// The output queue of one session.
#[derive(Debug, Default)]
pub(in crate::session) struct Output {
    segments: VecDeque<Segment>,
    /// Why a literal could not be sent to its end, until it is logged.
    failure: Option<io::Error>,
    /// Whether a literal could not be sent to its end.
    is_broken: bool,
}

impl Output {
    /// Returns the buffer to write the next response into. Call it anew for each response.
    pub(in crate::session) fn bytes(&mut self) -> &mut Vec<u8> {
        if !matches!(self.segments.back(), Some(Segment::Bytes { .. })) {
            self.segments.push_back(Segment::Bytes {
                bytes: Vec::new(),
                sent: 0,
            });
        }
        match self.segments.back_mut() {
            Some(Segment::Bytes { bytes, .. }) => bytes,
            _ => unreachable!("a byte segment was just pushed"),
        }
    }

    /// Queues part of a file behind what was written so far.
    pub(in crate::session) fn file_range(&mut self, mut range: FileRange) {
        if range.window.octets == 0 {
            return;
        }
        let mut lines = CrlfConverter::new();
        let is_short = range.window.skip.saturating_add(range.window.octets) <= INLINE;
        if !is_short || self.unsent() >= HIGH_WATER {
            self.segments.push_back(Segment::File { range, lines });
            return;
        }
        while range.window.octets > 0 {
            if let Err(error) = range.read(&mut lines, self.bytes()) {
                return self.fail(error);
            }
        }
    }

    /// Queues part of a decoded text behind what was written so far.
    pub(in crate::session) fn decoded(&mut self, mut range: DecodedRange) {
        let is_short = range.is_short(INLINE);
        if !is_short || self.unsent() >= HIGH_WATER {
            self.segments.push_back(Segment::Decoded(Box::new(range)));
            return;
        }
        while range.octets() > 0 {
            if let Err(error) = range.read(self.bytes()) {
                return self.fail(error);
            }
        }
    }

    /// Queues the numbers of a set, each with a space before it.
    pub(in crate::session) fn numbers(&mut self, set: impl Into<Rc<NumberSet>>) {
        let set = set.into();
        if let Some(next) = set.next_from(0) {
            self.push_numbers(NumberList::Set { set, next });
        }
    }

    /// Queues a set as a client would write it: `2,4:7`.
    pub(in crate::session) fn ranges(&mut self, set: impl Into<Rc<NumberSet>>) {
        let set = set.into();
        self.push_numbers(NumberList::Ranges { set, next: 0 });
    }

    /// Queues numbers in the order that they have, each with a space before it.
    pub(in crate::session) fn list(&mut self, numbers: Vec<u32>) {
        self.push_numbers(NumberList::Ordered { numbers, next: 0 });
    }

    fn push_numbers(&mut self, list: NumberList) {
        self.segments.push_back(Segment::Numbers(list));
    }

    /// Returns roughly how many octets the queue holds in memory: what is left to read from a file
    /// is not among them.
    pub(in crate::session) fn in_memory(&self) -> usize {
        let in_memory = |segment: &Segment| match segment {
            Segment::File { .. } | Segment::Decoded(_) => 0,
            _ => segment.unsent(),
        };
        self.segments.iter().map(in_memory).sum()
    }

    /// Returns the octets of memory that the queue takes.
    pub(in crate::session) fn memory(&self) -> usize {
        let segments = self.segments.iter().map(Segment::memory);
        self.segments.capacity() * size_of::<Segment>() + segments.sum::<usize>()
    }

    /// Returns roughly how many octets wait to be sent.
    pub(in crate::session) fn unsent(&self) -> usize {
        self.segments
            .iter()
            .map(Segment::unsent)
            .fold(0, usize::saturating_add)
    }

    /// Returns the next octets to send; none if there are none or the queue is broken.
    pub(in crate::session) fn poll(&mut self) -> &[u8] {
        if self.is_broken {
            return &[];
        }
        self.stage();
        match self.segments.front() {
            Some(Segment::Bytes { bytes, sent }) => &bytes[*sent..],
            _ => &[],
        }
    }

    /// Removes `count` of the octets that [`Self::poll`] returned, which were sent.
    pub(in crate::session) fn consume(&mut self, count: usize) {
        if let Some(Segment::Bytes { bytes, sent }) = self.segments.front_mut() {
            *sent = (*sent + count).min(bytes.len());
            if *sent == bytes.len() {
                self.segments.pop_front();
            } else if *sent >= bytes.len() / 2 {
                // A job may go on writing at the end before all is sent: without this, a client
                // that reads as fast as the job writes would make the buffer grow without limit.
                bytes.drain(..std::mem::take(sent));
            }
        }
        if self.segments.is_empty() {
            // An idle session keeps no buffer: those of two thousand sessions would add up.
            self.segments = VecDeque::new();
        }
    }

    /// True if the client would misread whatever is sent now.
    pub(in crate::session) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Hands out why the queue is broken, once.
    pub(in crate::session) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Breaks the queue, because octets that the client expects next cannot be sent.
    pub(in crate::session) fn fail(&mut self, error: io::Error) {
        self.failure = Some(error);
        self.is_broken = true;
    }

    /// Turns the front of the queue into octets, unless it is octets or there is nothing.
    fn stage(&mut self) {
        loop {
            let mut bytes = Vec::new();
            let written = match self.segments.front_mut() {
                None => return,
                Some(Segment::Bytes { bytes, sent }) if *sent < bytes.len() => return,
                Some(Segment::Bytes { .. }) => Ok(true),
                Some(Segment::Numbers(list)) => Ok(list.write(&mut bytes)),
                Some(Segment::Decoded(range)) => {
                    let read = range.read(&mut bytes);
                    read.map(|()| range.octets() == 0)
                }
                Some(Segment::File { range, lines }) => {
                    let read = range.read(lines, &mut bytes);
                    read.map(|()| range.window.octets == 0)
                }
            };
            match written {
                Ok(true) => drop(self.segments.pop_front()),
                Ok(false) => {}
                Err(error) => return self.fail(error),
            }
            if !bytes.is_empty() {
                self.segments.push_front(Segment::Bytes { bytes, sent: 0 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::rc::Rc;

    use super::super::window::Window;
    use super::*;
    use crate::message::to_crlf;

    fn file(content: &[u8]) -> Rc<File> {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(content).expect("written");
        Rc::new(file)
    }

    /// Makes a range over a whole file with that content.
    fn range(content: &[u8], skip: u64, octets: u64) -> FileRange {
        FileRange {
            file: file(content),
            start: 0,
            end: content.len() as u64,
            window: Window { skip, octets },
            nul: 0,
        }
    }

    /// Sends all that is queued, in pieces of at most `most` octets.
    fn sent(output: &mut Output, most: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let octets = output.poll();
            if octets.is_empty() {
                return all;
            }
            let count = octets.len().min(most);
            all.extend_from_slice(&octets[..count]);
            output.consume(count);
        }
    }

    fn is_inline(output: &Output) -> bool {
        let mut segments = output.segments.iter();
        segments.all(|segment| matches!(segment, Segment::Bytes { .. }))
    }

    /// Returns lines of all kinds, with a CRLF, a bare LF and a bare CR across the borders of
    /// pieces.
    fn text(length: usize) -> Vec<u8> {
        let mut text: Vec<u8> = b"line\nline\r\n\rx"
            .iter()
            .copied()
            .cycle()
            .take(length)
            .collect();
        for (at, two) in [(PIECE, b"\r\n"), (2 * PIECE, b"x\n"), (3 * PIECE, b"\rx")] {
            if at < length {
                text[at - 1..=at].copy_from_slice(two);
            }
        }
        text
    }

    #[test]
    fn texts_short_and_long_go_out_with_crlf() {
        for length in [1, 100, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let content = text(length);
            let seen = to_crlf(&content);
            for most in [1000, usize::MAX] {
                let mut output = Output::default();
                output.bytes().extend_from_slice(b"(");
                output.file_range(range(&content, 0, seen.len() as u64));
                output.bytes().extend_from_slice(b")");
                assert_eq!(is_inline(&output), seen.len() as u64 <= INLINE);
                assert_eq!(sent(&mut output, most), [b"(", &seen[..], b")"].concat());
                assert_eq!((output.unsent(), output.segments.capacity()), (0, 0));
            }
        }
    }

    #[test]
    fn windows_count_the_octets_that_are_sent() {
        let content = text(4 * PIECE);
        let seen = to_crlf(&content);
        for (skip, octets) in [
            (0, 1),
            (5, 1),
            (4, 2),
            (PIECE, 100),
            (PIECE + 1, 2 * PIECE),
            (1, seen.len() - 1),
            (seen.len() - 1, 1),
        ] {
            let mut output = Output::default();
            output.file_range(range(&content, skip as u64, octets as u64));
            assert_eq!(is_inline(&output), (skip + octets) as u64 <= INLINE);
            assert!(sent(&mut output, usize::MAX) == seen[skip..skip + octets]);
        }
    }

    #[test]
    fn a_full_queue_does_not_read_a_short_text_yet() {
        let mut output = Output::default();
        output.bytes().resize(HIGH_WATER, b'x');
        output.file_range(range(b"text", 0, 4));
        assert!(!is_inline(&output));
        assert!(sent(&mut output, usize::MAX).ends_with(b"xtext"));
    }

    #[test]
    fn sets_and_lists_go_out_in_pieces() {
        let ranges: Vec<(u32, u32)> = (1..=20_000).map(|n| (4 * n, 4 * n + n % 2)).collect();
        let written = |&(low, high): &(u32, u32)| match low == high {
            true => low.to_string(),
            false => format!("{low}:{high}"),
        };
        let want: Vec<String> = ranges.iter().map(written).collect();
        for most in [1000, usize::MAX] {
            let mut output = Output::default();
            output.ranges(ranges.iter().copied().collect::<NumberSet>());
            assert_eq!(sent(&mut output, most), want.join(",").as_bytes());
            output.list((0..20_000).rev().collect());
            let list: String = (0..20_000)
                .rev()
                .map(|number| format!(" {number}"))
                .collect();
            assert_eq!(sent(&mut output, most), list.as_bytes());
        }
    }

    #[test]
    fn numbers_go_out_with_a_space_before_each() {
        let mut output = Output::default();
        output.bytes().extend_from_slice(b"* SEARCH");
        output.numbers(NumberSet::new());
        let mut set: NumberSet = (1..=20_000)
            .map(|number| (number * 2, number * 2))
            .collect();
        set.insert(u32::MAX);
        output.numbers(set.clone());
        output.bytes().extend_from_slice(b"\r\n");
        assert!(output.unsent() <= HIGH_WATER, "numbers are queued as a set");
        let want: String = set.iter().map(|number| format!(" {number}")).collect();
        let got = String::from_utf8(sent(&mut output, 999)).expect("ASCII");
        assert_eq!(got, format!("* SEARCH{want}\r\n"));
    }

    #[test]
    fn a_file_that_shrinks_breaks_the_stream() {
        for length in [100, 3 * PIECE] {
            let content = text(length);
            let range = range(&content, 0, to_crlf(&content).len() as u64);
            range.file.set_len(50).expect("shrunk");
            let mut output = Output::default();
            output.bytes().extend_from_slice(b"{}\r\n");
            output.file_range(range);
            output.bytes().extend_from_slice(b")\r\n");
            let got = sent(&mut output, usize::MAX);
            assert!(output.is_broken());
            assert!(!got.ends_with(b")\r\n"), "nothing is sent beyond the break");
            assert!(output.poll().is_empty());
        }
    }

    #[test]
    fn the_buffer_stays_small_while_the_client_keeps_up() {
        let mut output = Output::default();
        let mut received = Vec::new();
        for round in 0..2000_u32 {
            output.bytes().extend_from_slice(&[round as u8; 100]);
            let count = output
                .poll()
                .len()
                .min(100)
                .saturating_sub(usize::from(round == 0));
            received.extend_from_slice(&output.poll()[..count]);
            output.consume(count);
            assert!(output.bytes().capacity() < 1000);
        }
        received.extend_from_slice(&sent(&mut output, usize::MAX));
        let want: Vec<u8> = (0..2000_u32).flat_map(|round| [round as u8; 100]).collect();
        assert!(received == want);
    }
}
