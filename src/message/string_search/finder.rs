//! The search for one string in a text that arrives in chunks.
//!
//! `memmem` searches in time that is linear for any text and any string. A comparison at every
//! candidate would let a message of one repeated letter block the server.

use crate::work;
use memchr::memmem;

/// Searches texts for one string, which is not empty.
#[derive(Debug)]
pub(super) struct SubstringFinder {
    needle: memmem::Finder<'static>,
    /// The last octets of the text until now, in which a match may have begun: at most one octet
    /// fewer than the string has.
    tail: Vec<u8>,
}

impl SubstringFinder {
    /// Returns a finder at the start of a text.
    pub(super) fn new(needle: &[u8]) -> Self {
        Self {
            needle: memmem::Finder::new(needle).into_owned(),
            tail: Vec::new(),
        }
    }

    /// Returns the most octets of memory that the finder takes outside itself, at any time.
    pub(super) fn memory(&self) -> usize {
        5 * self.needle.needle().len()
    }

    /// Searches the next chunk of the text. Returns true if the string ends in it.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> bool {
        work::octets(self.tail.len() + chunk.len());
        let keep = self.needle.needle().len() - 1;
        let mut in_tail = 0;
        let mut is_found = false;
        if !self.tail.is_empty() {
            in_tail = keep.min(chunk.len());
            self.tail.extend_from_slice(&chunk[..in_tail]);
            is_found = self.needle.find(&self.tail).is_some();
        }
        is_found = is_found || self.needle.find(chunk).is_some();
        if chunk.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - keep..]);
        } else {
            self.tail.extend_from_slice(&chunk[in_tail..]);
            self.tail.drain(..self.tail.len().saturating_sub(keep));
        }
        is_found
    }

    /// Returns how many octets are kept of the text until now. They are searched again with the
    /// next chunk.
    pub(super) fn kept(&self) -> usize {
        self.tail.len()
    }

    /// Begins another text. No match continues from one text to the next.
    pub(super) fn begin_text(&mut self) {
        self.tail.clear();
    }
}
