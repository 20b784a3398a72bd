//! Which parts are open while a message is read line by line, and what a line does to them.
//!
//! The open parts are a stack: the message itself, a part of it, a part of that part, and so on inwards.
//! A line means something in two cases only. In a header, a blank line ends it; then the header says
//! what the body is. Anywhere, a line that is the delimiter of *any* open multipart ends all parts that
//! are open within that multipart (RFC 2046 §5.1.2: an inner part may well lack its own last delimiter),
//! and begins the next part of it, unless it is the closing one. All other lines are content, of which
//! nothing has to be known but where it is.
//!
//! The line end before a delimiter belongs to the delimiter, not to the part that it ends (RFC 2046
//! §5.1.1). There is an exception to make sense of parts that have nothing but that line end: a line end
//! that ended a header, or another delimiter, is not taken away from it.
//!
//! Limits: beyond [`MAX_DEPTH`] nothing is opened, and a delimiter that would begin one part more than
//! [`MAX_PARTS`] is content. What is within is then octets like any others; it is never lost.

use crate::message::extent::{Extent, Position};
use crate::message::layout::MAX_KEPT_HEADER;
use crate::message::mime::{EmbeddedMessage, Part, parse_part};

/// Most parts that are open at a time, the message itself included.
pub(super) const MAX_DEPTH: usize = 32;
/// Most parts of a message, all levels together.
pub(super) const MAX_PARTS: usize = 1000;
/// Most octets kept of the header of a part within.
const MAX_PART_HEADER: usize = 64 * 1024;
/// Most octets kept of all the headers of parts within.
const MAX_PART_HEADERS: usize = 1024 * 1024;
/// Longest boundary that is looked for: RFC 2046 §5.1.1 allows 70, and no line may be longer than this.
const MAX_BOUNDARY: usize = 998;
/// How much of a line has to be seen to know whether it is a delimiter: longer lines are none.
pub(super) const LINE_HEAD: usize = MAX_BOUNDARY + 26;

/// A line that has come to its end.
pub(super) struct Line<'a> {
    /// What it says, without its line end; no more than [`LINE_HEAD`] octets.
    pub(super) text: &'a [u8],
    /// Where the line before it ended, that one's line end left out.
    pub(super) before_line_end: Position,
    /// Where it starts.
    pub(super) start: Position,
    /// Where the next line starts.
    pub(super) end: Position,
}

/// The open parts.
pub(super) struct OpenParts {
    /// Never empty: the message itself comes first, what is read now last.
    open: Vec<OpenPart>,
    /// If not, only the header of the message is of interest.
    wants_parts: bool,
    parts: usize,
    /// How many octets of headers of parts within may still be kept.
    header_room: usize,
}

struct OpenPart {
    start: Position,
    /// Where the body starts; `None` in the header.
    body: Option<Position>,
    /// Where the last part within it ended.
    inner_end: Position,
    header: Vec<u8>,
    in_digest: bool,
    part: Part,
    holds: BodyKind,
}

/// What the body of an open part is made of.
enum BodyKind {
    Octets,
    Message,
    Multipart { boundary: Vec<u8>, is_closed: bool },
}

/// A message that has come to its end.
pub(super) struct ClosedPart {
    pub(super) part: Part,
    pub(super) header_bytes: Vec<u8>,
}

impl OpenParts {
    pub(super) fn new(wants_parts: bool) -> Self {
        Self {
            open: vec![OpenPart::new(Position::default(), false)],
            wants_parts,
            parts: 1,
            header_room: MAX_PART_HEADERS,
        }
    }

    /// True while a header is read.
    pub(super) fn is_in_header(&self) -> bool {
        self.open.last().is_some_and(|open| open.body.is_none())
    }

    /// True if it matters what the coming lines say. Once it does not, it never will again.
    pub(super) fn needs_lines(&self) -> bool {
        self.is_in_header() || self.open.iter().any(|open| open.boundary().is_some())
    }

    /// Takes octets of the header that is being read, a line or a piece of one.
    pub(super) fn keep_header(&mut self, piece: &[u8]) {
        let is_root = self.open.len() == 1;
        let Some(open) = self.open.last_mut().filter(|open| open.body.is_none()) else {
            return;
        };
        let kept = open.header.len();
        let room = if is_root {
            MAX_KEPT_HEADER - kept
        } else {
            self.header_room.min(MAX_PART_HEADER - kept)
        };
        let piece = &piece[..piece.len().min(room)];
        open.header.extend_from_slice(piece);
        if !is_root {
            self.header_room -= piece.len();
        }
    }

    /// Takes a line.
    pub(super) fn take_line(&mut self, line: &Line<'_>) {
        if let Some((index, is_closing)) = self.delimiter(line.text) {
            self.apply_delimiter(index, is_closing, line);
        } else if line.text.is_empty() && self.is_in_header() {
            self.end_header(line.end);
        }
    }

