//! The strings that are searched for in the texts of messages.

use crate::message::{PassageDecoder, PassageKind, SubstringFinder, encoded_word, fold_case};

/// A string that is searched for.
struct WantedString {
    finder: SubstringFinder,
    /// Whether the header is left out, as BODY does and TEXT does not.
    body_only: bool,
}

/// The strings of all BODY and TEXT keys of a command. All are searched for in one pass over a
/// message.
pub(super) struct TextSearch {
    wanted: Vec<WantedString>,
    /// Decodes the passage that is being searched.
    decoder: PassageDecoder,
    /// Whether BODY includes that passage.
    in_body: bool,
}

impl TextSearch {
    /// Begins with no strings.
    pub(super) fn new() -> Self {
        Self {
            wanted: Vec::new(),
            decoder: PassageDecoder::new(),
            in_body: false,
        }
    }

    /// Adds a string, and returns its index.
    pub(super) fn add(&mut self, finder: SubstringFinder, body_only: bool) -> usize {
        self.wanted.push(WantedString { finder, body_only });
        self.wanted.len() - 1
    }

    /// True if the string with that index occurs in the message.
    pub(super) fn is_found(&self, index: usize) -> bool {
        self.wanted[index].finder.is_found()
    }

    /// Begins a message with its header. Like the other searching functions it returns false if
    /// there is nothing left to search for.
    pub(super) fn begin_message(&mut self, header: &[u8]) -> bool {
        let mut in_header = false;
        for wanted in &mut self.wanted {
            wanted.finder.reset();
            in_header |= !wanted.body_only && !wanted.finder.is_found();
        }
        let header = match in_header {
            true => fold_case(&encoded_word::decode_header(header)),
            false => Default::default(),
        };
        search(&mut self.wanted, &header, false)
    }

    /// True if some string is searched for in passages of that kind.
    pub(super) fn includes(&self, kind: PassageKind) -> bool {
        kind != PassageKind::MimeHeader || self.wanted.iter().any(|wanted| !wanted.body_only)
    }

    /// Begins a passage: no match goes on from the one before.
    pub(super) fn begin_passage(&mut self, kind: PassageKind) {
        self.in_body = kind != PassageKind::MimeHeader;
        self.decoder.begin(kind);
        for wanted in &mut self.wanted {
            wanted.finder.begin_text();
        }
    }

    /// Searches the next octets of a passage.
    pub(super) fn feed(&mut self, octets: &[u8]) -> bool {
        search(&mut self.wanted, self.decoder.feed(octets), self.in_body)
    }

    /// Ends a passage.
    pub(super) fn end_passage(&mut self) -> bool {
        search(&mut self.wanted, self.decoder.end(), self.in_body)
    }
}

/// Searches text that is decoded and case-folded. False if there is nothing left to search for.
fn search(wanted: &mut [WantedString], text: &[u8], in_body: bool) -> bool {
    let mut is_open = false;
    for wanted in wanted {
        is_open |= !match in_body || !wanted.body_only {
            true => wanted.finder.feed(text),
            false => wanted.finder.is_found(),
        };
    }
    is_open
}
