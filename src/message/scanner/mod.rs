//! The scanner: one pass over the octets of a message, chunk by chunk, that finds its [`Layout`].
//!
//! The pass has three speeds. In the body of a message whose parts the caller does not need, the
//! scanner only counts line ends. Where a delimiter may come, it jumps from one line that starts
//! with a hyphen to the next. In a header it keeps what it reads. At every speed it holds no more
//! than the start of one line, the headers, and one value per part. All of these are bounded,
//! however long the message and its lines are. The layout does not depend on how the octets were
//! cut into chunks.

mod open_parts;

use memchr::{memchr, memmem, memrchr};

use self::open_parts::{ClosedPart, LINE_HEAD, Line, OpenParts};
use crate::message::extent::{Extent, Position, PositionCounter};
use crate::message::layout::{Layout, ScanDepth};

/// Finds the layout of a message that arrives in chunks.
pub(crate) struct Scanner {
    depth: ScanDepth,
    open_parts: OpenParts,
    here: PositionCounter,
    /// Position of the start of the current line.
    line_start: Position,
    /// Position before the line end of the previous line.
    before_line_end: Position,
    /// Start of the line that the last chunk left incomplete, at most [`LINE_HEAD`] octets.
    head: Vec<u8>,
}

impl Scanner {
    /// Returns a scanner at the start of a message.
    pub(crate) fn new(depth: ScanDepth) -> Self {
        Self {
            depth,
            open_parts: OpenParts::new(depth == ScanDepth::Structure),
            here: PositionCounter::default(),
            line_start: Position::default(),
            before_line_end: Position::default(),
            head: Vec::new(),
        }
    }

    /// Scans the next octets of the file, any number of them.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() && !self.is_done() {
            if !self.open_parts.needs_lines() {
                return self.here.advance(rest);
            }
            let (lines, after) = rest.split_at(self.skippable_len(rest));
            if !lines.is_empty() {
                self.here.advance(lines);
                self.start_line();
                rest = after;
                continue;
            }
            let length = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (piece, after) = rest.split_at(length);
            self.take_piece(piece);
            rest = after;
        }
    }

    /// Returns how many octets at the start of `rest` are whole lines that cannot change the open
    /// parts: lines of a body that do not start with a hyphen.
    fn skippable_len(&self, rest: &[u8]) -> usize {
        if self.open_parts.is_in_header() || !self.head.is_empty() || rest[0] == b'-' {
            return 0;
        }
        match memmem::find(rest, b"\n-") {
            Some(at) => at + 1,
            None => memrchr(b'\n', rest).map_or(0, |at| at + 1),
        }
    }

    /// Returns true if no further octets can change the layout: at [`ScanDepth::Header`], once the
    /// scanner has seen the blank line.
    pub(crate) fn is_done(&self) -> bool {
        self.depth == ScanDepth::Header && !self.open_parts.is_in_header()
    }

    /// Returns the work that was done since the last call besides scanning, as the number of octets
    /// that could have been scanned in that time. Lines that look like delimiters are compared with
    /// up to 32 boundaries, and headers are parsed.
    pub(crate) fn take_work(&mut self) -> usize {
        self.open_parts.take_work()
    }

    /// Returns the octets of memory that the scanner takes at most outside itself.
    pub(crate) fn memory(&self) -> usize {
        self.open_parts.memory() + self.head.capacity()
    }

    /// Returns the layout. Callers have fed all octets, or [`is_done`](Self::is_done) is true.
    pub(crate) fn finish(mut self) -> Layout {
        if !self.head.is_empty() {
            self.end_split_line();
        }
        let end = self.here.position;
        let ClosedPart { part, header_bytes } = self.open_parts.finish(end);
        Layout {
            whole: Extent::between(Position::default(), end),
            header: part.header,
            text: part.body,
            header_bytes,
            part: (self.depth == ScanDepth::Structure).then_some(part),
        }
    }

    /// Takes a line, or the piece of it that is in the chunk.
    fn take_piece(&mut self, piece: &[u8]) {
        self.open_parts.keep_header(piece);
        self.here.advance(piece);
        let is_complete = piece.last() == Some(&b'\n');
        if is_complete && self.head.is_empty() {
            return self.end_line(piece);
        }
        let room = LINE_HEAD - self.head.len();
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        if is_complete {
            self.end_split_line();
        }
    }

    fn end_split_line(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        self.end_line(&head);
        head.clear();
        self.head = head;
    }

    /// Passes a complete line to the open parts. `line` includes its line end, or is cut after
    /// [`LINE_HEAD`] octets or more.
    fn end_line(&mut self, line: &[u8]) {
        let head = &line[..line.len().min(LINE_HEAD)];
        self.open_parts.take_line(&Line {
            text: without_line_end(head),
            before_line_end: self.before_line_end,
            start: self.line_start,
            end: self.here.position,
        });
        self.start_line();
    }

    fn start_line(&mut self) {
        self.line_start = self.here.position;
        self.before_line_end = self.here.before_line_end();
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let text = line.strip_suffix(b"\n");
    text.map_or(line, |text| text.strip_suffix(b"\r").unwrap_or(text))
}

#[cfg(test)]
mod tests;
