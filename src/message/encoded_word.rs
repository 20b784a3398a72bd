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

use memchr::memmem;

use super::charset::Charset;
use super::header;
use super::transfer_encoding::TransferEncoding;

/// Decodes the value of a field as mail readers show it: on one line, in UTF-8 as far as its
/// character sets are known, and with a space for each tab, which came from folding.
pub(crate) fn decode_value(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    append_value(value, has_words(value), &mut text);
    text
}

/// Decodes the value of an address field as mail readers and the envelope show it: names without
/// the quotes around them and without the backslashes inside. Returns `None` if the value has no
/// quotes.
pub(crate) fn decode_unquoted(value: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'"', value)?;
    let (mut text, mut is_quoted) = (Vec::with_capacity(value.len()), false);
    let mut octets = value.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'"' => is_quoted = !is_quoted,
            b'\\' if is_quoted => text.extend(octets.next()),
            octet => text.push(octet),
        }
    }
    Some(decode_value(&text))
}

/// Returns true if the text may contain an encoded word.
fn has_words(text: &[u8]) -> bool {
    memmem::find(text, b"=?").is_some()
}

/// Appends the decoded value to `text`.
fn append_value(value: &[u8], has_words: bool, text: &mut Vec<u8>) {
    let start = text.len();
    let value = value.trim_ascii();
    if value.iter().all(|&octet| octet >= b' ') {
        text.extend_from_slice(value);
    } else {
        let kept = value.iter().filter(|octet| !b"\r\n\0".contains(octet));
        text.extend(kept.map(|&octet| if octet == b'\t' { b' ' } else { octet }));
    }
    if has_words {
        let decoded = decode_words(&text[start..]);
        text.truncate(start);
        text.extend(decoded);
    }
}

/// Decodes a header as mail readers show it: one line for each field.
pub(crate) fn decode_header(block: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(block.len());
    let has_words = has_words(block);
    for field in header::fields(block) {
        if !field.name.is_empty() {
            text.extend_from_slice(field.name);
            text.extend_from_slice(b": ");
        }
        append_value(field.value, has_words, &mut text);
        text.push(b'\n');
    }
    text
}

/// Decodes the encoded words of a line.
fn decode_words(line: &[u8]) -> Vec<u8> {
    let mut text = DecodedText::default();
    let mut rest = line;
    while let Some(at) = memmem::find(rest, b"=?") {
        match parse_word(&rest[at..]) {
            Some((word, after)) => {
                text.push_plain(&rest[..at]);
                text.push_word(word);
                rest = after;
            }
            None => {
                text.push_plain(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    text.push_plain(rest);
    text.flush();
    text.out
}

/// An encoded word whose transfer encoding has been decoded.
struct Word {
    charset: Charset,
    octets: Vec<u8>,
}

/// Parses the encoded word at the start of the text, and returns it with the text that follows.
fn parse_word(text: &[u8]) -> Option<(Word, &[u8])> {
    let mut pieces = text.strip_prefix(b"=?")?.splitn(4, |&octet| octet == b'?');
    let (charset, encoding, encoded) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let after = pieces.next()?.strip_prefix(b"=")?;
    let charset = charset.split(|&octet| octet == b'*').next()?;
    let octets = match encoding {
        b"B" | b"b" => TransferEncoding::Base64.decode(encoded),
        b"Q" | b"q" => {
            let spaced: Vec<u8> = encoded
                .iter()
                .map(|&b| if b == b'_' { b' ' } else { b })
                .collect();
            TransferEncoding::QuotedPrintable.decode(&spaced)
        }
        _ => return None,
    };
    let charset = Charset::named(charset).unwrap_or(Charset::PLAIN);
    Some((Word { charset, octets }, after))
}

/// The text decoded so far.
#[derive(Default)]
struct DecodedText {
    out: Vec<u8>,
    /// Adjacent encoded words of one charset, which are decoded together.
    open: Option<Word>,
}

impl DecodedText {
    fn push_plain(&mut self, text: &[u8]) {
        if self.open.is_some() && text.trim_ascii().is_empty() {
            // Blanks between two words, or no text at all: the value has no blanks at its end.
            return;
        }
        self.flush();
        self.out.extend_from_slice(text);
    }

    fn push_word(&mut self, mut word: Word) {
        match &mut self.open {
            Some(open) if open.charset == word.charset => open.octets.append(&mut word.octets),
            _ => {
                self.flush();
                self.open = Some(word);
            }
        }
    }

    fn flush(&mut self) {
        if let Some(Word { charset, octets }) = self.open.take() {
            let text = charset.decode(&octets);
            // A control character inside a word must not break the line.
            let text = text
                .into_iter()
                .map(|octet| if octet < b' ' { b' ' } else { octet });
            self.out.extend(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        String::from_utf8_lossy(&decode_value(text.as_bytes())).into_owned()
    }

    #[test]
    fn the_examples_of_rfc_2047_section_8_are_decoded() {
        for (text, want) in [
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=\r\n   =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
            (
                "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
                "Keith Moore <moore@cs.utk.edu>",
            ),
            (
                "=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=",
                "Patrik F\u{e4}ltstr\u{f6}m",
            ),
            (
                "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
                "If you can read this you understand the example.",
            ),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn words_of_real_mail_are_decoded_or_left_alone() {
        for (text, want) in [
            ("=?utf-8*de?q?gr=C3=BCn?=", "gr\u{fc}n"),
            ("\"=?utf-8?b?w6k=?=\" <a@b>", "\"\u{e9}\" <a@b>"),
            ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "\u{e9}"),
            ("=?utf-8?q?a b?=", "a b"),
            ("=?x-none?q?a?=", "a"),
            ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
            ("=?utf-8?q?a", "=?utf-8?q?a"),
            ("=?=?utf-8?q?a?=", "=?a"),
            ("a =?", "a =?"),
            ("=?utf-8?q?a=0D=0ABcc:?=", "a  Bcc:"),
            ("one\r\n\ttwo", "one two"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn names_lose_their_quotes_and_backslashes() {
        for (text, want) in [
            ("\"Doe, Jo\" <jo@a>", Some("Doe, Jo <jo@a>")),
            (
                r#""A \"b\" \\c" <a@b>, "d" <d@e>"#,
                Some(r#"A "b" \c <a@b>, d <d@e>"#),
            ),
            ("\"=?utf-8?b?w6k=?=\" <a@b>", Some("\u{e9} <a@b>")),
            ("\"no end\\", Some("no end")),
            ("Jo <jo@a> (\\x)", None),
        ] {
            let decoded = decode_unquoted(text.as_bytes());
            let decoded = decoded.map(|text| String::from_utf8_lossy(&text).into_owned());
            assert_eq!(decoded.as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_header_has_one_line_for_each_field() {
        let block = b"From jo Thu\nSubject: =?utf-8?q?=C3=A9?=\n\tx\nTo: a\n\nbody";
        let want = "From jo Thu\nSubject: \u{e9} x\nTo: a\n";
        assert_eq!(String::from_utf8_lossy(&decode_header(block)), want);
    }

    proptest! {
        #[test]
        fn no_value_panics_or_breaks_its_line(value in "[=?qb*a_\\-8utf\r\n ]{0,60}") {
            let text = decode_value(value.as_bytes());
            prop_assert!(!text.contains(&b'\n'));
        }
    }
}
