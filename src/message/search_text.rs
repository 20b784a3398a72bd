//! The text of a message as mail readers show it, for SEARCH TEXT and BODY.
//!
//! A message is a sequence of *passages*: the body of a text part, the header of a part, the header
//! of an embedded message. Each passage lies somewhere in the file and is decoded in its own way.
//! All else, such as an attached picture, has no text. The session reads a passage chunk by chunk;
//! the decoder returns each chunk decoded and folded, and never holds a whole body.

use super::casefold::CaseFolder;
use super::charset::{Charset, CharsetDecoder};
use super::header_text::HeaderDecoder;
use super::layout::Layout;
use super::mime::{ContentReader, Part};
use super::transfer_encoding::{self, TransferEncoding};

/// Most octets of the header of a part, or of an embedded message, that are decoded.
const MAX_HEADER: usize = 64 * 1024;

/// A piece of a message that has text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Offset of its first octet in the file.
    pub(crate) start: u64,
    /// Offset behind its last octet in the file.
    pub(crate) end: u64,
    /// What it contains.
    pub(crate) kind: PassageKind,
}

/// What a passage contains, which decides how it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassageKind {
    /// The MIME header of a part. Mail readers do not show it as text: SEARCH TEXT includes it,
    /// BODY does not.
    MimeHeader,
    /// The header of an embedded message.
    Header,
    /// The body of a text part.
    Text {
        /// Transfer encoding of its octets.
        transfer: TransferEncoding,
        /// Character set of its decoded octets.
        charset: Charset,
    },
}

/// Returns the passages below the header of a message without parts: at most one. Returns `None` if
/// the message has parts, so that the caller needs its structure.
pub(crate) fn list_passages_without_parts(header: &[u8], header_end: u64) -> Option<Vec<Passage>> {
    let mut reader = ContentReader::of_type_and_encoding(false);
    while reader.pass(header).is_some() {}
    let content = reader.finish();
    let has_parts = content.media_type.is_multipart() || content.media_type.is("message", "rfc822");
    (!has_parts).then(|| {
        let kind = text_kind(content.param("charset"), &content.encoding);
        let passage = Passage {
            start: header_end,
            end: u64::MAX,
            kind,
        };
        content
            .media_type
            .is_text()
            .then_some(passage)
            .into_iter()
            .collect()
    })
}

/// Returns the passages below the header of a message whose structure is known, in the order of the
/// file.
pub(crate) fn list_passages(layout: &Layout) -> Vec<Passage> {
    let mut found = Vec::new();
    if let Some(part) = &layout.part {
        append_below_header(part, &mut found);
    }
    found
}

/// Appends the passages below the header of a part. Recursion is at most 32 deep, as deep as the
/// scanner opens parts.
fn append_below_header(part: &Part, found: &mut Vec<Passage>) {
    if let Some(message) = &part.message {
        found.push(header_passage(message, PassageKind::Header));
        append_below_header(message, found);
    } else if part.children.is_empty() && part.media_type.is_text() {
        found.push(Passage {
            start: part.body.start,
            end: part.body.end,
            kind: text_kind(part.charset.as_deref(), &part.encoding),
        });
    }
    for child in &part.children {
        found.push(header_passage(child, PassageKind::MimeHeader));
        append_below_header(child, found);
    }
}

fn header_passage(part: &Part, kind: PassageKind) -> Passage {
    Passage {
        start: part.header.start,
        end: part.header.end,
        kind,
    }
}

/// Returns how the body of a text part is decoded.
fn text_kind(charset: Option<&[u8]>, encoding: &[u8]) -> PassageKind {
    PassageKind::Text {
        transfer: TransferEncoding::named(encoding),
        charset: charset.and_then(Charset::named).unwrap_or(Charset::PLAIN),
    }
}

/// Decodes and folds one passage after another, each in chunks.
pub(crate) struct PassageDecoder {
    state: PassageState,
    header: HeaderDecoder,
    folder: CaseFolder,
    /// Buffer for octets whose transfer encoding has been decoded. This and the next two are reused
    /// for each chunk.
    octets: Vec<u8>,
    text: Vec<u8>,
    folded: Vec<u8>,
}

/// The decoders of the current passage.
enum PassageState {
    /// No passage, or one that is over.
    Over,
    /// The octets of a header until now. A header is decoded once it is complete.
    Header(Vec<u8>),
    Text {
        transfer: transfer_encoding::TransferDecoder,
        charset: CharsetDecoder,
    },
}

impl PassageDecoder {
    /// Returns a decoder that is not in a passage yet.
    pub(crate) fn new() -> Self {
        Self {
            state: PassageState::Over,
            header: HeaderDecoder::default(),
            folder: CaseFolder::default(),
            octets: Vec::new(),
            text: Vec::new(),
            folded: Vec::new(),
        }
    }

    /// Returns the octets of memory that the decoder takes outside itself.
    pub(crate) fn memory(&self) -> usize {
        let buffers = [&self.octets, &self.text, &self.folded];
        let state = match &self.state {
            PassageState::Header(header) => header.capacity(),
            PassageState::Over | PassageState::Text { .. } => 0,
        };
        buffers.map(Vec::capacity).iter().sum::<usize>() + self.header.memory() + state
    }

