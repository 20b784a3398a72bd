//! What a session has yet to send: a queue of bytes, file ranges and number lists.
//!
//! A response line is written as bytes. What may be large is queued as a description and becomes bytes
//! 16 KiB at a time, when the socket has room: a message body as a range of its file, SEARCH hits as
//! ranges of numbers. So a session's memory does not depend on what it fetches, and a client that does
//! not read costs one staged piece ([crate], invariant 3).
//!
//! A literal's octet count is announced before its octets are read. Should the file turn out shorter or
//! unreadable, the promise cannot be kept and the stream is lost: the queue is then broken, nothing more
//! is sent, and the session ends.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::decoded::Cut;
use crate::message::CrlfConverter;
use crate::types::NumberSet;

/// A job stops producing above this many unsent octets.
pub(crate) const HIGH_WATER: usize = 64 * 1024;
/// A stopped job goes on below this many.
pub(crate) const LOW_WATER: usize = 16 * 1024;
/// How much of a file or number list is turned into bytes at once.
const STAGE: usize = 16 * 1024;
/// Shorter texts are read at once: a copied page costs less than an open descriptor, of which a FETCH of
/// a few octets of each message would hold hundreds.
const INLINE: u64 = 32 * 1024;

/// Part of a message file, to be sent with every line end as CRLF.
#[derive(Debug, Clone)]
pub(crate) struct FileRange {
    /// The opened file; it stays readable if its name is changed or removed.
    pub(crate) file: Rc<File>,
    /// Offset of the first octet.
    pub(crate) start: u64,
    /// Offset behind the last octet.
    pub(crate) end: u64,
    /// Of the octets it becomes, how many are left out at its beginning.
    pub(crate) skip: u64,
    /// How many octets to send after those.
    pub(crate) octets: u64,
    /// What is sent for the octet 0.
    pub(crate) nul: u8,
}

/// Puts what the dialect has for it in the place of the octet 0.
pub(crate) fn replace_nul(octets: &mut [u8], nul: u8) {
    let mut from = 0;
    while let Some(at) = memchr::memchr(0, &octets[from..]).filter(|_| nul != 0) {
        octets[from + at] = nul;
        from += at + 1;
    }
}

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
    Decoded(Box<Cut>),
    Numbers {
        set: NumberSet,
        next: u32,
    },
    Ranges {
        set: NumberSet,
        next: usize,
    },
    List {
        numbers: Vec<u32>,
        next: usize,
    },
}

impl Segment {
    fn unsent(&self) -> usize {
        match self {
            Self::Bytes { bytes, sent } => bytes.len() - sent,
            Self::File { range, .. } => usize::try_from(range.octets).unwrap_or(usize::MAX),
            Self::Decoded(cut) => usize::try_from(cut.octets()).unwrap_or(usize::MAX),
            Self::Numbers { .. } | Self::Ranges { .. } | Self::List { .. } => STAGE,
        }
    }
}

/// The output queue of one session.
#[derive(Debug, Default)]
pub(crate) struct Output {
    segments: VecDeque<Segment>,
    broken: bool,
}

impl Output {
    /// The buffer to write the next response into. Call it anew for each response.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
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
    pub(crate) fn file_range(&mut self, mut range: FileRange) {
        if range.octets == 0 {
            return;
        }
        let mut lines = CrlfConverter::new();
        let is_short = range.skip.saturating_add(range.octets) <= INLINE;
        if !is_short || self.unsent() >= HIGH_WATER {
            self.segments.push_back(Segment::File { range, lines });
            return;
        }
        while range.octets > 0 {
            if let Err(error) = pump(&mut range, &mut lines, self.bytes()) {
                return self.fail(&error);
            }
        }
    }

    /// Queues a text that is to be decoded behind what was written so far.
    pub(super) fn decoded(&mut self, mut cut: Cut) {
        let is_short = cut.is_short(INLINE);
        if !is_short || self.unsent() >= HIGH_WATER {
            self.segments.push_back(Segment::Decoded(Box::new(cut)));
            return;
        }
        while cut.octets() > 0 {
            if let Err(error) = cut.pump(self.bytes()) {
                return self.fail(&error);
            }
        }
    }

