//! Decoders of character sets, by the names that mail and commands use.
//!
//! Names are looked up in the table of the WHATWG Encoding Standard, as mail readers do:
//! `ISO-8859-1` means windows-1252, since mail that names the former often contains the latter. Two
//! things differ from the standard. US-ASCII, and an unknown name in mail, stand for text that is
//! not decoded: octets from 0x80 up stay as they are and match themselves in a search. And names
//! that the standard blocks because they endanger browsers are unknown here.

use crate::work;
use encoding_rs::{CoderResult, Decoder, Encoding, REPLACEMENT, UTF_8};

/// Names for BADCHARSET, one for each encoding.
pub(crate) const NAMES: &[&str] = &[
    "US-ASCII",
    "UTF-8",
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-10",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "KOI8-R",
    "KOI8-U",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "TIS-620",
    "Big5",
    "EUC-JP",
    "EUC-KR",
    "GB18030",
    "GB2312",
    "ISO-2022-JP",
    "Shift_JIS",
];

/// A known character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charset {
    /// Its encoding, or `None` if its octets count as UTF-8.
    encoding: Option<&'static Encoding>,
}

impl Charset {
    /// Stands for octets that are not decoded.
    pub(crate) const PLAIN: Self = Self { encoding: None };

    /// Returns the character set with this name, in any case.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"US-ASCII") {
            return Some(Self::PLAIN);
        }
        let encoding = Encoding::for_label(name).filter(|&known| known != REPLACEMENT)?;
        Some(Self {
            encoding: (encoding != UTF_8).then_some(encoding),
        })
    }

    /// Decodes a whole text to UTF-8.
    pub(crate) fn decode(self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        CharsetDecoder::new(self).feed(text, true, &mut out);
        out
    }
}

/// Returns a decoder. A byte order mark counts in the encodings that do not contain ASCII, such as
/// UTF-16. In the others its octets are letters, and the decoder may see them first although they
/// do not begin the text, because ASCII before them passes it by.
fn new_decoder(encoding: &'static Encoding) -> Decoder {
    match encoding.is_ascii_compatible() {
        true => encoding.new_decoder_without_bom_handling(),
        false => encoding.new_decoder(),
    }
}

/// Decodes a text that arrives in chunks to UTF-8.
pub(super) struct CharsetDecoder {
    /// Decoder of the encoding, or `None` if the text is not decoded.
    decoder: Option<Decoder>,
    /// True if the encoding contains ASCII and all octets until now were below 0x80, so that they
    /// mean themselves. Stateful encodings such as ISO-2022-JP do not contain ASCII in this sense.
    is_ascii_so_far: bool,
}

impl CharsetDecoder {
    /// Returns a decoder at the start of a text in this character set.
    pub(crate) fn new(charset: Charset) -> Self {
        let encoding = charset.encoding;
        Self {
            decoder: encoding.map(new_decoder),
            is_ascii_so_far: encoding.is_some_and(Encoding::is_ascii_compatible),
        }
    }

    /// Returns true if decoding does not change the next chunk. Callers may use the chunk itself
    /// then.
    pub(crate) fn passes_through(&mut self, chunk: &[u8]) -> bool {
        if self.decoder.is_none() {
            return true;
        }
        self.is_ascii_so_far = self.is_ascii_so_far && chunk.is_ascii();
        self.is_ascii_so_far
    }

    /// Decodes the next chunk and appends it to `out`. Octets that are invalid in the character set
    /// become U+FFFD.
    pub(crate) fn feed(&mut self, chunk: &[u8], is_last: bool, out: &mut Vec<u8>) {
        work::octets(chunk.len());
        let passes = self.passes_through(chunk);
        let Some(decoder) = self.decoder.as_mut().filter(|_| !passes) else {
            return out.extend_from_slice(chunk);
        };
        let mut rest = chunk;
        loop {
            let start = out.len();
            let room = decoder.max_utf8_buffer_length(rest.len());
            // The length cannot overflow, since chunks have a few KiB. If it did, the loop would
            // decode in pieces.
            out.resize(start + room.unwrap_or(rest.len()).max(16), 0);
            let (result, read, written, _) =
                decoder.decode_to_utf8(rest, &mut out[start..], is_last);
            out.truncate(start + written);
            rest = &rest[read..];
            if result == CoderResult::InputEmpty {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(name: &str, text: &[u8]) -> String {
        let charset = Charset::named(name.as_bytes()).expect(name);
        String::from_utf8(charset.decode(text)).expect("UTF-8")
    }

    #[test]
    fn every_offered_name_is_known() {
        for name in NAMES {
            assert!(Charset::named(name.as_bytes()).is_some(), "{name}");
        }
        for name in ["", "x-unknown", "UTF-7", "ISO-2022-KR", "\0"] {
            assert_eq!(Charset::named(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn known_texts_are_decoded() {
        assert_eq!(decoded("iso-8859-1", b"caf\xe9"), "caf\u{e9}");
        assert_eq!(decoded("ISO-8859-15", b"\xa4"), "\u{20ac}");
        assert_eq!(decoded("koi8-r", b"\xcd\xc9\xd2"), "\u{43c}\u{438}\u{440}");
        assert_eq!(
            decoded("Shift_JIS", b"\x93\xfa\x96\x7b"),
            "\u{65e5}\u{672c}"
        );
        assert_eq!(
            decoded("iso-2022-jp", b"\x1b$BF|K\\\x1b(B."),
            "\u{65e5}\u{672c}."
        );
        assert_eq!(decoded("gb2312", b"\xd6\xd0"), "\u{4e2d}");
        assert_eq!(decoded("UTF-8", "\u{e9}".as_bytes()), "\u{e9}");
        assert_eq!(Charset::PLAIN.decode(b"\xe9a"), b"\xe9a");
        assert_eq!(decoded("utf-16", b"\xfe\xff\0a"), "a");
        assert_eq!(decoded("iso-8859-1", b"\xfe\xff\0a"), "\u{fe}\u{ff}\0a");
    }

    #[test]
    fn chunk_borders_make_no_difference() {
        for (name, text) in [
            ("iso-2022-jp", &b"a\x1b$BF|K\\\x1b(B."[..]),
            ("gb18030", b"a\xd6\xd0b\x81\x30\x81\x30"),
            ("utf-16be", b"\0a\x65\xe5"),
            ("windows-1252", b"ab\xe9c\xe9"),
            ("windows-1252", b"a\xfe\xffb\xef\xbb\xbfc"),
            ("utf-16", b"\xfe\xff\0a"),
        ] {
            let charset = Charset::named(name.as_bytes()).expect(name);
            for size in 1..4 {
                let (mut decoder, mut out) = (CharsetDecoder::new(charset), Vec::new());
                for chunk in text.chunks(size) {
                    decoder.feed(chunk, false, &mut out);
                }
                decoder.feed(b"", true, &mut out);
                assert_eq!(out, charset.decode(text), "{name} by {size}");
            }
        }
    }
}
