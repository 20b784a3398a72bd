//! Decoders of transfer encodings (RFC 2045 §6), for a text that arrives in chunks.
//!
//! They never fail. Invalid input is skipped in base64 (RFC 2045 §6.8), and stays unchanged in
//! quoted-printable (§6.7).

use crate::work;
use memchr::memchr;

/// The encoding of the octets of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferEncoding {
    /// None: 7bit, 8bit, binary, and unknown encodings.
    Identity,
    /// base64: four letters for three octets.
    Base64,
    /// quoted-printable: `=E9` for an octet, and `=` at the end of a line for a soft line break.
    QuotedPrintable,
}

impl TransferEncoding {
    /// Returns the encoding that a Content-Transfer-Encoding field names.
    pub(crate) fn named(name: &[u8]) -> Self {
        if name.eq_ignore_ascii_case(b"base64") {
            Self::Base64
        } else if name.eq_ignore_ascii_case(b"quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Identity
        }
    }

    /// Decodes a whole text.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn decode(self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut decoder = TransferDecoder::new(self);
        decoder.feed(text, &mut out);
        decoder.finish(&mut out);
        out
    }
}

/// Decodes a text that arrives in chunks.
#[derive(Debug, Clone)]
pub(crate) enum TransferDecoder {
    /// Copies the octets.
    Identity,
    /// The bits of the last letters, and the number of bits that have not been written yet, less
    /// than 8 between two letters.
    Base64(u32, u32),
    /// The start of an escape: `=` and what follows it, at most `MAX_ESCAPE` octets.
    QuotedPrintable(Vec<u8>),
}

/// Longest start of an escape: gateways add blanks between a `=` and the end of its line.
const MAX_ESCAPE: usize = 80;

impl TransferDecoder {
    /// Returns a decoder at the start of a text.
    pub(crate) fn new(transfer: TransferEncoding) -> Self {
        match transfer {
            TransferEncoding::Identity => Self::Identity,
            TransferEncoding::Base64 => Self::Base64(0, 0),
            TransferEncoding::QuotedPrintable => Self::QuotedPrintable(Vec::new()),
        }
    }

    /// Returns the octets of memory that the decoder takes outside itself.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Identity | Self::Base64(..) => 0,
            Self::QuotedPrintable(escape) => escape.capacity(),
        }
    }

    /// Decodes the next chunk and appends it to `out`: in all never more octets than the chunks
    /// have.
    pub(crate) fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        work::octets(chunk.len());
        match self {
            Self::Identity => out.extend_from_slice(chunk),
            Self::Base64(bits, count) => decode_base64(bits, count, chunk, out),
            Self::QuotedPrintable(escape) => decode_quoted_printable(escape, chunk, out),
        }
    }

    /// Appends the incomplete escape at the end of the text.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Self::QuotedPrintable(escape) = self {
            out.append(escape);
        }
    }
}

/// The six bits of each letter of base64; 64 for all other octets.
const SIXTETS: [u8; 256] = {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [64; 256];
    let mut at = 0;
    while at < letters.len() {
        table[letters[at] as usize] = at as u8;
        at += 1;
    }
    table
};

fn decode_base64(bits: &mut u32, count: &mut u32, chunk: &[u8], out: &mut Vec<u8>) {
    for &letter in chunk {
        let sixtet = SIXTETS[usize::from(letter)];
        if sixtet == 64 {
            if letter == b'=' {
                // The padding ends a text. Letters behind it begin another.
                *count = 0;
            }
            continue;
        }
        *bits = *bits << 6 | u32::from(sixtet);
        *count += 6;
        if *count >= 8 {
            *count -= 8;
            out.push((*bits >> *count) as u8);
        }
    }
}

fn decode_quoted_printable(escape: &mut Vec<u8>, chunk: &[u8], out: &mut Vec<u8>) {
    let mut rest = chunk;
    while !rest.is_empty() {
        if escape.is_empty() {
            let plain = memchr(b'=', rest).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..plain]);
            rest = &rest[plain..];
        }
        let Some((&octet, after)) = rest.split_first() else {
            return;
        };
        rest = after;
        escape.push(octet);
        match classify_escape(escape) {
            Escape::Unfinished => {}
            Escape::Octet(octet) => {
                out.push(octet);
                escape.clear();
            }
            Escape::SoftBreak => escape.clear(),
            Escape::Invalid => {
                // The octet that makes the escape invalid may begin another.
                let last = escape.pop().unwrap_or_default();
                out.append(escape);
                match last {
                    b'=' => escape.push(last),
                    _ => out.push(last),
                }
            }
        }
    }
}