    /// Queues the numbers of a set, each with a space before it.
    pub(crate) fn numbers(&mut self, set: NumberSet) {
        if let Some(next) = set.next_from(0) {
            self.segments.push_back(Segment::Numbers { set, next });
        }
    }

    /// Queues a set as a client would write it: `2,4:7`.
    pub(crate) fn ranges(&mut self, set: NumberSet) {
        self.segments.push_back(Segment::Ranges { set, next: 0 });
    }

    /// Queues numbers in the order that they have, each with a space before it.
    pub(crate) fn list(&mut self, numbers: Vec<u32>) {
        self.segments.push_back(Segment::List { numbers, next: 0 });
    }

    /// How many octets are waiting, about.
    pub(crate) fn unsent(&self) -> usize {
        self.segments
            .iter()
            .map(Segment::unsent)
            .fold(0, usize::saturating_add)
    }

    /// The next octets to send; empty when there are none, or none that make sense any more.
    pub(crate) fn poll(&mut self) -> &[u8] {
        if self.broken {
            return &[];
        }
        self.stage();
        match self.segments.front() {
            Some(Segment::Bytes { bytes, sent }) => &bytes[*sent..],
            _ => &[],
        }
    }

    /// Removes octets that were sent, of those that [`Self::poll`] showed.
    pub(crate) fn consume(&mut self, count: usize) {
        if let Some(Segment::Bytes { bytes, sent }) = self.segments.front_mut() {
            *sent = (*sent + count).min(bytes.len());
            if *sent == bytes.len() {
                self.segments.pop_front();
            } else if *sent >= bytes.len() / 2 {
                // A job may go on writing at the end before all is sent: without this, a client that
                // reads as fast as the job writes would make the buffer grow for ever.
                bytes.drain(..std::mem::take(sent));
            }
        }
        if self.segments.is_empty() {
            // An idle session keeps no buffer: two thousand of them would add up.
            self.segments = VecDeque::new();
        }
    }

    /// True if the stream cannot be continued.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    fn fail(&mut self, error: &io::Error) {
        log::error!("A message could not be sent to its end: {error}");
        self.broken = true;
    }

    /// Makes sure that the front is bytes, if there is anything.
    fn stage(&mut self) {
        loop {
            let mut bytes = Vec::new();
            let done = match self.segments.front_mut() {
                None => return,
                Some(Segment::Bytes { bytes, sent }) if *sent < bytes.len() => return,
                Some(Segment::Bytes { .. }) => true,
                Some(Segment::Numbers { set, next }) => stage_numbers(set, next, &mut bytes),
                Some(Segment::Decoded(cut)) => match cut.pump(&mut bytes) {
                    Ok(()) => cut.octets() == 0,
                    Err(error) => return self.fail(&error),
                },
                Some(Segment::Ranges { set, next }) => stage_ranges(set, next, &mut bytes),
                Some(Segment::List { numbers, next }) => stage_list(numbers, next, &mut bytes),
                Some(Segment::File { range, lines }) => match pump(range, lines, &mut bytes) {
                    Ok(()) => range.octets == 0,
                    Err(error) => return self.fail(&error),
                },
            };
            if done {
                self.segments.pop_front();
            }
            if !bytes.is_empty() {
                self.segments.push_front(Segment::Bytes { bytes, sent: 0 });
            }
        }
    }
}

/// Writes up to [`STAGE`] octets of numbers; true when there are no more.
fn stage_numbers(set: &NumberSet, next: &mut u32, bytes: &mut Vec<u8>) -> bool {
    use std::io::Write as _;
    let mut wanted = Some(*next);
    while bytes.len() < STAGE {
        let Some(number) = wanted.and_then(|from| set.next_from(from)) else {
            return true;
        };
        // Writing to memory does not fail.
        let _ = write!(bytes, " {number}");
        wanted = number.checked_add(1);
    }
    match wanted {
        Some(number) => *next = number,
        None => return true,
    }
    false
}

