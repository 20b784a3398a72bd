//! Searching for a string in text that comes in chunks, for SEARCH TEXT, BODY and the header keys.
//!
//! A string matches whatever the case of its letters (RFC 1176 p. 16, RFC 3501 §6.4.4): string and text
//! are [folded](super::casefold), and the folded text is searched by `memmem`, which is linear however the
//! text and the string were made up. Comparing at every candidate would let a mail of a single repeated
//! letter hold up the server.

use memchr::memmem;

use super::casefold::fold_case;

/// Longest string that is searched for, in octets. Longer ones come from no human, and what a search
/// remembers between two chunks is as long as the string.
pub(crate) const MAX_NEEDLE: usize = 8 * 1024;

/// A search for one string in the texts of one message. [`reset`](Self::reset) makes it ready for
/// another message.
#[derive(Debug, Clone)]
pub(crate) struct SubstringFinder {
    needle: memmem::Finder<'static>,
    /// The end of what was fed, one octet less than the needle is long, in which a match may have begun.
    tail: Vec<u8>,
    found: bool,
}

impl SubstringFinder {
    /// A search for the string, in UTF-8; `None` if it is longer than [`MAX_NEEDLE`]. An empty string is
    /// in every text.
    pub(crate) fn new(needle: &[u8]) -> Option<Self> {
        (needle.len() <= MAX_NEEDLE).then(|| Self {
            needle: memmem::Finder::new(&fold_case(needle)).into_owned(),
            tail: Vec::new(),
            found: needle.is_empty(),
        })
    }

    /// Searches the next chunk of a text, which must be folded; true once the string was found in all
    /// that was fed since the last [`reset`](Self::reset).
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> bool {
        if self.found {
            return true;
        }
        let keep = self.needle.needle().len() - 1;
        let mut is_known = 0;
        if !self.tail.is_empty() {
            is_known = keep.min(chunk.len());
            self.tail.extend_from_slice(&chunk[..is_known]);
            self.found = self.is_in(&self.tail);
        }
        self.found = self.found || self.is_in(chunk);
        if chunk.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - keep..]);
        } else {
            self.tail.extend_from_slice(&chunk[is_known..]);
            self.tail.drain(..self.tail.len().saturating_sub(keep));
        }
        self.found
    }

    /// What is fed next is another text: no match goes on in it.
    pub(crate) fn begin_text(&mut self) {
        self.tail.clear();
    }

    /// True if the string was found in what was fed.
    pub(crate) fn is_found(&self) -> bool {
        self.found
    }

    /// Forgets the message.
    pub(crate) fn reset(&mut self) {
        self.tail.clear();
        self.found = self.needle.needle().is_empty();
    }

    /// Searches one whole text, which must be folded.
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
            .expect("short")
            .is_in(&fold_case(text))
    }

    #[test]
    fn finds_in_any_case() {
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
        let mut finder = SubstringFinder::new(b"Needle").expect("short");
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
    fn bounds_the_needle() {
        assert!(SubstringFinder::new(&[b'a'; MAX_NEEDLE + 1]).is_none());
        let mut finder = SubstringFinder::new(&[b'A'; MAX_NEEDLE]).expect("just fits");
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
            let mut finder = SubstringFinder::new(needle.as_bytes()).expect("short");
            for chunk in text.as_bytes().chunks(size) {
                finder.feed(chunk);
            }
            prop_assert_eq!(finder.is_found(), text.contains(&needle));
        }
    }
}
