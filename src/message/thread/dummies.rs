//! The dummies at the root: they hold messages together that have no common message above them.

use super::sharded_map::ShardedMap;
use crate::types::memory;

/// All dummies of one builder. A dummy is named by its index.
#[derive(Debug, Default)]
pub(super) struct Dummies {
    all: Vec<Dummy>,
    /// Dummy of each node among the links that has one.
    by_node: ShardedMap<u32>,
}

#[derive(Debug)]
pub(super) struct Dummy {
    /// Index of the message below it that was sent first.
    pub(super) first: u32,
    /// Number of messages directly below it.
    pub(super) children: u32,
    merged_into: Option<u32>,
}

impl Dummies {
    /// Returns the octets of memory that the dummies take.
    pub(super) fn memory(&self) -> usize {
        memory::of_list(&self.all) + self.by_node.memory()
    }

    /// Returns the number of dummies.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns the dummy.
    pub(super) fn get(&self, dummy: u32) -> &Dummy {
        &self.all[dummy as usize]
    }

    /// Adds a dummy that has no node among the links.
    pub(super) fn add(&mut self, first: u32) -> u32 {
        self.all.push(Dummy {
            first,
            children: 0,
            merged_into: None,
        });
        self.all.len() as u32 - 1
    }

    /// Returns the dummy of a node, for a message directly below it. Callers pass messages by date.
    pub(super) fn of_node(&mut self, node: u32, message: u32) -> u32 {
        let dummy = match self.by_node.get(node.into()) {
            Some(dummy) => dummy,
            None => {
                let dummy = self.add(message);
                self.by_node.insert(node.into(), dummy);
                dummy
            }
        };
        self.all[dummy as usize].children += 1;
        dummy
    }

    /// Makes the children of `dummy` children of `other`.
    pub(super) fn merge(&mut self, dummy: u32, other: u32) {
        self.all[dummy as usize].merged_into = Some(other);
    }

    /// Returns the dummy that `dummy` was merged into, or itself.
    pub(super) fn merged(&self, dummy: u32) -> u32 {
        self.get(dummy).merged_into.unwrap_or(dummy)
    }
}