    /// Ends all parts at the end of the message.
    pub(super) fn finish(mut self, end: Position) -> ClosedPart {
        while self.open.len() > 1 {
            self.close(end);
        }
        let root = self.open.pop().expect("the message itself is open");
        root.close(end).0
    }

    /// Which open multipart the line is a delimiter of, and if it is the closing one.
    ///
    /// ```text
    /// delimiter       := CRLF "--" boundary transport-padding        RFC 2046 §5.1.1
    /// close-delimiter := CRLF "--" boundary "--" transport-padding
    /// ```
    /// The longest boundary wins, since one may be another with `--` behind it; then the innermost.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = line.strip_prefix(b"--")?;
        if line.len() >= LINE_HEAD {
            return None;
        }
        let text = text.trim_ascii_end();
        let matches = self.open.iter().enumerate().filter_map(|(index, open)| {
            let boundary = open.boundary()?;
            let is_closing = match text.strip_prefix(boundary)? {
                b"" => false,
                b"--" => true,
                _ => return None,
            };
            Some((boundary.len(), index, is_closing))
        });
        let (_, index, is_closing) = matches.max()?;
        (is_closing || self.parts < MAX_PARTS).then_some((index, is_closing))
    }

    fn apply_delimiter(&mut self, index: usize, is_closing: bool, line: &Line<'_>) {
        while self.open.len() > index + 1 {
            // A header that has no blank line ends right here, with its last line whole.
            let end = if self.is_in_header() {
                line.start
            } else {
                line.before_line_end
            };
            self.close(end);
        }
        let multipart = &mut self.open[index];
        if let BodyKind::Multipart { is_closed, .. } = &mut multipart.holds {
            *is_closed = is_closing;
        }
        if !is_closing {
            let in_digest = multipart.part.is("multipart", "digest");
            self.open_part(line.end, in_digest);
        }
    }

    /// The header of the innermost part is complete: what is its body?
    fn end_header(&mut self, body: Position) {
        let has_room = self.open.len() < MAX_DEPTH && self.parts < MAX_PARTS;
        let wants_parts = self.wants_parts;
        let Some(open) = self.open.last_mut() else {
            return;
        };
        open.end_header(body);
        if !wants_parts {
            return;
        }
        open.read_header();
        if has_room && open.part.is_identity_encoded() {
            open.holds = BodyKind::of(&open.part);
        }
        if matches!(open.holds, BodyKind::Message) {
            self.open_part(body, false);
        }
    }

    fn open_part(&mut self, start: Position, in_digest: bool) {
        self.open.push(OpenPart::new(start, in_digest));
        self.parts += 1;
    }

    /// Ends the innermost part and puts it where it belongs.
    fn close(&mut self, end: Position) {
        let Some(open) = self.open.pop() else { return };
        let (ClosedPart { part, header_bytes }, end) = open.close(end);
        let Some(parent) = self.open.last_mut() else {
            return;
        };
        parent.inner_end = parent.inner_end.max(end);
        if matches!(parent.holds, BodyKind::Message) {
            parent.part.message = Some(Box::new(EmbeddedMessage { header_bytes, part }));
        } else {
            parent.part.children.push(part);
        }
    }
}

impl OpenPart {
    fn new(start: Position, in_digest: bool) -> Self {
        Self {
            start,
            body: None,
            inner_end: start,
            header: Vec::new(),
            in_digest,
            part: Part::default(),
            holds: BodyKind::Octets,
        }
    }

    /// The boundary of a multipart that goes on.
    fn boundary(&self) -> Option<&[u8]> {
        match &self.holds {
            BodyKind::Multipart {
                boundary,
                is_closed: false,
            } => Some(boundary),
            _ => None,
        }
    }

    fn end_header(&mut self, body: Position) {
        self.body = Some(body);
        // The line that ended it may be there already, if it was no line of it.
        let length = body.offset - self.start.offset;
        self.header
            .truncate(usize::try_from(length).unwrap_or(usize::MAX));
        self.header.shrink_to_fit();
    }

    fn read_header(&mut self) {
        self.part = parse_part(&self.header, self.in_digest);
    }

    /// Ends it, not before what it holds; also returns where.
    fn close(mut self, end: Position) -> (ClosedPart, Position) {
        let end = end.max(self.inner_end).max(self.body.unwrap_or(self.start));
        if self.body.is_none() {
            self.end_header(end);
            self.read_header();
        }
        let body = self.body.unwrap_or(end);
        self.part.header = Extent::between(self.start, body);
        self.part.body = Extent::between(body, end);
        self.part.settle_type();
        let root = ClosedPart {
            part: self.part,
            header_bytes: self.header,
        };
        (root, end)
    }
}

impl BodyKind {
    fn of(part: &Part) -> Self {
        if part.is("message", "rfc822") {
            return Self::Message;
        }
        let boundary = part.param("boundary").unwrap_or_default().trim_ascii_end();
        if part.is_multipart() && (1..=MAX_BOUNDARY).contains(&boundary.len()) {
            return Self::Multipart {
                boundary: boundary.to_vec(),
                is_closed: false,
            };
        }
        Self::Octets
    }
}
