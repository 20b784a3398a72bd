//! The strings that are searched for in header fields.

use std::collections::BTreeMap;

use crate::message::{FoundStrings, StringSet};
use crate::types::memory;

/// The header fields of the envelope that are lists of addresses (RFC 3501 §7.4.2).
const ADDRESS_FIELDS: &[&str] = &["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// The strings of all header keys of a command, by the names of their fields. A field is decoded
/// once for all strings that are searched for in it.
#[derive(Default)]
pub(super) struct HeaderSearch {
    groups: Vec<FieldGroup>,
    /// The index of each group, by the name of its field in lower case.
    by_name: BTreeMap<Vec<u8>, usize>,
    /// The length of the longest of these names.
    longest_name: usize,
    /// How many groups are built.
    built: usize,
    /// Octets that the names, the strings and what is found of them take.
    memory: usize,
}

/// The strings that are searched for in the fields of one name.
#[derive(Default)]
pub(super) struct FieldGroup {
    /// Whether the fields are lists of addresses: a name in an address matches as it is written,
    /// and as the envelope has it.
    pub(super) has_addresses: bool,
    pub(super) strings: StringSet,
    /// Those that were found in the current message.
    pub(super) found: FoundStrings,
}

impl FieldGroup {
    fn memory(&self) -> usize {
        self.strings.memory() + self.found.memory()
    }
}

/// A string that is searched for in the fields of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeaderString {
    group: usize,
    string: usize,
}

impl HeaderSearch {
    /// Returns the octets of memory that the groups take.
    pub(super) fn memory(&self) -> usize {
        memory::of_list(&self.groups) + self.memory
    }

    /// Adds a string. Returns `None` if it is too long.
    pub(super) fn add(&mut self, name: &[u8], string: &[u8]) -> Option<HeaderString> {
        let next = self.groups.len();
        let group = *self
            .by_name
            .entry(name.to_ascii_lowercase())
            .or_insert(next);
        if group == next {
            let mut fields = ADDRESS_FIELDS.iter();
            self.groups.push(FieldGroup {
                has_addresses: fields.any(|field| field.as_bytes().eq_ignore_ascii_case(name)),
                ..FieldGroup::default()
            });
            self.longest_name = self.longest_name.max(name.len());
            self.memory += name.len() + memory::of_tree_entry::<Vec<u8>, usize>();
        }
        let strings = &mut self.groups[group].strings;
        self.memory -= strings.memory();
        let string = strings.add(string);
        self.memory += strings.memory();
        let string = string?;
        Some(HeaderString { group, string })
    }

    /// Prepares the search a little further. Returns the work that it took, in octets, or `None` if
    /// the search is prepared.
    pub(super) fn build(&mut self) -> Option<usize> {
        let group = self.groups.get_mut(self.built)?;
        self.memory -= group.memory();
        let work = group.strings.build().unwrap_or_else(|| {
            group.found = group.strings.none_found();
            self.built += 1;
            1
        });
        self.memory += group.memory();
        Some(work)
    }

    /// Begins another message.
    pub(super) fn begin_message(&mut self) {
        self.groups.iter_mut().for_each(|group| group.found.reset());
    }

    /// Returns the index of the group of strings for fields of that name.
    pub(super) fn group_of(&self, name: &[u8]) -> Option<usize> {
        if name.len() > self.longest_name {
            return None;
        }
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// Returns a group.
    pub(super) fn group(&mut self, index: usize) -> &mut FieldGroup {
        &mut self.groups[index]
    }

    /// True if the string was found in the current message.
    pub(super) fn is_found(&self, string: HeaderString) -> bool {
        self.groups[string.group].found.has(string.string)
    }
}
