//! The values of header fields as mail readers show them, decoded piece by piece.

use super::encoded_word::WordDecoder;

/// Octets of a value that are put on one line at once.
const PIECE: usize = 1024;

/// In which form a value is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueForm {
    /// As it is written.
    Written,
    /// Without the quotes around names, and without the backslashes inside: as the envelope shows
    /// an address.
    Unquoted,
}

/// Decodes one value after another: puts it on one line, without the blanks around it and with a
/// space for each tab, which came from folding, and decodes its words to UTF-8 as far as their
/// character sets are known. A step takes some thousand octets, however long the value is.
#[derive(Default)]
pub(crate) struct ValueDecoder {
    /// The line so far, whose words are not decoded.
    line: Vec<u8>,
    /// Octets of the value that were put on the line.
    read: usize,
    /// Length of the line without the blanks at its end.
    kept: usize,
    /// Whether an octet other than a blank was read.
    has_begun: bool,
    /// Whether the line is complete.
    is_whole: bool,
    /// Where the value stands in its quotes, if they are left out.
    quotes: Option<Quotes>,
    words: WordDecoder,
    unquoted: Vec<u8>,
}

#[derive(Default)]
struct Quotes {
    is_open: bool,
    /// Whether the last octet was a backslash inside quotes.
    is_escaped: bool,
}

impl ValueDecoder {
    /// Returns the octets of memory that the line and the buffers take.
    pub(crate) fn memory(&self) -> usize {
        self.line.capacity() + self.unquoted.capacity() + self.words.memory()
    }

    /// Begins another value.
    pub(crate) fn begin(&mut self, form: ValueForm) {
        self.line.clear();
        self.read = 0;
        self.kept = 0;
        self.has_begun = false;
        self.is_whole = false;
        self.quotes = (form == ValueForm::Unquoted).then(Quotes::default);
        self.words.begin();
    }

    /// Decodes the next piece of the value and appends it to `out`. Returns the work that it took,
    /// in octets, or `None` if the value is over.
    pub(crate) fn step(&mut self, value: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        if self.is_whole {
            return self.words.step(&self.line, out);
        }
        let piece = &value[self.read..value.len().min(self.read + PIECE)];
        self.read += piece.len();
        match &mut self.quotes {
            Some(quotes) => {
                let mut unquoted = std::mem::take(&mut self.unquoted);
                unquoted.clear();
                quotes.remove(piece, &mut unquoted);
                self.push(&unquoted);
                self.unquoted = unquoted;
            }
            None => self.push(piece),
        }
        if self.read == value.len() {
            self.line.truncate(self.kept);
            self.is_whole = true;
        }
        Some(piece.len())
    }

    /// Puts the next octets on the line.
    fn push(&mut self, mut text: &[u8]) {
        if !self.has_begun {
            text = text.trim_ascii_start();
            self.has_begun = !text.is_empty();
        }
        let shown = text.trim_ascii_end();
        append_to_line(shown, &mut self.line);
        if !shown.is_empty() {
            self.kept = self.line.len();
        }
        append_to_line(&text[shown.len()..], &mut self.line);
    }
}

/// Appends text without line ends and NULs.
fn append_to_line(text: &[u8], line: &mut Vec<u8>) {
    if text.iter().all(|&octet| octet >= b' ') {
        return line.extend_from_slice(text);
    }
    let kept = text.iter().filter(|octet| !b"\r\n\0".contains(octet));
    line.extend(kept.map(|&octet| if octet == b'\t' { b' ' } else { octet }));
}

impl Quotes {
    /// Appends the text without quotes.
    fn remove(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for &octet in text {
            match octet {
                octet if self.is_escaped => {
                    self.is_escaped = false;
                    out.push(octet);
                }
                b'"' => self.is_open = !self.is_open,
                b'\\' if self.is_open => self.is_escaped = true,
                octet => out.push(octet),
            }
        }
    }
}