    /// Begins a passage.
    pub(crate) fn begin(&mut self, kind: PassageKind) {
        self.folder = CaseFolder::default();
        self.header.begin();
        self.state = match kind {
            PassageKind::MimeHeader | PassageKind::Header => PassageState::Header(Vec::new()),
            PassageKind::Text { transfer, charset } => PassageState::Text {
                transfer: transfer_encoding::TransferDecoder::new(transfer),
                charset: CharsetDecoder::new(charset),
            },
        };
    }

    /// Decodes the next octets of the passage, and returns their folded text.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> &[u8] {
        self.folded.clear();
        match &mut self.state {
            PassageState::Over => {}
            PassageState::Header(header) => {
                let room = MAX_HEADER - header.len();
                header.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            PassageState::Text { transfer, charset } => {
                let octets = match transfer {
                    transfer_encoding::TransferDecoder::Identity => chunk,
                    _ => {
                        self.octets.clear();
                        transfer.feed(chunk, &mut self.octets);
                        &self.octets
                    }
                };
                if charset.passes_through(octets) {
                    self.folder.feed(octets, &mut self.folded);
                } else {
                    self.text.clear();
                    charset.feed(octets, false, &mut self.text);
                    self.folder.feed(&self.text, &mut self.folded);
                }
            }
        }
        &self.folded
    }

    /// Ends the passage. Returns a piece of the folded text that was held back until now, and the
    /// work that decoding it took, in octets; `None` if there is no more.
    pub(crate) fn end(&mut self) -> Option<(&[u8], usize)> {
        match &mut self.state {
            PassageState::Over => None,
            PassageState::Header(header) => self.header.next(header),
            PassageState::Text { transfer, charset } => {
                self.octets.clear();
                self.text.clear();
                self.folded.clear();
                transfer.finish(&mut self.octets);
                charset.feed(&self.octets, true, &mut self.text);
                self.folder.feed(&self.text, &mut self.folded);
                self.folder.finish(&mut self.folded);
                self.state = PassageState::Over;
                Some((&self.folded, self.folded.len()))
            }
        }
    }
}

impl Default for PassageDecoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ScanDepth, Scanner};

    /// Returns the text of each passage, read in chunks of this size, and whether it is a MIME
    /// header.
    fn read(message: &str, size: usize) -> Vec<(bool, String)> {
        let mut scanner = Scanner::new(ScanDepth::Structure);
        scanner.feed(message.as_bytes());
        let layout = scanner.finish();
        let mut decoder = PassageDecoder::new();
        let one = |passage: Passage| {
            decoder.begin(passage.kind);
            let range = passage.start as usize..(passage.end as usize).min(message.len());
            let mut text = Vec::new();
            for chunk in message.as_bytes()[range].chunks(size) {
                text.extend_from_slice(decoder.feed(chunk));
            }
            while let Some((piece, _)) = decoder.end() {
                text.extend_from_slice(piece);
            }
            let is_mime = passage.kind == PassageKind::MimeHeader;
            (is_mime, String::from_utf8_lossy(&text).into_owned())
        };
        let simple = list_passages_without_parts(&layout.header_bytes, layout.header.end);
        let passages = simple.unwrap_or_else(|| list_passages(&layout));
        passages.into_iter().map(one).collect()
    }

    fn texts(message: &str) -> Vec<(bool, String)> {
        let whole = read(message, usize::MAX);
        for size in [1, 2, 5] {
            assert_eq!(read(message, size), whole, "in chunks of {size}");
        }
        whole
    }

    fn text(text: &str) -> (bool, String) {
        (false, text.into())
    }

    fn mime(header: &str) -> (bool, String) {
        (true, header.into())
    }

    #[test]
    fn a_plain_message_has_one_passage() {
        assert_eq!(texts("Subject: x\n\nHello\n"), [text("hello\n")]);
        assert_eq!(texts("Subject: x\n"), [text("")]);
    }

    #[test]
    fn a_body_is_decoded_by_transfer_encoding_and_charset() {
        let header = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: ";
        let message = format!("{header}quoted-printable\n\nCaf=C9 =\nau lait=");
        assert_eq!(texts(&message), [text("caf\u{e9} au lait=")]);
        let message = format!("{header}base64\n\nQ2Fm\n6Q==\n");
        assert_eq!(texts(&message), [text("caf\u{e9}")]);
        let message = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nQ2Fm\n";
        assert_eq!(texts(message), []);
    }

    #[test]
    fn parts_and_embedded_messages_have_passages_in_file_order() {
        let message = "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\nOne\n--b\n\
            Content-Type: message/rfc822\n\nSubject: =?utf-8?q?=C3=89?=\n\nInner\n--b\n\
            Content-Type: application/pdf; name=A.pdf\n\nbytes\n--b--\nepilogue\n";
        let want = [
            mime(""),
            text("one"),
            mime("content-type: message/rfc822\n"),
            text("subject: \u{e9}\n"),
            text("inner"),
            mime("content-type: application/pdf; name=a.pdf\n"),
        ];
        assert_eq!(texts(message), want);
    }
}
