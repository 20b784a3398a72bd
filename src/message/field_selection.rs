//! The fields of a header that HEADER.FIELDS and HEADER.FIELDS.NOT select (RFC 3501 §6.4.5).
//!
//! A hostile header has a field in every three octets, and a client may name 200 fields in each of
//! 100 sections. So the names are a set, made once for a command; a selection looks at one field at
//! a time, and its caller stops between two fields when the budget is spent. The work for a field
//! does not depend on the number of names.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::ops::Range;

use super::header;
use crate::types::memory;
use crate::work;

/// A set of field names, compared without regard to case.
#[derive(Debug)]
pub(crate) struct FieldNames {
    /// The names in lower case with their hashes, sorted by these. The hash has a random key: a
    /// client cannot choose names that collide with those of a message.
    names: Vec<(u64, Vec<u8>)>,
    /// Length of the longest name.
    longest: usize,
    hasher: RandomState,
    /// Whether the fields with other names are selected.
    not: bool,
}

impl FieldNames {
    /// Returns the octets of memory that the names take. Looks at each of them.
    pub(crate) fn memory(&self) -> usize {
        let octets = self.names.iter().map(|(_, name)| name.capacity());
        memory::of_list(&self.names) + octets.sum::<usize>()
    }

    /// Returns the set for a section that selects the fields with these names or, with `not`, all
    /// others.
    pub(crate) fn new(names: &[Vec<u8>], not: bool) -> Self {
        let mut set = Self {
            names: Vec::new(),
            longest: names.iter().map(Vec::len).max().unwrap_or(0),
            hasher: RandomState::new(),
            not,
        };
        let hashed = names
            .iter()
            .map(|name| (set.hash(name), name.to_ascii_lowercase()));
        set.names = hashed.collect();
        set.names.sort_unstable();
        set
    }

    /// Returns true if the section selects the fields with this name.
    fn selects(&self, name: &[u8]) -> bool {
        self.contains(name) != self.not
    }

    fn contains(&self, name: &[u8]) -> bool {
        if name.len() > self.longest {
            return false;
        }
        let hash = self.hash(name);
        let first = self.names.partition_point(|(known, _)| *known < hash);
        let alike = self.names[first..]
            .iter()
            .take_while(|(known, _)| *known == hash);
        alike.into_iter().any(|(_, known)| {
            work::things(1);
            known.eq_ignore_ascii_case(name)
        })
    }

    fn hash(&self, name: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let mut lower = [0; 64];
        for chunk in name.chunks(lower.len()) {
            work::octets(chunk.len());
            let lower = &mut lower[..chunk.len()];
            lower.copy_from_slice(chunk);
            lower.make_ascii_lowercase();
            hasher.write(lower);
        }
        hasher.finish()
    }
}

/// A cursor over the fields of a block, which finds those that a section selects.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FieldSelection {
    /// Index of the next field, of the blank line, or of the end of the block.
    at: usize,
    /// Whether the blank line has been passed.
    is_at_end: bool,
}

/// A field, or the blank line, that a selection has passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PassedField {
    /// Range in the block, with all line ends.
    pub(crate) range: Range<usize>,
    /// Whether it is selected.
    pub(crate) is_selected: bool,
}

impl FieldSelection {
    /// Passes the next field. After the last one it passes the blank line, which is always
    /// selected, if the block has one. Returns `None` at the end.
    pub(crate) fn pass(&mut self, block: &[u8], names: &FieldNames) -> Option<PassedField> {
        if self.is_at_end {
            return None;
        }
        let mut fields = header::fields_from(block, self.at);
        let (range, is_selected) = match fields.next() {
            Some(field) => (field.range, names.selects(field.name)),
            None => {
                self.is_at_end = true;
                (header::line_at(block, self.at), true)
            }
        };
        self.at = range.end;
        let is_there = !range.is_empty();
        is_there.then_some(PassedField { range, is_selected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(names: &[&str], not: bool) -> FieldNames {
        let names: Vec<Vec<u8>> = names.iter().map(|n| n.as_bytes().to_vec()).collect();
        FieldNames::new(&names, not)
    }

    fn selected(block: &[u8], chosen: &[&str], not: bool) -> Vec<u8> {
        let names = names(chosen, not);
        let mut selection = FieldSelection::default();
        let passed = std::iter::from_fn(|| selection.pass(block, &names));
        let selected = passed.filter(|field| field.is_selected);
        selected
            .flat_map(|field| block[field.range].to_vec())
            .collect()
    }

    #[test]
    fn a_selection_includes_the_blank_line() {
        let block = b"Date: d\nTo: a,\n b\nX-No: x\nFrom: f\n\nbody";
        assert_eq!(
            selected(block, &["FROM", "date"], false),
            b"Date: d\nFrom: f\n\n"
        );
        assert_eq!(
            selected(block, &["FROM", "date"], true),
            b"To: a,\n b\nX-No: x\n\n"
        );
        assert_eq!(selected(block, &["nothing"], false), b"\n");
        assert_eq!(selected(b"A: b", &["a"], false), b"A: b");
        assert_eq!(selected(b"", &["a"], true), b"");
        assert_eq!(
            selected(b"no colon\nA: b\r\n\r\n", &["a"], true),
            b"no colon\n\r\n"
        );
    }

    #[test]
    fn long_names_are_compared_to_their_end() {
        let long = "x".repeat(200);
        let block = format!("{}Y: 1\n{}Z: 2\n", long, long.to_uppercase());
        let found = selected(block.as_bytes(), &[&format!("{long}z"), "a"], false);
        assert_eq!(found, format!("{}Z: 2\n", long.to_uppercase()).as_bytes());
    }

    proptest! {
        #[test]
        fn a_set_selects_what_comparing_each_name_selects(
            block in "([AabB]{0,3}[: ][Aa: \t\u{e9}]{0,4}\r?\n){0,12}\n?",
            chosen in prop::collection::vec("[abAB]{1,3}", 1..6),
            not: bool,
        ) {
            let block = block.as_bytes();
            let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
            let is_named = |name: &[u8]| {
                chosen.iter().any(|chosen| chosen.as_bytes().eq_ignore_ascii_case(name))
            };
            let mut want = Vec::new();
            let mut end = 0;
            for field in header::fields(block) {
                end = field.range.end;
                if is_named(field.name) != not {
                    want.extend_from_slice(&block[field.range]);
                }
            }
            want.extend_from_slice(&block[header::line_at(block, end)]);
            prop_assert_eq!(selected(block, &chosen, not), want);
        }

        #[test]
        fn every_octet_up_to_the_blank_line_is_passed_once(
            block in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let names = names(&["a"], false);
            let mut selection = FieldSelection::default();
            let mut at = 0;
            while let Some(field) = selection.pass(&block, &names) {
                prop_assert_eq!(field.range.start, at);
                at = field.range.end;
            }
            let before = header::fields(&block).last().map_or(0, |field| field.range.end);
            prop_assert_eq!(at, header::line_at(&block, before).end);
        }
    }
}
