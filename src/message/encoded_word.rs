//! Encoded words: non-ASCII text in headers (RFC 2047).
//!
//! ```text
//! encoded-word = "=?" charset ["*" language]             RFC 2047 §2, RFC 2231 §5
//!                "?" encoding "?" encoded-text "?="
//! ```
//!
//! Encoded words are decoded wherever they stand, even in quotes, as mail readers do. Text that
//! only resembles an encoded word stays as it is. Blanks between two encoded words have no meaning
//! (§6.2). A character must not be split between two words (§5), but mailers that count octets
//! split it: adjacent words of one charset are decoded together.
//!
//! A line may be one word of 256 KiB, or thousands of words that run into one another. So the
//! decoder works in pieces, and may stop within a word.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::charset::{Charset, CharsetDecoder};
use super::transfer_encoding::{TransferDecoder, TransferEncoding};

/// Octets of a line that are decoded at once.
const PIECE: usize = 1024;

/// Decodes the encoded words of a line, piece by piece.
#[derive(Default)]
pub(super) struct WordDecoder {
    /// Index of the next octet of the line.
    at: usize,
    /// Index of the next `=?`, or the length of the line if there is none, once it was looked for.
    mark: Option<usize>,
    /// The character set of the last word, while another word of it may follow.
    open: Option<(Charset, CharsetDecoder)>,
    /// Index behind the blanks that follow that word, as far as they were looked at.
    blanks_end: usize,
    /// The rest of the word that is being decoded.
    word: Option<OpenWord>,
    /// Buffers for octets whose transfer encoding, and then charset, has been decoded.
    octets: Vec<u8>,
    text: Vec<u8>,
}

/// A word that is being decoded.
struct OpenWord {
    /// The octets that are left.
    rest: Range<usize>,
    /// Index behind the word.
    behind: usize,
    is_quoted_printable: bool,
    transfer: TransferDecoder,
}

impl WordDecoder {
    /// Returns the octets of memory that the buffers take.
    pub(super) fn memory(&self) -> usize {
        self.octets.capacity() + self.text.capacity()
    }

    /// Begins another line.
    pub(super) fn begin(&mut self) {
        *self = Self {
            octets: std::mem::take(&mut self.octets),
            text: std::mem::take(&mut self.text),
            ..Self::default()
        };
    }

    /// Decodes the next piece of the line and appends it to `out`. Returns the work that it took,
    /// in octets, or `None` if the line is over.
    pub(super) fn step(&mut self, line: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        if let Some(word) = self.word.take() {
            return Some(self.decode_piece(word, line, out));
        }
        if self.at == line.len() {
            self.close(out);
            return None;
        }
        let from = self.at;
        let mark = *self.mark.get_or_insert_with(|| {
            let found = memmem::find(&line[from..], b"=?");
            found.map_or(line.len(), |found| from + found)
        });
        Some(match self.open {
            Some(_) => self.skip_blanks(mark, line, out),
            None if self.at < mark => {
                let piece = &line[self.at..mark.min(self.at + PIECE)];
                out.extend_from_slice(piece);
                self.at += piece.len();
                piece.len()
            }
            None => self.take_mark(line, out),
        })
    }

    /// Looks at what follows a word: blanks up to another word, or to the end of the line, have no
    /// meaning.
    fn skip_blanks(&mut self, mark: usize, line: &[u8], out: &mut Vec<u8>) -> usize {
        let piece = &line[self.blanks_end..mark.min(self.blanks_end + PIECE)];
        let blanks = piece.iter().take_while(|octet| octet.is_ascii_whitespace());
        let blanks = blanks.count();
        self.blanks_end += blanks;
        if blanks < piece.len() {
            self.close(out);
        } else if self.blanks_end == line.len() {
            self.at = line.len();
        } else if self.blanks_end == mark {
            let plain = self.at;
            self.at = mark;
            let word = parse_word(line, mark);
            let is_word = word.is_some();
            let work = self.begin_word(word, out);
            if !is_word {
                // What looked like a word is text, and so are the blanks before it.
                self.close(out);
                self.at = plain;
            }
            return blanks + work;
        }
        blanks + 1
    }