/// Returns the first octets of a value, decoded: at least `limit` if it has so many. Looks at a
/// limited part of the value too.
pub(crate) fn decode_beginning(value: &[u8], limit: usize) -> Vec<u8> {
    let value = &value[..value.len().min(16 * limit)];
    let (mut decoder, mut text) = (ValueDecoder::default(), Vec::new());
    decoder.begin(ValueForm::Written);
    while text.len() < limit && decoder.step(value, &mut text).is_some() {}
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::charset::Charset;
    use crate::message::transfer_encoding::TransferEncoding;
    use proptest::prelude::*;

    fn decode(value: &[u8], form: ValueForm) -> Vec<u8> {
        let (mut decoder, mut text) = (ValueDecoder::default(), Vec::new());
        // What an earlier value has left must make no difference.
        decoder.begin(ValueForm::Unquoted);
        let _ = decoder.step(b" \"x", &mut Vec::new());
        decoder.begin(form);
        while let Some(work) = decoder.step(value, &mut text) {
            assert!(work <= 3 * PIECE, "a step of {work}");
        }
        text
    }

    fn read(text: &str) -> String {
        String::from_utf8_lossy(&decode(text.as_bytes(), ValueForm::Written)).into_owned()
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
            ("\"Doe, Jo\" <jo@a>", "Doe, Jo <jo@a>"),
            (
                r#""A \"b\" \\c" <a@b>, "d" <d@e>"#,
                r#"A "b" \c <a@b>, d <d@e>"#,
            ),
            ("\"=?utf-8?b?w6k=?=\" <a@b>", "\u{e9} <a@b>"),
            ("\"no end\\", "no end"),
            ("Jo <jo@a> (\\x)", "Jo <jo@a> (\\x)"),
        ] {
            let decoded = decode(text.as_bytes(), ValueForm::Unquoted);
            assert_eq!(String::from_utf8_lossy(&decoded), want, "{text}");
        }
    }

    #[test]
    fn the_beginning_of_a_value_is_decoded_in_bounded_work() {
        assert_eq!(decode_beginning(b" =?utf-8?q?a_b?= c", 1000), b"a b c");
        let long = decode_beginning(&[b'x'; 200_000], 1000);
        assert!(long.len() >= 1000 && long.len() <= 1000 + PIECE);
    }

    /// Decodes a whole value at once, as a reference.
    fn naive(value: &str) -> Vec<u8> {
        let kept = value.trim_ascii().bytes();
        let kept = kept.filter(|octet| !b"\r\n\0".contains(octet));
        let line: Vec<u8> = kept
            .map(|octet| if octet == b'\t' { b' ' } else { octet })
            .collect();
        let (mut text, mut run): (Vec<u8>, Option<(Charset, Vec<u8>)>) = (Vec::new(), None);
        let mut plain: Vec<u8> = Vec::new();
        let mut rest = &line[..];
        loop {
            let word = rest.starts_with(b"=?").then(|| naive_word(rest)).flatten();
            let is_blank = plain.trim_ascii().is_empty();
            if word.is_some() || rest.is_empty() {
                let joins =
                    is_blank && word.as_ref().map(|word| word.0) == run.as_ref().map(|run| run.0);
                if !(joins && word.is_some()) {
                    let had_run = run.is_some();
                    let (charset, octets) = run.take().unwrap_or((Charset::PLAIN, Vec::new()));
                    let decoded = charset.decode(&octets).into_iter();
                    text.extend(decoded.map(|octet| octet.max(b' ')));
                    if !(had_run && is_blank) {
                        text.extend_from_slice(&plain);
                    }
                }
                plain.clear();
            }
            match word {
                Some((charset, octets, behind)) => {
                    let joined = &mut run.get_or_insert((charset, Vec::new())).1;
                    joined.extend(octets);
                    rest = behind;
                }
                None => match rest.split_first() {
                    Some((first, behind)) => {
                        plain.push(*first);
                        rest = behind;
                    }
                    None => return text,
                },
            }
        }
    }

    fn naive_word(text: &[u8]) -> Option<(Charset, Vec<u8>, &[u8])> {
        let mut pieces = text[2..].splitn(4, |&octet| octet == b'?');
        let (charset, encoding, encoded) = (pieces.next()?, pieces.next()?, pieces.next()?);
        let behind = pieces.next()?.strip_prefix(b"=")?;
        let octets = match encoding {
            b"b" => TransferEncoding::Base64.decode(encoded),
            b"q" => {
                let encoded = String::from_utf8_lossy(encoded).replace('_', " ");
                TransferEncoding::QuotedPrintable.decode(encoded.as_bytes())
            }
            _ => return None,
        };
        let charset = Charset::named(charset).unwrap_or(Charset::PLAIN);
        Some((charset, octets, behind))
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            tokens in prop::collection::vec(
                "=\\?utf-8\\?q\\?=C3\\?=|=\\?utf-8\\?q\\?=A9_\\?=|=\\?koi8-r\\?b\\?zcnS\\?=|=\\?|=\\?x\\?q\\?|a[bc]{0,3}| {1,3}|\t|\r\n |\\?",
                0..12,
            ),
            times in prop::sample::select(&[1usize, 300][..]),
        ) {
            let value = tokens.concat().repeat(times);
            let got = decode(value.as_bytes(), ValueForm::Written);
            prop_assert_eq!(got, naive(&value));
        }

        #[test]
        fn no_value_panics_or_breaks_its_line(value in "[=?qb*a_\\-8utf\r\n ]{0,60}") {
            let text = decode(value.as_bytes(), ValueForm::Written);
            prop_assert!(!text.contains(&b'\n'));
        }
    }
}