/// Writes up to [`STAGE`] octets of ranges; true when there are no more.
fn stage_ranges(set: &NumberSet, next: &mut usize, bytes: &mut Vec<u8>) -> bool {
    use std::io::Write as _;
    while let Some(&(low, high)) = set.ranges().get(*next).filter(|_| bytes.len() < STAGE) {
        let comma = if *next > 0 { "," } else { "" };
        // Writing to memory does not fail.
        let _ = match low == high {
            true => write!(bytes, "{comma}{low}"),
            false => write!(bytes, "{comma}{low}:{high}"),
        };
        *next += 1;
    }
    *next == set.ranges().len()
}

/// Writes up to [`STAGE`] octets of numbers; true when there are no more.
fn stage_list(numbers: &[u32], next: &mut usize, bytes: &mut Vec<u8>) -> bool {
    use std::io::Write as _;
    while let Some(number) = numbers.get(*next).filter(|_| bytes.len() < STAGE) {
        // Writing to memory does not fail.
        let _ = write!(bytes, " {number}");
        *next += 1;
    }
    *next == numbers.len()
}

/// Reads the next piece of the range and appends it as it goes over the wire.
fn pump(range: &mut FileRange, lines: &mut CrlfConverter, out: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; STAGE];
    // Over the wire it is never shorter than in the file.
    let useful = range.skip.saturating_add(range.octets);
    let wanted = usize::try_from(useful.min(range.end - range.start))
        .unwrap_or(STAGE)
        .min(STAGE);
    let count = range.file.read_at(&mut buffer[..wanted], range.start)?;
    if count == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "a message file became shorter while it was sent",
        ));
    }
    range.start += count as u64;
    let before = out.len();
    lines.convert(&buffer[..count], out);
    let skipped = (out.len() - before).min(usize::try_from(range.skip).unwrap_or(usize::MAX));
    out.drain(before..before + skipped);
    range.skip -= skipped as u64;
    let owed = usize::try_from(range.octets).unwrap_or(usize::MAX);
    out.truncate(out.len().min(before.saturating_add(owed)));
    range.octets -= (out.len() - before) as u64;
    replace_nul(&mut out[before..], range.nul);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::to_crlf;
    use std::io::Write as _;

    fn file(content: &[u8]) -> Rc<File> {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(content).expect("written");
        Rc::new(file)
    }

    /// A range over the whole file.
    fn range(content: &[u8], skip: u64, octets: u64) -> FileRange {
        FileRange {
            file: file(content),
            start: 0,
            end: content.len() as u64,
            skip,
            octets,
            nul: 0,
        }
    }

    /// All that there is to send, in pieces of at most `most` octets.
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

    /// Lines of all kinds, with a CRLF, a bare LF and a bare CR across the borders of pieces.
    fn text(length: usize) -> Vec<u8> {
        let mut text: Vec<u8> = b"line\nline\r\n\rx"
            .iter()
            .copied()
            .cycle()
            .take(length)
            .collect();
        for (at, two) in [(STAGE, b"\r\n"), (2 * STAGE, b"x\n"), (3 * STAGE, b"\rx")] {
            if at < length {
                text[at - 1..=at].copy_from_slice(two);
            }
        }
        text
    }

    #[test]
    fn texts_short_and_long_go_out_with_crlf() {
        for length in [1, 100, STAGE, STAGE + 1, 3 * STAGE + 7] {
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
    fn cuts_count_octets_of_the_wire() {
        let content = text(4 * STAGE);
        let seen = to_crlf(&content);
        for (skip, octets) in [
            (0, 1),
            (5, 1),
            (4, 2),
            (STAGE, 100),
            (STAGE + 1, 2 * STAGE),
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
    fn a_full_queue_reads_nothing_at_once() {
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
            output.ranges(ranges.iter().copied().collect());
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
        assert!(output.unsent() <= HIGH_WATER, "a list is not written out");
        let want: String = set.iter().map(|number| format!(" {number}")).collect();
        let got = String::from_utf8(sent(&mut output, 999)).expect("ASCII");
        assert_eq!(got, format!("* SEARCH{want}\r\n"));
    }

    #[test]
    fn a_file_that_shrinks_breaks_the_stream() {
        for length in [100, 3 * STAGE] {
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
    fn a_client_that_keeps_up_leaves_no_trail() {
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
