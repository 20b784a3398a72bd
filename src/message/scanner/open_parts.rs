//! The stack of parts that are open while the scanner reads a message line by line.
//!
//! The stack has the message itself at the bottom, then a part of it, then a part of that part, and
//! so on inwards. Only two kinds of lines change the stack. A blank line ends the innermost header;
//! the header then says what the body contains. A line that is the delimiter of *any* open
//! multipart ends all parts that are open inside that multipart, since an inner part may lack its
//! closing delimiter (RFC 2046 §5.1.2). Unless it is the closing delimiter, it begins the next
//! part. All other lines are content, of which the scanner notes only where it lies.
//!
//! The line end before a delimiter belongs to the delimiter, not to the part that it ends (RFC 2046
//! §5.1.1). There is one exception, for parts that have nothing but that line end: a line end that
//! ended a header or another delimiter stays with that header or delimiter.
//!
//! Two limits hold: no part opens beyond [`MAX_DEPTH`], and a delimiter that would begin more than
//! [`MAX_PARTS`] parts is content. The octets beyond a limit belong to the body of the last open
//! part, so that none are lost.

use crate::message::extent::{Extent, Position};
use crate::message::layout::MAX_KEPT_HEADER;
use crate::message::mime::{Content, ContentReader, Part};
use crate::types::memory;
use crate::work;

/// Most parts that are open at a time, including the message itself.
pub(super) const MAX_DEPTH: usize = 32;
/// Most parts of a message, on all levels together.
pub(super) const MAX_PARTS: usize = 1000;
/// Most octets kept of the header of one part below the message.
const MAX_PART_HEADER: usize = 64 * 1024;
/// Most octets kept of the headers of all parts below the message.
const MAX_PART_HEADERS: usize = 1024 * 1024;
/// Octets that are scanned in the time that the comparison with a boundary takes.
const COMPARISON: usize = 8;
/// Octets of a header after which its complete fields are read.
const READ_EVERY: usize = 16 * 1024;
/// Longest boundary that has effect: RFC 2046 §5.1.1 allows 70 octets, and no line of mail may be
/// longer than this.
const MAX_BOUNDARY: usize = 998;
/// Octets that a part takes at most in the list of parts outside it, which doubles when it is full,
/// and for the words of its type by default.
const PART_MEMORY: usize = 2 * size_of::<Part>() + 64;
/// Octets of a line that the scanner keeps to decide whether it is a delimiter. A longer line is
/// none.
pub(super) const LINE_HEAD: usize = MAX_BOUNDARY + 26;

/// A complete line.
pub(super) struct Line<'a> {
    /// Its text without the line end, cut after [`LINE_HEAD`] octets.
    pub(super) text: &'a [u8],
    /// Position before the line end of the previous line.
    pub(super) before_line_end: Position,
    /// Position of its start.
    pub(super) start: Position,
    /// Position of the start of the next line.
    pub(super) end: Position,
}

/// The stack of open parts.
pub(super) struct OpenParts {
    /// The message itself first, the innermost part last. Never empty.
    open: Vec<OpenPart>,
    /// False if the caller needs only the header of the message.
    wants_parts: bool,
    /// Number of parts opened so far.
    parts: usize,
    /// Octets that may still be kept of the headers of parts below the message.
    header_room: usize,
    /// Octets that could have been scanned in the time that comparing boundaries and parsing
    /// headers took since [`Self::take_work`].
    work: usize,
}

/// A part whose end has not been read yet.
struct OpenPart {
    start: Position,
    /// Position of the start of the body, or `None` while the header is read.
    body: Option<Position>,
    /// Position of the end of the last part inside it.
    inner_end: Position,
    /// Octets of the header that are kept.
    header: Vec<u8>,
    /// What its fields say, while it is read. They are read as the header grows, [`READ_EVERY`]
    /// octets at a time, so that the end of a long header is no long step.
    reader: ContentReader,
    /// Length of the kept header at which its fields are read next.
    read_at: usize,
    /// What its fields say, once the header has ended.
    content: Content,
    part: Part,
    body_kind: BodyKind,
}

/// What the body of an open part contains.
enum BodyKind {
    Octets,
    Message,
    Multipart { boundary: Vec<u8>, is_closed: bool },
}

/// A part that has been read to its end, with its header.
pub(super) struct ClosedPart {
    pub(super) part: Part,
    pub(super) header_bytes: Vec<u8>,
}

impl OpenParts {
    /// Returns a stack with the message itself, before its first octet.
    pub(super) fn new(wants_parts: bool) -> Self {
        Self {
            open: vec![OpenPart::new(Position::default(), false)],
            wants_parts,
            parts: 1,
            header_room: MAX_PART_HEADERS,
            work: 0,
        }
    }

    /// Returns the work that was done since the last call besides scanning, as the number of octets
    /// that could have been scanned in that time.
    pub(super) fn take_work(&mut self) -> usize {
        std::mem::take(&mut self.work)
    }

    /// Returns the octets of memory that the parts take at most: the headers of those that are
    /// open, and the type of each, whose strings are in its header.
    pub(super) fn memory(&self) -> usize {
        let headers = self.open.iter().map(|open| open.header.capacity());
        let types = MAX_PART_HEADERS - self.header_room + self.open[0].header.len();
        memory::of_list(&self.open) + headers.sum::<usize>() + types + self.parts * PART_MEMORY
    }

    /// Returns true while the innermost part is in its header.
    pub(super) fn is_in_header(&self) -> bool {
        self.open.last().is_some_and(|open| open.body.is_none())
    }

    /// Returns true if the text of the next lines can change the stack. Once false, it stays false.
    pub(super) fn needs_lines(&self) -> bool {
        self.is_in_header() || self.open.iter().any(|open| open.boundary().is_some())
    }

