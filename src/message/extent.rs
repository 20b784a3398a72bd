//! A stretch of a message: where it lies in the file, and its size for the client.

use crate::work;
use memchr::memchr_iter;

/// A stretch of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// Offset of its first octet in the file.
    pub(crate) start: u64,
    /// Offset behind its last octet in the file.
    pub(crate) end: u64,
    /// Number of octets that a client receives for what the message has before it.
    pub(crate) sent_before: u64,
    /// Number of octets that a client receives: an LF without a CR before it counts as two.
    pub(crate) size: u64,
    /// Number of line ends. A last line without one does not count, as in other servers.
    pub(crate) lines: u64,
}

impl Extent {
    /// Returns the number of octets in the file.
    pub(crate) fn stored_len(&self) -> u64 {
        self.end - self.start
    }

    /// Returns the stretch between two positions.
    pub(super) fn between(start: Position, end: Position) -> Self {
        debug_assert!(start.offset <= end.offset, "{start:?} after {end:?}");
        Self {
            start: start.offset,
            end: end.offset,
            sent_before: start.size,
            size: end.size - start.size,
            lines: end.lines - start.lines,
        }
    }
}

/// A position in a message, counted from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Position {
    /// Number of octets in the file.
    pub(super) offset: u64,
    /// Number of octets that a client receives.
    pub(super) size: u64,
    /// Number of line ends.
    pub(super) lines: u64,
}

/// Counts the octets and line ends of a message that arrives in chunks.
#[derive(Debug, Default)]
pub(super) struct PositionCounter {
    /// Position behind the last octet.
    pub(super) position: Position,
    /// Octets of the last line end in the file: 1 for LF, 2 for CRLF, 0 before the first line end.
    line_end_length: u64,
    after_cr: bool,
}

impl PositionCounter {
    /// Counts the next octets.
    pub(super) fn advance(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else { return };
        work::octets(bytes.len());
        let (mut lines, mut bare) = (0, 0);
        for at in memchr_iter(b'\n', bytes) {
            let after_cr = match at {
                0 => self.after_cr,
                _ => bytes[at - 1] == b'\r',
            };
            lines += 1;
            bare += u64::from(!after_cr);
            self.line_end_length = 1 + u64::from(after_cr);
        }
        self.after_cr = last == b'\r';
        self.position.offset += bytes.len() as u64;
        self.position.size += bytes.len() as u64 + bare;
        self.position.lines += lines;
    }

    /// Returns the position before the last line end. Callers are at the start of a line.
    pub(super) fn before_line_end(&self) -> Position {
        match self.line_end_length {
            0 => self.position,
            length => Position {
                offset: self.position.offset - length,
                size: self.position.size - 2,
                lines: self.position.lines - 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(chunks: &[&[u8]]) -> PositionCounter {
        let mut counter = PositionCounter::default();
        for chunk in chunks {
            counter.advance(chunk);
        }
        counter
    }

    #[test]
    fn counts_a_bare_lf_as_two() {
        let position = counted(&[b"a\nb\r\nc\rd\r\r\n\n"]).position;
        assert_eq!(
            (position.offset, position.size, position.lines),
            (12, 14, 4)
        );
    }

    #[test]
    fn counts_a_crlf_that_two_chunks_share_as_one_line_end() {
        let whole = counted(&[b"a\r\n"]);
        let split = counted(&[b"a\r", b"", b"\n"]);
        assert_eq!(whole.position, split.position);
        assert_eq!(whole.before_line_end(), split.before_line_end());
        assert_eq!(split.before_line_end().offset, 1);
    }
}
