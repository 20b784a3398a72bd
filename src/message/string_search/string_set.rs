//! A set of strings that are searched for together.

use std::collections::BTreeMap;

use super::finder::SubstringFinder;
use super::found_strings::FoundStrings;
use super::tree::{StringTree, TreeBuilder};
use crate::message::casefold::fold_case;
use crate::types::memory;

/// Longest string that a search accepts, in octets. No human types a longer one, and the finder
/// keeps as many octets between two chunks as the string has.
const MAX_NEEDLE: usize = 8 * 1024;
/// Most strings that are searched for one after the other: `memmem` takes so many passes over a
/// text in less time than a tree takes one.
const MAX_FINDERS: usize = 4;
/// Visiting a node takes about as long as reading so many octets.
const OCTETS_PER_NODE: usize = 4;

/// A set of strings, and the search for them in one text after the other. The strings are added,
/// then the search is built, then it is used.
#[derive(Debug, Default)]
pub(crate) struct StringSet {
    /// How many strings there are.
    len: usize,
    /// The index of each string, which is folded and not empty, until the search is built.
    indexes: BTreeMap<Vec<u8>, usize>,
    /// Octets that these strings take.
    unbuilt: usize,
    /// The index of the empty string, if it is in the set. It is up to the caller to find it.
    empty: Option<usize>,
    search: StringSearch,
}

#[derive(Debug, Default)]
enum StringSearch {
    #[default]
    Unbuilt,
    /// A finder for each string, by its index.
    Finders(Vec<Option<SubstringFinder>>),
    Building(TreeBuilder),
    /// A tree, and the node that the text has led to.
    Tree(StringTree, u32),
}

impl StringSet {
    /// Adds a string, which is UTF-8, and returns its index: the same for strings that differ only
    /// in case. Returns `None` if the string is longer than [`MAX_NEEDLE`].
    pub(crate) fn add(&mut self, string: &[u8]) -> Option<usize> {
        if string.len() > MAX_NEEDLE {
            return None;
        }
        let index = match string.is_empty() {
            true => *self.empty.get_or_insert(self.len),
            false => *self.indexes.entry(fold_case(string)).or_insert(self.len),
        };
        if index == self.len {
            self.len += 1;
            if self.unbuilt == 0 {
                self.unbuilt = memory::of_tree_root::<Vec<u8>, usize>();
            }
            self.unbuilt += 2 * string.len() + memory::of_tree_entry::<Vec<u8>, usize>();
        }
        Some(index)
    }

    /// Returns the octets of memory that the strings and the search take.
    pub(crate) fn memory(&self) -> usize {
        let search = match &self.search {
            StringSearch::Unbuilt => 0,
            StringSearch::Finders(finders) => {
                let each = finders.iter().flatten().map(SubstringFinder::memory);
                memory::of_list(finders) + each.sum::<usize>()
            }
            StringSearch::Building(builder) => builder.memory(),
            StringSearch::Tree(tree, _) => tree.memory(),
        };
        self.unbuilt + search
    }

    /// Returns the index of the empty string.
    pub(crate) fn empty(&self) -> Option<usize> {
        self.empty
    }

    /// Returns a record of strings that were found, for this set.
    pub(crate) fn none_found(&self) -> FoundStrings {
        FoundStrings::new(self.len)
    }

    /// Builds the search a little further. Returns the work that it took, in octets, or `None` if
    /// the search is built.
    pub(crate) fn build(&mut self) -> Option<usize> {
        match &mut self.search {
            StringSearch::Finders(_) | StringSearch::Tree(..) => None,
            StringSearch::Unbuilt => {
                let strings = std::mem::take(&mut self.indexes);
                self.unbuilt = 0;
                let octets = strings.keys().map(Vec::len).sum();
                self.search = self.begin_building(strings);
                Some(octets)
            }
            StringSearch::Building(builder) => {
                let work = builder.step();
                if work.is_none() {
                    self.search = StringSearch::Tree(std::mem::take(builder).finish(), 0);
                }
                work.map(|nodes| OCTETS_PER_NODE * nodes)
            }
        }
    }

    fn begin_building(&self, strings: BTreeMap<Vec<u8>, usize>) -> StringSearch {
        if strings.len() > MAX_FINDERS {
            let strings = strings.into_iter();
            let numbered = strings.map(|(string, index)| (string, index as u32));
            return StringSearch::Building(TreeBuilder::new(numbered.collect()));
        }
        let mut finders: Vec<Option<SubstringFinder>> = Vec::new();
        finders.resize_with(self.len, || None);
        for (string, index) in strings {
            finders[index] = Some(SubstringFinder::new(&string));
        }
        StringSearch::Finders(finders)
    }

    /// Begins another text. No match continues from one text to the next.
    pub(crate) fn begin_text(&mut self) {
        match &mut self.search {
            StringSearch::Finders(finders) => {
                let finders = finders.iter_mut().flatten();
                finders.for_each(SubstringFinder::begin_text);
            }
            StringSearch::Tree(_, node) => *node = 0,
            StringSearch::Unbuilt | StringSearch::Building(_) => {}
        }
    }

