//! A stretch of a message: where it lies in the file, and how large a client sees it.

use memchr::memchr_iter;

/// A stretch of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// Offset in the file of its first octet.
    pub(crate) start: u64,
    /// Offset in the file after its last octet.
    pub(crate) end: u64,
    /// Octets as a client sees them: an LF that has no CR before it counts as two.
    pub(crate) size: u64,
    /// Line ends. A last line that has none is not counted, as is the custom among servers.
    pub(crate) lines: u64,
}

impl Extent {
    /// Octets in the file.
    pub(crate) fn stored_len(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn between(start: Position, end: Position) -> Self {
        debug_assert!(start.offset <= end.offset, "{start:?} after {end:?}");
        Self {
            start: start.offset,
            end: end.offset,
            size: end.size - start.size,
            lines: end.lines - start.lines,
        }
    }
}

/// A place in a message, with all counts from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Position {
    /// Octets in the file.
    pub(super) offset: u64,
    /// Octets as seen.
    pub(super) size: u64,
    /// Line ends.
    pub(super) lines: u64,
}

/// A position that moves over the octets of a message.
#[derive(Debug, Default)]
pub(super) struct PositionCounter {
    /// After the last octet.
    pub(super) position: Position,
    /// How long the last line end was in the file: 1 for LF, 2 for CRLF; 0 before there was any.
    line_end_length: u64,
    after_cr: bool,
}

impl PositionCounter {
    /// Moves over the next octets.
    pub(super) fn advance(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else { return };
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

    /// The place before the last line end. Asked for at the start of a line only.
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

    fn walked(chunks: &[&[u8]]) -> PositionCounter {
        let mut position = PositionCounter::default();
        for chunk in chunks {
            position.advance(chunk);
        }
        position
    }

    #[test]
    fn counts_a_bare_lf_as_two() {
        let position = walked(&[b"a\nb\r\nc\rd\r\r\n\n"]).position;
        assert_eq!(
            (position.offset, position.size, position.lines),
            (12, 14, 4)
        );
    }

    #[test]
    fn sees_a_crlf_across_chunks() {
        let whole = walked(&[b"a\r\n"]);
        let split = walked(&[b"a\r", b"", b"\n"]);
        assert_eq!(whole.position, split.position);
        assert_eq!(whole.before_line_end(), split.before_line_end());
        assert_eq!(split.before_line_end().offset, 1);
    }
}
