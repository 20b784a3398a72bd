//! BODY and BODYSTRUCTURE as nested lists (RFC 3501 §7.4.2).
//!
//! The writer goes through the tree of parts with a stack of the parts that are open, and reads the
//! header of each part from the file when it comes to it. So a client that does not read costs the
//! tree of parts and one header; the parameters of all parts would take ten times more memory than
//! the headers of up to 1 MiB that they stand in.

use std::io;
use std::rc::Rc;

use super::envelope::EnvelopeWriter;
use super::item_writer::{ItemWriter, Sink};
use super::message_source::MessageSource;
use crate::message::{Content, ContentReader, Param, Part};
use crate::protocol::Encoder;
use crate::types::memory;

/// Writes the structure of a message.
pub(super) struct StructureWriter {
    source: Rc<MessageSource>,
    /// Whether extension data are written, for BODYSTRUCTURE.
    is_extended: bool,
    /// The parts whose lists are open, the outermost first.
    open: Vec<OpenPart>,
    /// The header that is being read.
    reading: Option<(Rc<Vec<u8>>, ContentReader)>,
    /// What the fields of the innermost part say, while they are needed.
    content: Option<Content>,
    /// The envelope of the message in the innermost part.
    envelope: Option<EnvelopeWriter>,
}

/// A part whose list is open.
#[derive(Debug, Clone, Copy)]
struct OpenPart {
    step: PathStep,
    stage: PartStage,
}

/// How a part is found in the part outside it.
#[derive(Debug, Clone, Copy)]
enum PathStep {
    /// The message.
    Root,
    /// That one of the parts of a multipart.
    Child(usize),
    /// The message in a `message/rfc822`.
    Message,
}

/// What is written next of a part.
#[derive(Debug, Clone, Copy)]
enum PartStage {
    Begin,
    /// Of a part without parts: all up to its size.
    Fields,
    /// Of a message: the envelope, and behind it the body.
    Envelope,
    /// Of a multipart: that one of its parts.
    Child(usize),
    /// What stands behind the parts inside.
    End,
}

impl StructureWriter {
    /// Begins with a message, with extension data if `is_extended`.
    pub(super) fn new(source: Rc<MessageSource>, is_extended: bool) -> Self {
        Self {
            source,
            is_extended,
            open: vec![OpenPart::begin(PathStep::Root)],
            reading: None,
            content: None,
            envelope: None,
        }
    }

    fn set_stage(&mut self, stage: PartStage) {
        if let Some(open) = self.open.last_mut() {
            open.stage = stage;
        }
    }

    fn descend(&mut self, step: PathStep) {
        self.content = None;
        self.open.push(OpenPart::begin(step));
    }

    /// Does one unit of work for the innermost part.
    fn write_part(
        &mut self,
        part: &Part,
        stage: PartStage,
        sink: &mut Sink<'_, '_>,
    ) -> io::Result<()> {
        match stage {
            PartStage::Begin => {
                sink.encoder().raw("(");
                self.set_stage(match part.children.is_empty() {
                    true => PartStage::Fields,
                    false => PartStage::Child(0),
                });
            }
            PartStage::Fields => {
                if self.read_content(part, sink)? {
                    self.write_fields(part, sink);
                }
            }
            PartStage::Envelope => self.write_envelope(part, sink)?,
            PartStage::Child(index) if index < part.children.len() => {
                self.set_stage(PartStage::Child(index + 1));
                self.descend(PathStep::Child(index));
            }
            PartStage::Child(_) => {
                sink.encoder().raw(" ").string(&part.media_type.subtype);
                self.set_stage(PartStage::End);
            }
            PartStage::End => {
                if !self.is_extended || self.read_content(part, sink)? {
                    self.write_end(part, sink);
                }
            }
        }
        Ok(())
    }

    /// Reads what the fields of the part say, unless that is known. False if it has to go on when
    /// there is budget again.
    fn read_content(&mut self, part: &Part, sink: &mut Sink<'_, '_>) -> io::Result<bool> {
        if self.content.is_some() {
            return Ok(true);
        }
        if self.reading.is_none() {
            let header = self.source.header_of(part)?;
            sink.pay(header.len());
            self.reading = Some((header, ContentReader::new(part.in_digest)));
        }
        while let Some((header, reader)) = &mut self.reading {
            match reader.pass(header) {
                Some(work) => sink.budget.spend_octets(work),
                None => break,
            }
            if sink.must_stop() {
                return Ok(false);
            }
        }
        self.content = self.reading.take().map(|(_, reader)| {
            let mut content = reader.finish();
            part.settle(&mut content);
            content
        });
        Ok(true)
    }