    /// Keeps octets of the header that is being read: a line, or a piece of one. Ignores them in a
    /// body.
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
        if self.wants_parts && open.header.len() >= open.read_at {
            self.work += open.reader.pass_complete(&open.header);
            open.read_at = open.header.len() + READ_EVERY;
        }
        if !is_root {
            self.header_room -= piece.len();
        }
    }

    /// Applies a complete line to the stack.
    pub(super) fn take_line(&mut self, line: &Line<'_>) {
        if line.text.starts_with(b"--") {
            self.work += COMPARISON * self.open.len();
        }
        if let Some((index, is_closing)) = self.find_delimiter(line.text) {
            self.apply_delimiter(index, is_closing, line);
        } else if line.text.is_empty() && self.is_in_header() {
            self.end_header(line.end);
        }
    }

    /// Ends all parts at the end of the message, and returns the message itself.
    pub(super) fn finish(mut self, end: Position) -> ClosedPart {
        while self.open.len() > 1 {
            self.close(end);
        }
        let message = self
            .open
            .pop()
            .expect("the message itself stays open to the end");
        message.close(end).0
    }

    /// Returns the index of the multipart whose delimiter this line is, and whether it is the
    /// closing one.
    ///
    /// ```text
    /// delimiter       := CRLF "--" boundary transport-padding        RFC 2046 §5.1.1
    /// close-delimiter := CRLF "--" boundary "--" transport-padding
    /// ```
    /// The longest boundary wins, because one boundary may be another with `--` behind it. Among
    /// equal boundaries the innermost wins.
    fn find_delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = line.strip_prefix(b"--")?;
        if line.len() >= LINE_HEAD {
            return None;
        }
        let text = text.trim_ascii_end();
        let matches = self.open.iter().enumerate().filter_map(|(index, open)| {
            // As long as scanning ten octets, measured with 31 boundaries.
            work::octets(10);
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
            // A header without a blank line ends here and keeps the line end of its last line.
            let end = if self.is_in_header() {
                line.start
            } else {
                line.before_line_end
            };
            self.close(end);
        }
        let multipart = &mut self.open[index];
        if let BodyKind::Multipart { is_closed, .. } = &mut multipart.body_kind {
            *is_closed = is_closing;
        }
        if !is_closing {
            let in_digest = multipart.content.media_type.is("multipart", "digest");
            self.open_part(line.end, in_digest);
        }
    }

    /// Ends the header of the innermost part, and decides what its body contains.
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
        self.work += open.read_header();
        if has_room && open.content.is_identity_encoded() {
            open.body_kind = BodyKind::of(&open.content);
        }
        if matches!(open.body_kind, BodyKind::Message) {
            self.open_part(body, false);
        }
    }

    fn open_part(&mut self, start: Position, in_digest: bool) {
        self.open.push(OpenPart::new(start, in_digest));
        self.parts += 1;
    }

    /// Ends the innermost part and adds it to its parent.
    fn close(&mut self, end: Position) {
        let Some(open) = self.open.pop() else { return };
        let (ClosedPart { part, .. }, end) = open.close(end);
        let Some(parent) = self.open.last_mut() else {
            return;
        };
        parent.inner_end = parent.inner_end.max(end);
        if matches!(parent.body_kind, BodyKind::Message) {
            parent.part.message = Some(Box::new(part));
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
            reader: ContentReader::of_type_and_encoding(in_digest),
            read_at: READ_EVERY,
            content: Content::default(),
            part: Part {
                in_digest,
                ..Part::default()
            },
            body_kind: BodyKind::Octets,
        }
    }

    /// Returns the boundary of a multipart that is not closed yet.
    fn boundary(&self) -> Option<&[u8]> {
        match &self.body_kind {
            BodyKind::Multipart {
                boundary,
                is_closed: false,
            } => Some(boundary),
            _ => None,
        }
    }

    fn end_header(&mut self, body: Position) {
        self.body = Some(body);
        // The header buffer may hold the delimiter that ended the header already: cut it off.
        let length = body.offset - self.start.offset;
        self.header
            .truncate(usize::try_from(length).unwrap_or(usize::MAX));
        self.header.shrink_to_fit();
    }

    /// Reads the fields of the complete header that were not read as it grew, and returns how many
    /// octets could have been scanned in that time.
    fn read_header(&mut self) -> usize {
        let fresh = ContentReader::of_type_and_encoding(self.part.in_digest);
        let mut reader = std::mem::replace(&mut self.reader, fresh);
        let octets = std::iter::from_fn(|| reader.pass(&self.header)).sum();
        self.content = reader.finish();
        octets
    }

    /// Ends the part at `end`, but not before the parts inside it. Returns the part and its true
    /// end.
    fn close(mut self, end: Position) -> (ClosedPart, Position) {
        let end = end.max(self.inner_end).max(self.body.unwrap_or(self.start));
        if self.body.is_none() {
            self.end_header(end);
            self.read_header();
        }
        let body = self.body.unwrap_or(end);
        self.part.header = Extent::between(self.start, body);
        self.part.body = Extent::between(body, end);
        self.part.kept_header = self.header.len();
        self.part.take_content(self.content);
        let closed = ClosedPart {
            part: self.part,
            header_bytes: self.header,
        };
        (closed, end)
    }
}

impl BodyKind {
    fn of(content: &Content) -> Self {
        if content.media_type.is("message", "rfc822") {
            return Self::Message;
        }
        let boundary = content.param("boundary").unwrap_or_default();
        let boundary = boundary.trim_ascii_end();
        if content.media_type.is_multipart() && (1..=MAX_BOUNDARY).contains(&boundary.len()) {
            return Self::Multipart {
                boundary: boundary.to_vec(),
                is_closed: false,
            };
        }
        Self::Octets
    }
}
