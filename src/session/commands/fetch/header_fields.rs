//! BODY[HEADER.FIELDS (...)] and BODY[HEADER.FIELDS.NOT (...)].
//!
//! The fields are selected twice: once to count their octets, since a literal begins with its octet
//! count, and once to send them. What the first pass has selected is kept if it is short, which it
//! nearly always is: then there is no second pass.

use std::io;
use std::ops::Range;
use std::rc::Rc;

use super::item_writer::{ItemWriter, Sink};
use super::message_source::MessageSource;
use crate::message::{CrlfConverter, Extent, FieldNames, FieldSelection};
use crate::session::output::{PIECE, Window, replace_nul};

/// Most octets that the first pass keeps.
const KEPT: usize = PIECE;

/// Writes the selected fields of one header as a literal.
pub(super) struct HeaderFieldsWriter {
    source: Rc<MessageSource>,
    /// Where the header lies.
    extent: Extent,
    names: Rc<FieldNames>,
    /// The octets of the fields that the client wants; at first as many as it asks for, then as
    /// many as there are.
    window: Window,
    stage: Stage,
}

enum Stage {
    /// The header has yet to be read.
    Begin,
    /// The octets are counted.
    Counting(Counting),
    /// The octets are sent.
    Sending(HeaderBlock, SelectedText),
}

struct Counting {
    block: HeaderBlock,
    text: SelectedText,
    octets: u64,
    /// The first octets of the text.
    kept: Vec<u8>,
    /// The text behind the octets that are kept, once these are enough.
    behind: Option<SelectedText>,
}

impl HeaderFieldsWriter {
    /// Begins with the header at `extent`, of whose selected fields the client wants the octets in
    /// `window`.
    pub(super) fn new(
        source: Rc<MessageSource>,
        extent: Extent,
        names: Rc<FieldNames>,
        window: Window,
    ) -> Self {
        Self {
            source,
            extent,
            names,
            window,
            stage: Stage::Begin,
        }
    }

    fn begin(&self, sink: &mut Sink<'_, '_>) -> io::Result<Stage> {
        let bytes = self.source.header_at(&self.extent)?;
        sink.pay(bytes.len());
        let block = HeaderBlock::new(bytes, self.extent.stored_len());
        let text = SelectedText::new(&block);
        Ok(Stage::Counting(Counting {
            block,
            text,
            octets: 0,
            kept: Vec::new(),
            behind: None,
        }))
    }

    /// Announces the literal, once its octets are counted, and stages those that are kept.
    fn announce(&mut self, counted: &mut Counting, sink: &mut Sink<'_, '_>) {
        let octets = counted.octets.saturating_sub(self.window.skip);
        self.window.octets = self.window.octets.min(octets);
        sink.encoder().literal(self.window.octets);
        let before = sink.staged.len();
        sink.staged.append(&mut counted.kept);
        self.finish_piece(before, sink);
    }

    /// Leaves what the client wants of the octets that are staged from `before` on.
    fn finish_piece(&mut self, before: usize, sink: &mut Sink<'_, '_>) {
        self.window.cut(sink.staged, before);
        replace_nul(&mut sink.staged[before..], sink.dialect.nul_in_literal());
    }
}

impl ItemWriter for HeaderFieldsWriter {
    fn write(&mut self, sink: &mut Sink<'_, '_>) -> io::Result<bool> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Begin) {
                Stage::Begin => self.stage = self.begin(sink)?,
                Stage::Counting(mut counting) => {
                    if counting.step(&self.names, sink) {
                        self.stage = Stage::Counting(counting);
                    } else {
                        self.announce(&mut counting, sink);
                        let Counting {
                            block,
                            text,
                            behind,
                            ..
                        } = counting;
                        self.stage = Stage::Sending(block, behind.unwrap_or(text));
                    }
                }
                Stage::Sending(..) if self.window.octets == 0 => return Ok(true),
                Stage::Sending(block, mut text) => {
                    let before = sink.staged.len();
                    let Some(octets) = text.next(&block, &self.names, sink.staged) else {
                        return Ok(true);
                    };
                    sink.pay(octets);
                    self.finish_piece(before, sink);
                    self.stage = Stage::Sending(block, text);
                }
            }
            if sink.must_stop() {
                return Ok(false);
            }
        }
    }

    fn memory(&self) -> usize {
        let stage = match &self.stage {
            Stage::Begin => 0,
            Stage::Counting(counting) => counting.block.memory() + counting.kept.capacity(),
            Stage::Sending(block, _) => block.memory(),
        };
        size_of::<Self>() + stage
    }
}

