//! Searching for a string in text that comes in chunks, for SEARCH TEXT, BODY and the header keys.
//!
//! A string matches whatever the case of its ASCII letters (RFC 1176 p. 16, RFC 3501 §6.4.4); octets
//! from 0x80 up match themselves only. The text is folded to lower case in blocks and the folded block
//! is searched by `memmem`, which is linear however the text and the string were made up: comparing at
//! every candidate would let a mail of a single repeated letter hold up the server.

use memchr::memmem;

/// Longest string that is searched for, in octets. Longer ones come from no human, and what a search
/// remembers between two chunks is as long as the string.
pub const MAX_NEEDLE: usize = 8 * 1024;

/// Text is folded in blocks of this size, which stay in the processor's first cache.
const BLOCK: usize = 16 * 1024;

/// A search for one string in one text. [`reset`](Self::reset) makes it ready for another text.
#[derive(Debug, Clone)]
pub struct Finder {
    needle: memmem::Finder<'static>,
    /// The folded block under search. Between two blocks: the end of the last one, one octet less than
    /// the needle is long, in which a match may have begun.
    folded: Vec<u8>,
    found: bool,
}

impl Finder {
    /// A search for the string; `None` if it is longer than [`MAX_NEEDLE`]. An empty string is in
    /// every text.
    pub fn new(needle: &[u8]) -> Option<Self> {
        (needle.len() <= MAX_NEEDLE).then(|| Self {
            needle: memmem::Finder::new(&needle.to_ascii_lowercase()).into_owned(),
            folded: Vec::new(),
            found: needle.is_empty(),
        })
    }

    /// Searches the next chunk of the text; true once the string was found in all that was fed.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        for block in chunk.chunks(BLOCK) {
            if self.found {
                break;
            }
            self.search(block);
        }
        self.found
    }

    /// True if the string was found in what was fed.
    pub fn is_found(&self) -> bool {
        self.found
    }

    /// Forgets the text.
    pub fn reset(&mut self) {
        self.folded.clear();
        self.found = self.needle.needle().is_empty();
    }

    /// Searches one whole text. Whatever was fed before is forgotten.
    pub fn is_in(&mut self, text: &[u8]) -> bool {
        self.reset();
        let found = self.feed(text);
        self.reset();
        found
    }

    fn search(&mut self, block: &[u8]) {
        let kept = self.folded.len();
        self.folded.extend_from_slice(block);
        self.folded[kept..].make_ascii_lowercase();
        self.found = self.needle.find(&self.folded).is_some();
        let keep = (self.needle.needle().len() - 1).min(self.folded.len());
        self.folded.drain(..self.folded.len() - keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(text: &[u8], needle: &[u8]) -> bool {
        needle.is_empty()
            || text
                .windows(needle.len())
                .any(|window| window.eq_ignore_ascii_case(needle))
    }

    fn is_in(text: &[u8], needle: &[u8]) -> bool {
        Finder::new(needle).expect("short").is_in(text)
    }

    #[test]
    fn folds_ascii_only() {
        assert!(is_in(b"The File is <info-mac>", b"fILE IS"));
        assert!(is_in(b"caf\xc3\xa9", b"CAF\xc3\xa9"));
        assert!(!is_in(b"caf\xc3\xa9", b"CAF\xc3\x89"));
        assert!(!is_in(b"a\r\nb", b"a b"));
        assert!(is_in(b"x\0y", b"\0Y"));
        assert!(is_in(b"", b""));
        assert!(!is_in(b"", b"a"));
    }

    #[test]
    fn matches_across_chunks_and_blocks() {
        let mut finder = Finder::new(b"needle").expect("short");
        assert!(!finder.feed(b"hay NEE"));
        assert!(finder.feed(b"dle hay"));
        assert!(finder.feed(b""));
        finder.reset();
        assert!(!finder.feed(b"dle"));

        let mut text = vec![b'n'; BLOCK - 3];
        text.extend_from_slice(b"needle");
        assert!(is_in(&text, b"NEEDLE"));
    }

    #[test]
    fn bounds_the_needle() {
        assert!(Finder::new(&[b'a'; MAX_NEEDLE + 1]).is_none());
        let mut finder = Finder::new(&[b'a'; MAX_NEEDLE]).expect("just fits");
        assert!(!finder.feed(&[b'a'; MAX_NEEDLE - 1]));
        assert!(finder.feed(b"A"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_search_in_every_chunking(
            text in "[aAbB\u{e9}\n]{0,40}",
            needle in "[aAbB\u{e9}\n]{0,5}",
            size in 1usize..8,
        ) {
            let mut finder = Finder::new(needle.as_bytes()).expect("short");
            for chunk in text.as_bytes().chunks(size) {
                finder.feed(chunk);
            }
            prop_assert_eq!(finder.is_found(), naive(text.as_bytes(), needle.as_bytes()));
        }
    }
}
