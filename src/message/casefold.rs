//! Case folding: two texts that differ only in case become equal.
//!
//! Each character becomes its lower case, since SEARCH matches in any case (RFC 1176 p. 16, RFC
//! 3501 §6.4.4). Octets that are not UTF-8 stay as they are, so that a client can still find text
//! in an unknown character set by its octets.

use crate::work;
use std::str;

/// Folds a text that arrives in chunks.
#[derive(Debug, Default)]
pub(crate) struct CaseFolder {
    /// Start of a character whose end has not arrived yet, at most three octets.
    pending: Vec<u8>,
}

impl CaseFolder {
    /// Folds the next chunk and appends it to `out`: at most one and a half times the octets of the
    /// chunk.
    pub(crate) fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut rest = chunk;
        while !self.pending.is_empty() {
            let Some((&octet, after)) = rest.split_first() else {
                return;
            };
            rest = after;
            self.pending.push(octet);
            let pending = std::mem::take(&mut self.pending);
            self.pending = append_lowercase(&pending, out).to_vec();
        }
        self.pending.extend_from_slice(append_lowercase(rest, out));
    }

    /// Appends the incomplete character at the end of the text.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.pending);
    }
}

/// Returns a whole text, folded.
pub(crate) fn fold_case(text: &[u8]) -> Vec<u8> {
    let (mut folder, mut out) = (CaseFolder::default(), Vec::new());
    folder.feed(text, &mut out);
    folder.finish(&mut out);
    out
}

/// Returns the key by which SORT orders a text: each character becomes its upper case, as in
/// i;unicode-casemap (RFC 5051 §2), so that `_` sorts after `Z` and `z`.
pub(crate) fn collation_key(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars().flat_map(char::to_uppercase) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// Appends the text in lower case. Returns the incomplete character at its end.
fn append_lowercase<'t>(mut text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    loop {
        let error = match str::from_utf8(text) {
            Ok(valid) => {
                append_lowercase_characters(valid, out);
                return &[];
            }
            Err(error) => error,
        };
        let (valid, rest) = text.split_at(error.valid_up_to());
        append_lowercase_characters(str::from_utf8(valid).unwrap_or_default(), out);
        let Some(length) = error.error_len() else {
            return rest;
        };
        out.extend_from_slice(&rest[..length]);
        text = &rest[length..];
    }
}

fn append_lowercase_characters(text: &str, out: &mut Vec<u8>) {
    work::octets(text.len());
    if text.is_ascii() {
        let start = out.len();
        out.extend_from_slice(text.as_bytes());
        return out[start..].make_ascii_lowercase();
    }
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character.to_ascii_lowercase() as u8);
            continue;
        }
        for lower in character.to_lowercase() {
            out.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_become_lower_case_and_other_octets_stay() {
        for (text, want) in [
            ("", ""),
            ("The File", "the file"),
            ("\u{c9}COLE", "\u{e9}cole"),
            ("\u{41c}\u{418}\u{420}", "\u{43c}\u{438}\u{440}"),
            ("\u{130}", "i\u{307}"),
            ("\u{65e5}\0[", "\u{65e5}\0["),
        ] {
            assert_eq!(fold_case(text.as_bytes()), want.as_bytes(), "{text}");
        }
        assert_eq!(fold_case(b"A\xe9\xc9B\xc3"), b"a\xe9\xc9b\xc3");
    }

    #[test]
    fn collation_keys_order_texts_by_upper_case() {
        let mut texts = ["b", "_", "A", "\u{e4}", "a", "\u{c4}b", "", "["];
        texts.sort_by_key(|text| collation_key(text.as_bytes()));
        assert_eq!(texts, ["", "A", "a", "b", "[", "_", "\u{e4}", "\u{c4}b"]);
        assert_eq!(collation_key(b"a\xe9b"), b"A\xe9B");
    }

    proptest! {
        #[test]
        fn chunk_borders_make_no_difference(
            text in prop::collection::vec(prop::sample::select(&b"aZ\xc3\x89\xe2\x82\xac\xf0\x9f\x98\x80"[..]), 0..40),
            size in 1usize..6,
        ) {
            let (mut folder, mut out) = (CaseFolder::default(), Vec::new());
            for chunk in text.chunks(size) {
                folder.feed(chunk, &mut out);
            }
            folder.finish(&mut out);
            prop_assert_eq!(out, fold_case(&text));
        }

        #[test]
        fn folds_each_character_as_the_standard_library_does(text in "\\PC{0,40}") {
            let want: String = text.chars().flat_map(char::to_lowercase).collect();
            prop_assert_eq!(fold_case(text.as_bytes()), want.as_bytes());
        }
    }
}