    /// Writes the beginning of `body-type-1part`: type, subtype, `body-fields`.
    fn write_fields(&mut self, part: &Part, sink: &mut Sink<'_, '_>) {
        let Some(content) = &self.content else { return };
        let mut encoder = sink.encoder();
        encoder.string(&content.media_type.top_level).raw(" ");
        encoder.string(&content.media_type.subtype).raw(" ");
        encode_parameters(&mut encoder, &content.params);
        encoder.raw(" ").nstring(content.id.as_deref());
        encoder.raw(" ").nstring(content.description.as_deref());
        encoder.raw(" ").string(&content.encoding);
        encoder.raw(" ").number(part.body.size);
        self.set_stage(match part.message.is_some() {
            true => PartStage::Envelope,
            false => PartStage::End,
        });
    }

    /// Writes the envelope of an embedded message. Its body comes next.
    fn write_envelope(&mut self, part: &Part, sink: &mut Sink<'_, '_>) -> io::Result<()> {
        let Some(message) = &part.message else {
            self.set_stage(PartStage::End);
            return Ok(());
        };
        let envelope = match &mut self.envelope {
            Some(envelope) => envelope,
            None => {
                let header = self.source.header_of(message)?;
                sink.pay(header.len());
                sink.encoder().raw(" ");
                self.envelope.insert(EnvelopeWriter::new(header))
            }
        };
        if envelope.write(sink)? {
            self.envelope = None;
            sink.encoder().raw(" ");
            self.set_stage(PartStage::End);
            self.descend(PathStep::Message);
        }
        Ok(())
    }

    /// Writes the end of a part: what its type adds, extension data, the closing parenthesis.
    fn write_end(&mut self, part: &Part, sink: &mut Sink<'_, '_>) {
        let mut encoder = sink.encoder();
        let is_single = part.children.is_empty();
        if is_single && (part.message.is_some() || part.media_type.is_text()) {
            encoder.raw(" ").number(part.body.lines);
        }
        if let Some(content) = self.content.take().filter(|_| self.is_extended) {
            encoder.raw(" ");
            match is_single {
                true => encoder.nstring(content.md5.as_deref()),
                false => encode_parameters(&mut encoder, &content.params),
            };
            encode_extension(&mut encoder, &content);
        }
        encoder.raw(")");
        self.open.pop();
    }
}

impl OpenPart {
    fn begin(step: PathStep) -> Self {
        Self {
            step,
            stage: PartStage::Begin,
        }
    }
}

/// Returns the innermost of the open parts.
fn innermost<'p>(root: &'p Part, open: &[OpenPart]) -> Option<&'p Part> {
    open.iter().try_fold(root, |part, open| match open.step {
        PathStep::Root => Some(part),
        PathStep::Child(index) => part.children.get(index),
        PathStep::Message => part.message.as_deref(),
    })
}

impl ItemWriter for StructureWriter {
    fn write(&mut self, sink: &mut Sink<'_, '_>) -> io::Result<bool> {
        let source = Rc::clone(&self.source);
        let Some(root) = &source.layout.part else {
            sink.encoder().nil();
            return Ok(true);
        };
        while let Some(stage) = self.open.last().map(|open| open.stage) {
            let Some(part) = innermost(root, &self.open) else {
                return Ok(true);
            };
            self.write_part(part, stage, sink)?;
            sink.pay(0);
            if sink.must_stop() {
                return Ok(self.open.is_empty());
            }
        }
        Ok(true)
    }

    fn memory(&self) -> usize {
        let reading = self.reading.as_ref();
        let content = self.content.as_ref();
        let envelope = self.envelope.as_ref();
        size_of::<Self>()
            + memory::of_list(&self.open)
            + reading.map_or(0, |(header, reader)| header.capacity() + reader.memory())
            + content.map_or(0, Content::memory)
            + envelope.map_or(0, EnvelopeWriter::memory)
    }
}

/// Writes `body-fld-dsp`, `body-fld-lang` and `body-fld-loc`.
fn encode_extension(encoder: &mut Encoder<'_>, content: &Content) {
    encoder.raw(" ");
    match &content.disposition {
        Some(disposition) => {
            encoder.raw("(").string(&disposition.kind).raw(" ");
            encode_parameters(encoder, &disposition.params).raw(")");
        }
        None => {
            encoder.nil();
        }
    }
    encoder.raw(" ");
    match &content.language[..] {
        [] => {
            encoder.nil();
        }
        [one] => {
            encoder.string(one);
        }
        many => {
            for (at, language) in many.iter().enumerate() {
                encoder.raw(if at == 0 { "(" } else { " " });
                encoder.string(language);
            }
            encoder.raw(")");
        }
    }
    encoder.raw(" ").nstring(content.location.as_deref());
}

/// Writes `body-fld-param`.
fn encode_parameters<'e, 'o>(
    encoder: &'e mut Encoder<'o>,
    params: &[Param],
) -> &'e mut Encoder<'o> {
    if params.is_empty() {
        return encoder.nil();
    }
    for (at, param) in params.iter().enumerate() {
        encoder.raw(if at == 0 { "(" } else { " " });
        encoder.string(&param.name);
        encoder.raw(" ");
        encoder.string(&param.value);
    }
    encoder.raw(")")
}