impl Counting {
    /// Counts on. Returns false at the end of the text.
    fn step(&mut self, names: &FieldNames, sink: &mut Sink<'_, '_>) -> bool {
        let at = self.text.clone();
        let before = self.kept.len();
        let Some(octets) = self.text.next(&self.block, names, &mut self.kept) else {
            return false;
        };
        sink.pay(octets);
        self.octets += (self.kept.len() - before) as u64;
        if self.behind.is_some() || self.kept.len() > KEPT {
            self.behind.get_or_insert(at);
            self.kept.truncate(before);
        }
        true
    }
}

/// The octets of a header.
struct HeaderBlock {
    bytes: Rc<Vec<u8>>,
    /// How many of them count.
    length: usize,
    /// Whether the header has more octets than were read.
    is_cut: bool,
}

impl HeaderBlock {
    /// A block that was cut off in the middle of a line loses that line.
    fn new(bytes: Rc<Vec<u8>>, stored: u64) -> Self {
        let is_cut = (bytes.len() as u64) < stored;
        let length = match memchr::memrchr(b'\n', &bytes) {
            Some(end) if is_cut => end + 1,
            _ => bytes.len(),
        };
        Self {
            bytes,
            length,
            is_cut,
        }
    }

    /// Returns the octets of memory that the header takes, which the source may share.
    fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    fn octets(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A cursor over the octets of the selected fields, with every line end as CRLF. The blank line is
/// sent whichever fields are selected, if the header has one (RFC 3501 §6.4.5). A block that was
/// cut off gets the blank line that was not read.
#[derive(Clone)]
struct SelectedText {
    selection: FieldSelection,
    /// The octets of the current field that are not converted yet.
    field: Range<usize>,
    lines: CrlfConverter,
    lacks_blank_line: bool,
}

impl SelectedText {
    fn new(block: &HeaderBlock) -> Self {
        Self {
            selection: FieldSelection::default(),
            field: 0..0,
            lines: CrlfConverter::new(),
            lacks_blank_line: block.is_cut,
        }
    }

    /// Passes the next field, or appends the next piece of the current one to `out`, and returns
    /// how many octets it has touched; `None` at the end.
    fn next(
        &mut self,
        block: &HeaderBlock,
        names: &FieldNames,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        if self.field.is_empty() {
            let Some(passed) = self.selection.pass(block.octets(), names) else {
                let is_over = !std::mem::take(&mut self.lacks_blank_line);
                return (!is_over).then(|| {
                    out.extend_from_slice(b"\r\n");
                    2
                });
            };
            if !passed.is_selected {
                return Some(passed.range.len());
            }
            self.field = passed.range;
            self.lines = CrlfConverter::new();
        }
        let octets = self.field.len().min(PIECE);
        let piece = self.field.start..self.field.start + octets;
        self.lines.convert(&block.octets()[piece], out);
        self.field.start += octets;
        Some(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_with_the_blank_line_once() {
        let select = |block: &str, names: &[&str], not, is_cut: bool| {
            let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            let names = FieldNames::new(&names, not);
            let stored = block.len() as u64 + u64::from(is_cut);
            let block = HeaderBlock::new(Rc::new(block.as_bytes().to_vec()), stored);
            let mut text = SelectedText::new(&block);
            let mut out = Vec::new();
            while text.next(&block, &names, &mut out).is_some() {}
            String::from_utf8(out).expect("ASCII")
        };
        let block = "A: 1\nB: 2\n 3\nC: 4\n\n";
        assert_eq!(select(block, &["b"], false, false), "B: 2\r\n 3\r\n\r\n");
        assert_eq!(select(block, &["b"], true, false), "A: 1\r\nC: 4\r\n\r\n");
        assert_eq!(select(block, &["x"], false, false), "\r\n");
        let unended = "A: 1\nB: 2\n";
        assert_eq!(select(unended, &["a"], false, false), "A: 1\r\n");
        let cut = "A: 1\nB: 2\nA: 3";
        assert_eq!(select(cut, &["a"], false, true), "A: 1\r\n\r\n");
    }
}