    /// Searches the next chunk of a folded text, and marks the strings that end in it. Returns the
    /// work that it took, in octets.
    pub(crate) fn feed(&mut self, chunk: &[u8], found: &mut FoundStrings) -> usize {
        match &mut self.search {
            StringSearch::Finders(finders) => {
                let mut work = 0;
                for (index, finder) in finders.iter_mut().enumerate() {
                    if let Some(finder) = finder.as_mut().filter(|_| !found.has(index)) {
                        work += finder.kept() + chunk.len();
                        if finder.feed(chunk) {
                            found.mark(index);
                        }
                    }
                }
                work
            }
            StringSearch::Tree(tree, node) => {
                // A node costs as much as some octets.
                OCTETS_PER_NODE * tree.feed(node, chunk, found)
            }
            StringSearch::Unbuilt | StringSearch::Building(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns a set of the strings that is built, and the most work of one step.
    fn set(strings: &[&[u8]]) -> (StringSet, Vec<usize>, usize) {
        let mut set = StringSet::default();
        let add = |string: &&[u8]| set.add(string).expect("shorter than the limit");
        let indexes = strings.iter().map(add).collect();
        let mut most = 0;
        while let Some(work) = set.build() {
            most = most.max(work);
        }
        (set, indexes, most)
    }

    /// Returns for each string whether one of the texts contains it; each text comes in chunks of
    /// that size.
    fn search(strings: &[&[u8]], texts: &[&[u8]], size: usize) -> Vec<bool> {
        let (mut set, indexes, _) = set(strings);
        let mut found = set.none_found();
        for text in texts {
            set.begin_text();
            for chunk in fold_case(text).chunks(size) {
                set.feed(chunk, &mut found);
            }
        }
        let has = |&index: &usize| found.has(index);
        indexes.iter().map(has).collect()
    }

    fn is_in(text: &[u8], string: &[u8]) -> bool {
        let mut padded = vec![string];
        padded.extend([&b"no"[..], b"such", b"strings", b"in", b"these"]);
        let few = search(&[string], &[text], usize::MAX)[0];
        assert_eq!(few, search(&padded, &[text], usize::MAX)[0]);
        few
    }

    #[test]
    fn a_string_is_found_in_any_case() {
        assert!(is_in(b"The File is <info-mac>", b"fILE IS"));
        assert!(is_in("caf\u{e9}".as_bytes(), "CAF\u{c9}".as_bytes()));
        assert!(!is_in(b"caf\xe9", b"caf\xc9"));
        assert!(is_in(b"caf\xe9", b"CAF\xe9"));
        assert!(!is_in(b"a\r\nb", b"a b"));
        assert!(is_in(b"x\0y", b"\0Y"));
        assert!(!is_in(b"", b"a"));
    }

    #[test]
    fn strings_that_differ_only_in_case_are_one() {
        let (set, indexes, _) = set(&[b"One", b"two", b"ONE", b""]);
        assert_eq!(indexes, [0, 1, 0, 2]);
        assert_eq!((set.empty(), set.none_found().missing()), (Some(2), 3));
    }

    #[test]
    fn the_length_of_a_string_is_limited() {
        let mut set = StringSet::default();
        assert!(set.add(&[b'a'; MAX_NEEDLE + 1]).is_none());
        assert!(set.add(&[b'a'; MAX_NEEDLE]).is_some());
    }

    /// The worst strings for a tree: each is the end of all that are longer.
    #[test]
    fn strings_within_strings_cost_no_more_than_their_octets() {
        let long = vec![b'a'; 400];
        let strings: Vec<&[u8]> = (1..=400).map(|length| &long[..length]).collect();
        let (mut set, _, most) = set(&strings);
        let octets = 400 * 401 / 2;
        assert!(most <= OCTETS_PER_NODE * octets, "a step of {most}");
        let mut found = set.none_found();
        let text = [&vec![b'a'; 10_000][..], b"b"].concat();
        let work = set.feed(&text, &mut found);
        assert_eq!(found.missing(), 0);
        assert!(work <= OCTETS_PER_NODE * 2 * (text.len() + 400), "{work}");
    }

    proptest! {
        #[test]
        fn every_set_agrees_with_the_naive_search_in_every_chunking(
            texts in prop::collection::vec("[abA\u{e9}\n]{0,40}", 1..3),
            strings in prop::collection::vec("[ab\u{e9}\n]{1,5}", 0..12),
            size in 1usize..8,
        ) {
            let folded: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
            let is_in = |string: &String| folded.iter().any(|text| text.contains(string));
            let want: Vec<bool> = strings.iter().map(is_in).collect();
            let strings: Vec<&[u8]> = strings.iter().map(String::as_bytes).collect();
            let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            prop_assert_eq!(search(&strings, &texts, size), want);
        }

        #[test]
        fn the_work_of_a_chunk_is_bounded_whatever_the_strings(
            strings in prop::collection::vec("a{0,3}b{0,2}a{0,30}b{0,1}", 0..40),
            text in "(a{0,40}b{0,3}){0,20}",
        ) {
            let strings: Vec<&[u8]> = strings.iter().map(String::as_bytes).collect();
            let (mut set, _, _) = set(&strings);
            let mut found = set.none_found();
            let work = set.feed(text.as_bytes(), &mut found);
            let longest = strings.iter().map(|string| string.len()).max().unwrap_or(0);
            let bound = OCTETS_PER_NODE * (2 * text.len() + longest);
            prop_assert!(work <= bound.max(MAX_FINDERS * (text.len() + longest)));
        }
    }
}
