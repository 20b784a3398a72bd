//! The lines of a file that is in memory, one at a time.

use std::ops::Range;

use crate::budget::Budget;

/// Parsing a line as the name of a mailbox takes as long as visiting this many records.
pub(super) const RECORDS_PER_LINE: usize = 16;

/// The lines of a text that were not read yet, without the empty ones.
#[derive(Debug)]
pub(super) struct Lines {
    text: Vec<u8>,
    /// Offset of the next line.
    at: usize,
}

impl Lines {
    /// Begins with the line at offset `at`.
    pub(super) fn new(text: Vec<u8>, at: usize) -> Self {
        Self { text, at }
    }

    /// Returns the next line without its line feed, and pays for reading and parsing it.
    pub(super) fn next(&mut self, budget: &mut Budget<'_>) -> Option<&[u8]> {
        let range = self.next_range(budget)?;
        Some(&self.text[range])
    }

    /// Returns where the next line is, for [`Self::get`].
    pub(super) fn next_range(&mut self, budget: &mut Budget<'_>) -> Option<Range<usize>> {
        let rest = &self.text[self.at..];
        let start = self.at + rest.iter().take_while(|&&octet| octet == b'\n').count();
        let line = &self.text[start..];
        let length = memchr::memchr(b'\n', line).unwrap_or(line.len());
        budget.spend_octets(start + length - self.at);
        budget.spend_records(RECORDS_PER_LINE);
        self.at = start + length;
        (length > 0).then(|| start..start + length)
    }

    /// Returns the octets of a line.
    pub(super) fn get(&self, line: Range<usize>) -> &[u8] {
        &self.text[line]
    }

    /// Returns how many lines there are at most.
    pub(super) fn count(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.text[self.at..]).count() + 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::budget::FakeClock;

    #[test]
    fn skips_empty_lines() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        for (text, want) in [
            ("", &[][..]),
            ("\n\n", &[]),
            ("a", &["a"]),
            ("\na\n\nbc\n", &["a", "bc"]),
        ] {
            let mut budget = Budget::unlimited(&clock);
            let mut lines = Lines::new(text.into(), 0);
            assert!(lines.count() >= want.len());
            let mut found = Vec::new();
            while let Some(line) = lines.next(&mut budget) {
                found.push(String::from_utf8(line.to_vec()).expect("ASCII"));
            }
            assert_eq!(found, want);
            assert_eq!(lines.next(&mut budget), None);
        }
    }
}
