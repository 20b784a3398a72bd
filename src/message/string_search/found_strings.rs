//! Which strings of a set were found.

/// Which strings of a set were found in a message, by their indexes.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundStrings {
    found: Vec<bool>,
    /// How many strings were not found.
    missing: usize,
}

impl FoundStrings {
    /// Returns the octets of memory that the record takes.
    pub(crate) fn memory(&self) -> usize {
        self.found.capacity()
    }

    /// Begins with a set of so many strings, none of which was found.
    pub(super) fn new(strings: usize) -> Self {
        Self {
            found: vec![false; strings],
            missing: strings,
        }
    }

    /// Begins another message.
    pub(crate) fn reset(&mut self) {
        self.found.fill(false);
        self.missing = self.found.len();
    }

    /// Notes that a string was found. Returns false if it was found before.
    pub(crate) fn mark(&mut self, string: usize) -> bool {
        let is_new = !std::mem::replace(&mut self.found[string], true);
        self.missing -= usize::from(is_new);
        is_new
    }

    /// Returns true if the string was found.
    pub(crate) fn has(&self, string: usize) -> bool {
        self.found[string]
    }

    /// Returns how many strings were not found.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }
}
