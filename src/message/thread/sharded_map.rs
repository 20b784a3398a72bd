//! A map that grows in small steps.

use std::collections::HashMap;

use crate::types::memory;

/// How many maps a map consists of.
const SHARDS: usize = 256;

/// A map from hashes of 64 bits. A map of the standard library moves all its entries when it has to
/// grow, which takes tens of milliseconds for a million; here each of many small maps does it at
/// another time.
#[derive(Debug)]
pub(super) struct ShardedMap<V> {
    shards: Vec<HashMap<u64, V>>,
    /// Octets that the shards take.
    memory: usize,
}

impl<V> Default for ShardedMap<V> {
    fn default() -> Self {
        Self {
            shards: Vec::new(),
            memory: 0,
        }
    }
}

impl<V: Copy> ShardedMap<V> {
    /// Returns the octets of memory that the map takes.
    pub(super) fn memory(&self) -> usize {
        memory::of_list(&self.shards) + self.memory
    }

    /// Returns the value of a key.
    pub(super) fn get(&self, key: u64) -> Option<V> {
        self.shards.get(shard(key))?.get(&key).copied()
    }

    /// Sets the value of a key.
    pub(super) fn insert(&mut self, key: u64, value: V) {
        if self.shards.is_empty() {
            self.shards.resize_with(SHARDS, HashMap::new);
        }
        let shard = &mut self.shards[shard(key)];
        self.memory -= memory::of_map(shard);
        shard.insert(key, value);
        self.memory += memory::of_map(shard);
    }
}

/// Returns the index of the map that a key belongs to. The lowest bits of a hash, or of a number
/// that counts up, differ most.
fn shard(key: u64) -> usize {
    (key % SHARDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_key_counts() {
        let mut map = ShardedMap::default();
        assert_eq!(map.get(1), None);
        for key in 0..1000 {
            map.insert(key, key + 1);
        }
        map.insert(3, 0);
        assert_eq!(
            (map.get(3), map.get(257), map.get(1000)),
            (Some(0), Some(258), None)
        );
        assert!(
            map.shards
                .iter()
                .all(|shard| shard.len() <= 1000 / SHARDS + 1)
        );
    }
}