/// What the octets from a `=` on mean.
enum Escape {
    Unfinished,
    Octet(u8),
    SoftBreak,
    Invalid,
}

/// Returns what an escape means so far.
///
/// ```text
/// hex-octet        := "=" 2(DIGIT / "A" / "B" / "C" / "D" / "E" / "F")     RFC 2045 §6.7
/// transport-padding, soft-line-break := *LWSP-char "=" CRLF
/// ```
/// Accepts letters of either case, and the blanks that gateways add between the `=` and the line
/// end.
fn classify_escape(escape: &[u8]) -> Escape {
    match escape[1..] {
        [] => Escape::Unfinished,
        [.., b'\n'] => Escape::SoftBreak,
        [high] if hex_value(high).is_some() => Escape::Unfinished,
        [high, low] if hex_value(high).is_some() => match (hex_value(high), hex_value(low)) {
            (Some(high), Some(low)) => Escape::Octet(high << 4 | low),
            _ => Escape::Invalid,
        },
        [.., b' ' | b'\t' | b'\r'] if escape.len() < MAX_ESCAPE => Escape::Unfinished,
        _ => Escape::Invalid,
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    let value = (digit as char).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_decoded_and_invalid_letters_are_skipped() {
        for (text, want) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy\r\n", "foobar"),
            ("Zm\n9v Ym!Fy", "foobar"),
            ("Zg==Zm8=", "ffo"),
            ("Zm9vYg", "foob"),
            ("=", ""),
        ] {
            assert_eq!(
                TransferEncoding::Base64.decode(text.as_bytes()),
                want.as_bytes(),
                "{text}"
            );
        }
    }

    #[test]
    fn quoted_printable_is_decoded_and_invalid_escapes_stay() {
        for (text, want) in [
            ("caf=C3=A9", "caf\u{e9}"),
            ("caf=c3=a9", "caf\u{e9}"),
            ("a=\r\nb=\nc", "abc"),
            ("a= \t\r\nb", "ab"),
            ("a=b", "a=b"),
            ("a=XY", "a=XY"),
            ("a==41=", "a=A="),
            ("=4=41", "=4A"),
            ("=", "="),
            ("= x", "= x"),
        ] {
            let got = TransferEncoding::QuotedPrintable.decode(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&got), want, "{text}");
        }
        let long = format!("={}x", " ".repeat(200));
        assert_eq!(
            TransferEncoding::QuotedPrintable.decode(long.as_bytes()),
            long.as_bytes()
        );
    }

    #[test]
    fn an_encoding_is_named_in_any_case() {
        assert_eq!(TransferEncoding::named(b"BASE64"), TransferEncoding::Base64);
        assert_eq!(
            TransferEncoding::named(b"Quoted-Printable"),
            TransferEncoding::QuotedPrintable
        );
        assert_eq!(
            TransferEncoding::named(b"x-uuencode"),
            TransferEncoding::Identity
        );
    }

    proptest! {
        #[test]
        fn base64_of_an_encoder_is_decoded(octets in prop::collection::vec(any::<u8>(), 0..100)) {
            let text = data_encoding::BASE64_MIME.encode(&octets);
            prop_assert_eq!(TransferEncoding::Base64.decode(text.as_bytes()), octets);
        }

        #[test]
        fn chunk_borders_make_no_difference(
            text in prop::collection::vec(prop::sample::select(&b"=A4 \r\nxZ\xe9"[..]), 0..60),
            size in 1usize..9,
        ) {
            for transfer in [TransferEncoding::Identity, TransferEncoding::Base64, TransferEncoding::QuotedPrintable] {
                let (mut decoder, mut out) = (TransferDecoder::new(transfer), Vec::new());
                for chunk in text.chunks(size) {
                    decoder.feed(chunk, &mut out);
                }
                decoder.finish(&mut out);
                prop_assert!(out.len() <= text.len());
                prop_assert_eq!(out, transfer.decode(&text));
            }
        }
    }
}
