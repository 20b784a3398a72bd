//! The text of a message as its reader sees it, for SEARCH TEXT and BODY.
//!
//! A message is a row of *passages*: the lines of a text part, the header of a part, the header of a
//! message within. Each lies somewhere in the file and is decoded in its own way. All else, an attached
//! picture for one, has no text to be found in. What is looked at comes in pieces and is folded, and
//! never held whole.

use super::casefold::{CaseFolder, fold_case};
use super::charset::{Charset, CharsetDecoder};
use super::encoded_word::decode_header;
use super::layout::Layout;
use super::mime::{Part, parse_part};
use super::transfer_encoding::{self, TransferEncoding};

/// Most octets of the header of a part, or of a message within, that are looked at.
const MAX_HEADER: usize = 64 * 1024;

/// Part of a message that can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Offset in the file of its first octet.
    pub(crate) start: u64,
    /// Offset behind its last octet.
    pub(crate) end: u64,
    /// What it is.
    pub(crate) kind: PassageKind,
}

/// What a passage is, and so how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassageKind {
    /// The MIME header of a part, which its reader does not see as text: TEXT looks at it, BODY does not.
    MimeHeader,
    /// The header of a message within the message.
    Header,
    /// The body of a text part.
    Text {
        /// How its octets are written.
        transfer: TransferEncoding,
        /// What its octets mean.
        charset: Charset,
    },
}

/// The passages below the header of a message that has no parts: at most one. `None` if the message has
/// parts, so that its structure is needed.
pub(crate) fn list_passages_without_parts(header: &[u8], header_end: u64) -> Option<Vec<Passage>> {
    let part = parse_part(header, false);
    let has_parts = part.is_multipart() || part.is("message", "rfc822");
    (!has_parts).then(|| body(&part, header_end, u64::MAX).into_iter().collect())
}

/// The passages below the header of a message of which the structure is known, as they lie in the file.
pub(crate) fn list_passages(layout: &Layout) -> Vec<Passage> {
    let mut found = Vec::new();
    if let Some(part) = &layout.part {
        below_header(part, &mut found);
    }
    found
}

/// Recursion ends, for the scanner opens no part within more than 32 others.
fn below_header(part: &Part, found: &mut Vec<Passage>) {
    if let Some(message) = &part.message {
        found.push(header(&message.part, PassageKind::Header));
        below_header(&message.part, found);
    } else if part.children.is_empty() {
        found.extend(body(part, part.body.start, part.body.end));
    }
    for child in &part.children {
        found.push(header(child, PassageKind::MimeHeader));
        below_header(child, found);
    }
}

fn header(part: &Part, kind: PassageKind) -> Passage {
    Passage {
        start: part.header.start,
        end: part.header.end,
        kind,
    }
}

fn body(part: &Part, start: u64, end: u64) -> Option<Passage> {
    let charset = part.param("charset").and_then(Charset::named);
    let kind = PassageKind::Text {
        transfer: TransferEncoding::named(&part.encoding),
        charset: charset.unwrap_or(Charset::PLAIN),
    };
    part.is_text().then_some(Passage { start, end, kind })
}

/// Decodes and folds one passage after the other, each in chunks.
pub(crate) struct PassageDecoder {
    state: State,
    fold: CaseFolder,
    /// Room for what the transfer encoding and the charset come to; it is used again for each chunk.
    octets: Vec<u8>,
    text: Vec<u8>,
    folded: Vec<u8>,
}

enum State {
    /// What was fed of a header, which is decoded when it is complete.
    Header(Vec<u8>),
    Text {
        transfer: transfer_encoding::TransferDecoder,
        charset: CharsetDecoder,
    },
}

impl PassageDecoder {
    /// At the start of no passage.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Header(Vec::new()),
            fold: CaseFolder::default(),
            octets: Vec::new(),
            text: Vec::new(),
            folded: Vec::new(),
        }
    }

    /// At the start of a passage.
    pub(crate) fn begin(&mut self, kind: PassageKind) {
        self.fold = CaseFolder::default();
        self.state = match kind {
            PassageKind::MimeHeader | PassageKind::Header => State::Header(Vec::new()),
            PassageKind::Text { transfer, charset } => State::Text {
                transfer: transfer_encoding::TransferDecoder::new(transfer),
                charset: CharsetDecoder::new(charset),
            },
        };
    }

    /// Takes the next octets of the passage; returns what they come to, folded.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> &[u8] {
        self.folded.clear();
        match &mut self.state {
            State::Header(header) => {
                let room = MAX_HEADER - header.len();
                header.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            State::Text { transfer, charset } => {
                let octets = match transfer {
                    transfer_encoding::TransferDecoder::Identity => chunk,
                    _ => {
                        self.octets.clear();
                        transfer.feed(chunk, &mut self.octets);
                        &self.octets
                    }
                };
                if charset.passes(octets) {
                    self.fold.feed(octets, &mut self.folded);
                } else {
                    self.text.clear();
                    charset.feed(octets, false, &mut self.text);
                    self.fold.feed(&self.text, &mut self.folded);
                }
            }
        }
        &self.folded
    }

    /// At the end of the passage: what was held back until now, folded.
    pub(crate) fn end(&mut self) -> &[u8] {
        match &mut self.state {
            State::Header(header) => self.folded = fold_case(&decode_header(header)),
            State::Text { transfer, charset } => {
                self.octets.clear();
                self.text.clear();
                self.folded.clear();
                transfer.finish(&mut self.octets);
                charset.feed(&self.octets, true, &mut self.text);
                self.fold.feed(&self.text, &mut self.folded);
                self.fold.finish(&mut self.folded);
            }
        }
        &self.folded
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

    /// All passages of a message with their texts, read in chunks of that size.
    fn read(message: &str, size: usize) -> Vec<(bool, String)> {
        let mut scanner = Scanner::new(ScanDepth::Structure);
        scanner.feed(message.as_bytes());
        let layout = scanner.finish();
        let mut reading = PassageDecoder::new();
        let one = |passage: Passage| {
            reading.begin(passage.kind);
            let range = passage.start as usize..(passage.end as usize).min(message.len());
            let mut text = Vec::new();
            for chunk in message.as_bytes()[range].chunks(size) {
                text.extend_from_slice(reading.feed(chunk));
            }
            text.extend_from_slice(reading.end());
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
    fn a_plain_message() {
        assert_eq!(texts("Subject: x\n\nHello\n"), [text("hello\n")]);
        assert_eq!(texts("Subject: x\n"), [text("")]);
    }

    #[test]
    fn a_decoded_message() {
        let header = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: ";
        let message = format!("{header}quoted-printable\n\nCaf=C9 =\nau lait=");
        assert_eq!(texts(&message), [text("caf\u{e9} au lait=")]);
        let message = format!("{header}base64\n\nQ2Fm\n6Q==\n");
        assert_eq!(texts(&message), [text("caf\u{e9}")]);
        let message = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nQ2Fm\n";
        assert_eq!(texts(message), []);
    }

    #[test]
    fn parts_and_messages_within() {
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
