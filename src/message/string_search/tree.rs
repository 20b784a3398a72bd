//! The search for many strings in one pass over a text (Aho and Corasick, 1975).
//!
//! The strings are joined into a tree, in which those with the same beginning share nodes. A search
//! walks down the tree along the text. Where the tree does not go on, it continues at the node of
//! the longest end of the text that is the beginning of another string: the *fallback*. So every
//! octet of the text costs two visits of nodes on average, whatever the strings are.
//!
//! The crate `aho-corasick` has the same search, but does not fit: it builds its tree in one go,
//! lists at each node all strings that end there, which takes 64 MB for the worst strings of a
//! command, and reports each string wherever it occurs. Here the tree grows a node at a time, a
//! node links to the longest string that ends there, that string to the next longest, and a string
//! that was found once is not looked at again.

use super::found_strings::FoundStrings;
use crate::types::memory;
use crate::work;

/// The node at which no string has begun.
const ROOT: u32 = 0;

/// Strings, joined into a tree.
#[derive(Debug, Default)]
pub(super) struct StringTree {
    /// The child of the root for each octet; the root itself if there is none.
    starts: Vec<u32>,
    /// The last octet of each node. Nodes are numbered by their depth, so that the children of a
    /// node are adjacent; their octets ascend.
    octets: Vec<u8>,
    /// The first child of each node. The children end where those of the next node begin; there is
    /// one more node for that.
    children: Vec<u32>,
    fallbacks: Vec<u32>,
    /// The longest string that ends at each node, as its index plus 1; 0 if there is none.
    ends: Vec<u32>,
    /// The longest other string that each string ends with, as its index plus 1; 0 if there is
    /// none.
    shorter: Vec<u32>,
}

/// Builds a tree, one node at a time.
#[derive(Debug, Default)]
pub(super) struct TreeBuilder {
    tree: StringTree,
    /// The strings in ascending order, with their indexes.
    strings: Vec<(Vec<u8>, u32)>,
    /// Octets that the strings take.
    octets: usize,
    /// The strings that begin with the text of each node, as a range of `strings`.
    ranges: Vec<(u32, u32)>,
    /// The length of the text of the nodes that are being completed, and the first node that is
    /// longer.
    depth: (usize, usize),
}

impl TreeBuilder {
    /// Begins with strings in ascending order, none of which is empty or occurs twice, and their
    /// indexes.
    pub(super) fn new(strings: Vec<(Vec<u8>, u32)>) -> Self {
        let tree = StringTree {
            starts: vec![ROOT; 256],
            octets: vec![0],
            fallbacks: vec![ROOT],
            shorter: vec![0; strings.len() + 1],
            ..StringTree::default()
        };
        Self {
            tree,
            ranges: vec![(0, strings.len() as u32)],
            octets: strings.iter().map(|(string, _)| string.capacity()).sum(),
            strings,
            depth: (0, 1),
        }
    }

    /// Returns the octets of memory that the builder takes.
    pub(super) fn memory(&self) -> usize {
        let entries = memory::of_list(&self.strings) + memory::of_list(&self.ranges);
        self.tree.memory() + entries + self.octets
    }

    /// Completes the next node: makes its children. Returns the work that it took: the strings and
    /// nodes that were visited. Returns `None` if all nodes are complete.
    pub(super) fn step(&mut self) -> Option<usize> {
        let node = self.tree.children.len();
        let &(mut from, to) = self.ranges.get(node)?;
        if node == self.depth.1 {
            self.depth = (self.depth.0 + 1, self.ranges.len());
        }
        let depth = self.depth.0;
        self.tree.children.push(self.ranges.len() as u32);
        let mut work = 1;
        let fallback = self.tree.fallbacks[node];
        let mut end = match node as u32 {
            ROOT => 0,
            _ => self.tree.ends[fallback as usize],
        };
        let own = self.strings[from as usize..to as usize].first();
        if let Some((_, index)) = own.filter(|(string, _)| string.len() == depth) {
            self.tree.shorter[*index as usize] = end;
            end = index + 1;
            from += 1;
        }
        self.tree.ends.push(end);
        while from < to {
            let octet = self.strings[from as usize].0[depth];
            let rest = &self.strings[from as usize..to as usize];
            let count = rest.iter().take_while(|(string, _)| string[depth] == octet);
            let behind = from + count.count() as u32;
            work += (behind - from) as usize;
            let own_fallback = match node as u32 {
                ROOT => {
                    self.tree.starts[usize::from(octet)] = self.ranges.len() as u32;
                    ROOT
                }
                _ => self.tree.advance(fallback, octet, &mut work),
            };
            self.tree.octets.push(octet);
            self.tree.fallbacks.push(own_fallback);
            self.ranges.push((from, behind));
            from = behind;
        }
        Some(work)
    }

    /// Returns the tree, once all nodes are complete.
    pub(super) fn finish(self) -> StringTree {
        let mut tree = self.tree;
        tree.children.push(self.ranges.len() as u32);
        tree
    }
}

impl StringTree {
    /// Returns the octets of memory that the tree takes.
    pub(super) fn memory(&self) -> usize {
        let of_nodes = [&self.children, &self.fallbacks, &self.ends];
        let of_strings = [&self.starts, &self.shorter];
        let lists = of_nodes.into_iter().chain(of_strings);
        lists.map(memory::of_list).sum::<usize>() + memory::of_list(&self.octets)
    }

    /// Searches the next octets of a text, from the node that the octets before have led to.
    /// Returns the work that it took: the nodes that were visited.
    pub(super) fn feed(&self, node: &mut u32, text: &[u8], found: &mut FoundStrings) -> usize {
        let mut work = text.len();
        let mut at = *node;
        for &octet in text {
            at = self.advance(at, octet, &mut work);
            let mut end = self.ends[at as usize];
            // Once a string was found, so were all with which it ends.
            while end != 0 && found.mark(end as usize - 1) {
                end = self.shorter[end as usize - 1];
            }
        }
        *node = at;
        work
    }

    /// Returns the node to which an octet leads.
    fn advance(&self, mut node: u32, octet: u8, work: &mut usize) -> u32 {
        while node != ROOT {
            if let Some(child) = self.child(node, octet) {
                return child;
            }
            node = self.fallbacks[node as usize];
            *work += 1;
        }
        self.starts[usize::from(octet)]
    }

    fn child(&self, node: u32, octet: u8) -> Option<u32> {
        work::octets(1);
        let (first, behind) = (
            self.children[node as usize],
            self.children[node as usize + 1],
        );
        let octets = &self.octets[first as usize..behind as usize];
        let at = match octets {
            [] => return None,
            [only] => (*only == octet).then_some(0)?,
            octets => octets.binary_search(&octet).ok()?,
        };
        Some(first + at as u32)
    }
}
