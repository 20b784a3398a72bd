//! What a session has yet to send: a queue of bytes, file ranges and number lists.
//!
//! A response line is written as bytes. What may be large is queued as a description and becomes bytes
//! 16 KiB at a time, when the socket has room: a message body as a range of its file, SEARCH hits as
//! ranges of numbers. So a session's memory does not depend on what it fetches, and a client that does
//! not read costs one staged piece (DESIGN, invariant 3).
//!
//! A literal's octet count is announced before its octets are read. Should the file turn out shorter,
//! longer or unreadable, the promise cannot be kept and the stream is lost: the queue is then broken,
//! and the session ends.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::message::Crlf;
use crate::types::NumberSet;

/// A job stops producing above this many unsent octets.
pub(crate) const HIGH_WATER: usize = 64 * 1024;
/// A stopped job goes on below this many.
pub(crate) const LOW_WATER: usize = 16 * 1024;
/// How much of a file or number list is turned into bytes at once.
const STAGE: usize = 16 * 1024;
/// Shorter ranges are read at once: a copied page costs less than an open descriptor.
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
}

#[derive(Debug)]
enum Segment {
    Bytes { bytes: Vec<u8>, sent: usize },
    File { range: FileRange, lines: Crlf },
    Numbers { set: NumberSet, next: u32 },
}

impl Segment {
    fn unsent(&self) -> usize {
        match self {
            Self::Bytes { bytes, sent } => bytes.len() - sent,
            Self::File { range, .. } => usize::try_from(range.octets).unwrap_or(usize::MAX),
            Self::Numbers { .. } => STAGE,
        }
    }
}

/// The output queue of one session.
#[derive(Debug, Default)]
pub(crate) struct Output {
    segments: VecDeque<Segment>,
    broken: Option<io::Error>,
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
    pub(crate) fn file_range(&mut self, range: FileRange) {
        if range.octets == 0 {
            return;
        }
        let inline = range.octets <= INLINE && range.end - range.start <= INLINE;
        let mut segment = Segment::File {
            range,
            lines: Crlf::new(),
        };
        if inline {
            let mut bytes = std::mem::take(self.bytes());
            while let Segment::File { range, lines } = &mut segment {
                if range.octets == 0 {
                    break;
                }
                if let Err(error) = pump(range, lines, &mut bytes) {
                    self.broken = Some(error);
                    break;
                }
            }
            *self.bytes() = bytes;
        } else {
            self.segments.push_back(segment);
        }
    }

    /// Queues the numbers of a set, each with a space before it.
    pub(crate) fn numbers(&mut self, set: NumberSet) {
        if let Some(next) = set.next_from(0) {
            self.segments.push_back(Segment::Numbers { set, next });
        }
    }

    /// How many octets are waiting, about.
    pub(crate) fn unsent(&self) -> usize {
        self.segments
            .iter()
            .map(Segment::unsent)
            .fold(0, usize::saturating_add)
    }

    /// The next octets to send; empty when there are none.
    pub(crate) fn poll(&mut self) -> &[u8] {
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
            }
        }
        if self.segments.is_empty() {
            // An idle session keeps no buffer: two thousand of them would add up.
            self.segments = VecDeque::new();
        }
    }

    /// Why the stream cannot be continued, if it cannot.
    pub(crate) fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }

    /// Makes sure that the front is bytes, if there is anything.
    fn stage(&mut self) {
        while self.broken.is_none() {
            let mut bytes = Vec::new();
            let done = match self.segments.front_mut() {
                None => return,
                Some(Segment::Bytes { bytes, sent }) if *sent < bytes.len() => return,
                Some(Segment::Bytes { .. }) => true,
                Some(Segment::Numbers { set, next }) => stage_numbers(set, next, &mut bytes),
                Some(Segment::File { range, lines }) => match pump(range, lines, &mut bytes) {
                    Ok(()) => range.octets == 0,
                    Err(error) => {
                        self.broken = Some(error);
                        true
                    }
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

/// Reads the next piece of the range and appends it as it goes over the wire.
fn pump(range: &mut FileRange, lines: &mut Crlf, out: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; STAGE];
    let wanted = usize::try_from(range.end - range.start)
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
    Ok(())
}