    /// Begins the word at the mark, or takes the mark as text.
    fn take_mark(&mut self, line: &[u8], out: &mut Vec<u8>) -> usize {
        let word = parse_word(line, self.at);
        if word.is_none() {
            out.extend_from_slice(b"=?");
            self.at += 2;
            self.mark = None;
        }
        self.begin_word(word, out)
    }

    /// Begins a word, if it is one. Returns the work that it took.
    fn begin_word(&mut self, word: Option<ParsedWord>, out: &mut Vec<u8>) -> usize {
        let Some(word) = word else {
            return MARK_WORK;
        };
        if self
            .open
            .as_ref()
            .is_none_or(|&(open, _)| open != word.charset)
        {
            self.close(out);
            self.open = Some((word.charset, CharsetDecoder::new(word.charset)));
        }
        self.mark = None;
        self.word = Some(OpenWord {
            rest: word.encoded,
            behind: word.behind,
            is_quoted_printable: word.transfer == TransferEncoding::QuotedPrintable,
            transfer: TransferDecoder::new(word.transfer),
        });
        MARK_WORK
    }

    /// Decodes the next octets of a word.
    fn decode_piece(&mut self, mut word: OpenWord, line: &[u8], out: &mut Vec<u8>) -> usize {
        let end = word.rest.end.min(word.rest.start + PIECE);
        let piece = &line[word.rest.start..end];
        self.octets.clear();
        if word.is_quoted_printable {
            let space = |&octet: &u8| if octet == b'_' { b' ' } else { octet };
            let spaced: Vec<u8> = piece.iter().map(space).collect();
            word.transfer.feed(&spaced, &mut self.octets);
        } else {
            word.transfer.feed(piece, &mut self.octets);
        }
        word.rest.start = end;
        if word.rest.is_empty() {
            word.transfer.finish(&mut self.octets);
            self.at = word.behind;
            self.blanks_end = word.behind;
        } else {
            self.word = Some(word);
        }
        self.decode_charset(false, out);
        // Two decoders go over the octets.
        2 * piece.len() + 1
    }

    /// Decodes the octets of a word and appends their text. `is_last` says that no more octets of
    /// this charset follow.
    fn decode_charset(&mut self, is_last: bool, out: &mut Vec<u8>) {
        let Some((_, decoder)) = &mut self.open else {
            return;
        };
        self.text.clear();
        decoder.feed(&self.octets, is_last, &mut self.text);
        // A control character inside a word must not break the line.
        let text = self.text.iter();
        out.extend(text.map(|&octet| octet.max(b' ')));
    }

    /// Ends a run of words of one charset.
    fn close(&mut self, out: &mut Vec<u8>) {
        self.octets.clear();
        self.decode_charset(true, out);
        self.open = None;
    }
}

/// Work of finding out whether a word begins somewhere, in octets: the octets up to the fourth `?`
/// are looked for, and on average that is as many as there are between two words.
const MARK_WORK: usize = 64;

/// An encoded word in a line.
struct ParsedWord {
    charset: Charset,
    transfer: TransferEncoding,
    /// The encoded text.
    encoded: Range<usize>,
    /// Index behind the word.
    behind: usize,
}

/// Parses the encoded word at `start`, where `=?` stands.
fn parse_word(line: &[u8], start: usize) -> Option<ParsedWord> {
    let charset = piece_at(line, start + 2)?;
    let encoding = piece_at(line, charset.end + 1)?;
    let transfer = match &line[encoding.clone()] {
        b"B" | b"b" => TransferEncoding::Base64,
        b"Q" | b"q" => TransferEncoding::QuotedPrintable,
        _ => return None,
    };
    let encoded = piece_at(line, encoding.end + 1)?;
    let behind = encoded.end + 2;
    (line.get(behind - 1) == Some(&b'=')).then(|| {
        let name = line[charset].split(|&octet| octet == b'*').next();
        let charset = name.and_then(Charset::named);
        ParsedWord {
            charset: charset.unwrap_or(Charset::PLAIN),
            transfer,
            encoded,
            behind,
        }
    })
}

/// Returns the octets from `start` to the next `?`.
fn piece_at(line: &[u8], start: usize) -> Option<Range<usize>> {
    let length = memchr(b'?', &line[start..])?;
    Some(start..start + length)
}
