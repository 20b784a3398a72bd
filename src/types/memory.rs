//! How much memory collections take, for the limit of a user's memory.
//!
//! All is counted in constant time, so that a job of 60 000 messages can be counted after each of
//! its steps: by capacities, and for the entries of a tree, or what they own, by a total that their
//! owner keeps. The overhead of the allocator is not counted.

use std::collections::{HashMap, HashSet, VecDeque};

/// Octets that a directory takes that is being read: the system returns many entries at once.
pub(crate) const OF_LISTING: usize = 50 * 1024;

/// Returns the octets that a list takes, without what its elements own.
pub(crate) fn of_list<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

/// Returns the octets that a queue takes, without what its elements own.
pub(crate) fn of_queue<T>(queue: &VecDeque<T>) -> usize {
    queue.capacity() * size_of::<T>()
}

/// Returns the octets that a hash table of the standard library takes.
pub(crate) fn of_map<K, V, S>(map: &HashMap<K, V, S>) -> usize {
    of_table::<(K, V)>(map.capacity())
}

/// Returns the octets that a hash set of the standard library takes.
pub(crate) fn of_set<K, S>(set: &HashSet<K, S>) -> usize {
    of_table::<K>(set.capacity())
}

/// A table has eight places for seven entries, each with an octet of control, and a group of such
/// octets at its end.
fn of_table<T>(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        _ => (capacity + capacity / 7 + 1) * (size_of::<T>() + 1) + 16,
    }
}

/// Returns the octets that an entry of a `BTreeMap<K, V>`, or of a `BTreeSet<K>` with `V = ()`,
/// takes in the tree at most. A node has room for eleven entries, and has at least five: so a leaf
/// takes 2.2 places for each, and the nodes above the leaves a seventh of that, and pointers.
pub(crate) const fn of_tree_entry<K, V>() -> usize {
    8 * (size_of::<K>() + size_of::<V>()) / 3 + 8
}

/// Returns the octets that the first entry of such a tree takes besides: it has a node of its own.
pub(crate) const fn of_tree_root<K, V>() -> usize {
    9 * (size_of::<K>() + size_of::<V>())
}
