//! The strings that are searched for in the texts of messages.

use crate::message::{FoundStrings, HeaderDecoder, PassageDecoder, PassageKind, StringSet};

/// The strings of all BODY and TEXT keys of a command. All are searched for in one pass over a
/// message, which is decoded once for all of them.
///
/// BODY leaves the headers of the message and its parts out, and TEXT does not. So what was found
/// in those headers is kept apart from what was found elsewhere.
#[derive(Default)]
pub(super) struct TextSearch {
    strings: StringSet,
    /// The strings of TEXT keys, by their indexes.
    of_text: Vec<bool>,
    /// The strings of BODY keys.
    of_body: Vec<bool>,
    in_headers: FoundStrings,
    in_body: FoundStrings,
    /// How many strings of keys were not found in the current message, at the time when so many
    /// were missing in the headers and elsewhere.
    open: (usize, usize, usize),
    header: HeaderDecoder,
    /// Decodes the passage that is being searched.
    passage: PassageDecoder,
    /// Whether BODY includes that passage.
    is_in_body: bool,
}

/// A string that is searched for in the texts of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextString {
    string: usize,
    body_only: bool,
}

impl TextSearch {
    /// Returns the octets of memory that the strings and the decoders take.
    pub(super) fn memory(&self) -> usize {
        let kinds = self.of_text.capacity() + self.of_body.capacity();
        let found = self.in_headers.memory() + self.in_body.memory();
        let decoders = self.header.memory() + self.passage.memory();
        self.strings.memory() + kinds + found + decoders
    }

    /// Adds a string. Returns `None` if it is too long.
    pub(super) fn add(&mut self, string: &[u8], body_only: bool) -> Option<TextString> {
        let string = self.strings.add(string)?;
        if string == self.of_text.len() {
            self.of_text.push(false);
            self.of_body.push(false);
        }
        match body_only {
            true => self.of_body[string] = true,
            false => self.of_text[string] = true,
        }
        Some(TextString { string, body_only })
    }

    /// Prepares the search a little further. Returns the work that it took, in octets, or `None` if
    /// the search is prepared.
    pub(super) fn build(&mut self) -> Option<usize> {
        let work = self.strings.build();
        if work.is_none() {
            self.in_headers = self.strings.none_found();
            self.in_body = self.strings.none_found();
        }
        work
    }

    /// True if the string occurs in the message.
    pub(super) fn is_found(&self, text: TextString) -> bool {
        self.in_body.has(text.string) || !text.body_only && self.in_headers.has(text.string)
    }

    /// Begins a message with its header.
    pub(super) fn begin_message(&mut self) {
        self.in_headers.reset();
        self.in_body.reset();
        if let Some(empty) = self.strings.empty() {
            self.in_body.mark(empty);
        }
        self.count_open();
        self.header.begin();
        self.strings.begin_text();
    }

    /// True if there is a string left to search for.
    pub(super) fn is_open(&mut self) -> bool {
        let (_, headers, body) = self.open;
        if (headers, body) != (self.in_headers.missing(), self.in_body.missing()) {
            self.count_open();
        }
        self.open.0 > 0
    }

    fn count_open(&mut self) {
        let is_open = |&string: &usize| {
            let is_missing = !self.in_body.has(string);
            let is_missing_in_all = is_missing && !self.in_headers.has(string);
            self.of_body[string] && is_missing || self.of_text[string] && is_missing_in_all
        };
        let open = (0..self.of_text.len()).filter(is_open).count();
        self.open = (open, self.in_headers.missing(), self.in_body.missing());
    }

    /// True if some string is searched for in headers.
    fn includes_headers(&self) -> bool {
        self.of_text.contains(&true)
    }

    /// True if some string is searched for in passages of that kind.
    pub(super) fn includes(&self, kind: PassageKind) -> bool {
        kind != PassageKind::MimeHeader || self.includes_headers()
    }

    /// Searches the next piece of the header of the message. Returns the work that it took, in
    /// octets, or `None` if there is no more.
    pub(super) fn search_header(&mut self, header: &[u8]) -> Option<usize> {
        if !self.includes_headers() {
            return None;
        }
        let (text, work) = self.header.next(header)?;
        Some(work + self.strings.feed(text, &mut self.in_headers))
    }

    /// Begins a passage: no match goes on from the one before.
    pub(super) fn begin_passage(&mut self, kind: PassageKind) {
        self.is_in_body = kind != PassageKind::MimeHeader;
        self.passage.begin(kind);
        self.strings.begin_text();
    }

    /// Searches the next octets of a passage. Returns the work that it took, in octets.
    pub(super) fn feed(&mut self, octets: &[u8]) -> usize {
        let text = self.passage.feed(octets);
        let found = match self.is_in_body {
            true => &mut self.in_body,
            false => &mut self.in_headers,
        };
        octets.len() + text.len() + self.strings.feed(text, found)
    }

    /// Searches what is left of a passage that is over, piece by piece. Returns the work that it
    /// took, in octets, or `None` if there is no more.
    pub(super) fn end_passage(&mut self) -> Option<usize> {
        let (text, work) = self.passage.end()?;
        let found = match self.is_in_body {
            true => &mut self.in_body,
            false => &mut self.in_headers,
        };
        Some(work + self.strings.feed(text, found))
    }
}
