//! The search for a string in a text that arrives in chunks, for SEARCH TEXT, BODY and the header
//! keys.
//!
//! A string matches in any case (RFC 1176 p. 16, RFC 3501 §6.4.4): string and text are
//! [folded](super::casefold), and `memmem` searches the folded text. Its time is linear for any
//! text and any string. A comparison at every candidate would let a message of one repeated letter
//! block the server.

use memchr::memmem;

use super::casefold::fold_case;

/// Longest string that a search accepts, in octets. No human types a longer one, and the finder
/// keeps as many octets between two chunks as the string has.
const MAX_NEEDLE: usize = 8 * 1024;

/// Searches for one string in the texts of a message. [`reset`](Self::reset) prepares it for
/// another message.
#[derive(Debug, Clone)]
pub(crate) struct SubstringFinder {
    needle: memmem::Finder<'static>,
    /// The last octets of the text until now, in which a match may have begun: at most one octet
    /// fewer than the string has.
    tail: Vec<u8>,
    found: bool,
}

impl SubstringFinder {
    /// Returns a finder for the string, which is UTF-8, or `None` if it is longer than
    /// [`MAX_NEEDLE`]. Every text contains the empty string.
    pub(crate) fn new(needle: &[u8]) -> Option<Self> {
        (needle.len() <= MAX_NEEDLE).then(|| Self {
            needle: memmem::Finder::new(&fold_case(needle)).into_owned(),
            tail: Vec::new(),
            found: needle.is_empty(),
        })
    }

    /// Searches the next chunk of a folded text. Returns true once the finder has found the string
    /// since the last [`reset`](Self::reset).
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> bool {
        if self.found {
            return true;
        }
        let keep = self.needle.needle().len() - 1;
        let mut in_tail = 0;
        if !self.tail.is_empty() {
            in_tail = keep.min(chunk.len());
            self.tail.extend_from_slice(&chunk[..in_tail]);
            self.found = self.is_in(&self.tail);
        }
        self.found = self.found || self.is_in(chunk);
        if chunk.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - keep..]);
        } else {
            self.tail.extend_from_slice(&chunk[in_tail..]);
            self.tail.drain(..self.tail.len().saturating_sub(keep));
        }
        self.found
    }

    /// Begins another text of the message. No match continues from one text to the next.
    pub(crate) fn begin_text(&mut self) {
        self.tail.clear();
    }

    /// Returns true if the finder has found the string since the last [`reset`](Self::reset).
    pub(crate) fn is_found(&self) -> bool {
        self.found
    }

    /// Begins another message.
    pub(crate) fn reset(&mut self) {
        self.tail.clear();
        self.found = self.needle.needle().is_empty();
    }

    /// Returns true if a whole folded text contains the string.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.needle.find(text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_in(text: &[u8], needle: &[u8]) -> bool {
        SubstringFinder::new(needle)
            .expect("shorter than the limit")
            .is_in(&fold_case(text))
    }

    #[test]
    fn finds_a_string_in_any_case() {
        assert!(is_in(b"The File is <info-mac>", b"fILE IS"));
        assert!(is_in("caf\u{e9}".as_bytes(), "CAF\u{c9}".as_bytes()));
        assert!(!is_in(b"caf\xe9", b"caf\xc9"));
        assert!(is_in(b"caf\xe9", b"CAF\xe9"));
        assert!(!is_in(b"a\r\nb", b"a b"));
        assert!(is_in(b"x\0y", b"\0Y"));
        assert!(is_in(b"", b""));
        assert!(!is_in(b"", b"a"));
    }

    #[test]
    fn matches_across_chunks_but_not_across_texts() {
        let mut finder = SubstringFinder::new(b"Needle").expect("shorter than the limit");
        assert!(!finder.feed(b"hay nee"));
        assert!(finder.feed(b"dle hay"));
        assert!(finder.feed(b""));
        finder.reset();
        assert!(!finder.feed(b"dle"));
        assert!(!finder.feed(b"nee"));
        finder.begin_text();
        assert!(!finder.feed(b"dle"));
        assert!(!finder.is_found());
    }

    #[test]
    fn the_length_of_the_needle_is_limited() {
        assert!(SubstringFinder::new(&[b'a'; MAX_NEEDLE + 1]).is_none());
        let mut finder =
            SubstringFinder::new(&[b'A'; MAX_NEEDLE]).expect("no longer than the limit");
        assert!(!finder.feed(&[b'a'; MAX_NEEDLE - 1]));
        assert!(finder.feed(b"a"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_search_in_every_chunking(
            text in "[ab\u{e9}\n]{0,40}",
            needle in "[ab\u{e9}\n]{0,5}",
            size in 1usize..8,
        ) {
            let mut finder = SubstringFinder::new(needle.as_bytes()).expect("shorter than the limit");
            for chunk in text.as_bytes().chunks(size) {
                finder.feed(chunk);
            }
            prop_assert_eq!(finder.is_found(), text.contains(&needle));
        }
    }
}
