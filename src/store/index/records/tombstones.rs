//! The tombstones of a mailbox: which records are expunged, and what that does to message numbers.
//!
//! `announced` is, in all of these functions, the mod-sequence up to which a view has announced
//! expunges: the view no longer counts the records whose tombstones are not newer.
//!
//! A silent session keeps 100 000 tombstones in the list, and another one that has announced some
//! of them may ask for the number of each message. So the tombstones that count for one view are
//! kept apart until another view asks, which is once in a step.

use std::cell::RefCell;

/// One tombstone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tombstone {
    /// Index of the record.
    pub(super) index: u32,
    /// The mod-sequence of the expunge.
    pub(super) mod_sequence: u64,
}

/// All tombstones of a mailbox.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    /// By index, ascending.
    list: Vec<Tombstone>,
    /// The least and the greatest mod-sequence in the list. A view outside this range needs no
    /// counting.
    range: (u64, u64),
    known: RefCell<KnownTombstones>,
}

/// The tombstones that a view has announced.
#[derive(Debug, Default)]
struct KnownTombstones {
    /// Up to which mod-sequence; `None` if it is not known.
    announced: Option<u64>,
    /// The indexes of their records, ascending.
    indexes: Vec<u32>,
    /// How many times they were looked for.
    #[cfg(test)]
    searches: usize,
}

impl Tombstones {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.list.iter()
    }

    /// Adds a tombstone that is newer than all others.
    pub(super) fn insert(&mut self, tombstone: Tombstone) {
        let at = self
            .list
            .partition_point(|other| other.index < tombstone.index);
        self.list.insert(at, tombstone);
        self.known.get_mut().announced = None;
        if self.list.len() == 1 {
            self.range = (tombstone.mod_sequence, tombstone.mod_sequence);
        } else {
            self.range.1 = tombstone.mod_sequence;
        }
    }

    /// True if all views that have announced expunges up to `announced` have announced all of them.
    pub(super) fn are_announced(&self, announced: u64) -> bool {
        self.list.is_empty() || self.range.1 <= announced
    }

    fn are_unannounced(&self, announced: u64) -> bool {
        self.list.is_empty() || announced < self.range.0
    }

    /// Returns how many records before `index` the view no longer counts.
    pub(super) fn announced_before(&self, index: usize, announced: u64) -> usize {
        if self.are_unannounced(announced) {
            return 0;
        }
        self.with_known(announced, |known| {
            known.partition_point(|&tombstone| (tombstone as usize) < index)
        })
    }

    /// Returns the index of the record that has `rank` records before it that the view counts.
    pub(super) fn index_of_rank(&self, rank: usize, announced: u64) -> usize {
        if self.are_unannounced(announced) {
            return rank;
        }
        self.with_known(announced, |known| rank + before_rank(known, rank))
    }

    /// Passes on the indexes of the records that the view no longer counts.
    fn with_known<T>(&self, announced: u64, ask: impl FnOnce(&[u32]) -> T) -> T {
        // All views that have announced everything are alike.
        let announced = announced.min(self.range.1);
        let mut known = self.known.borrow_mut();
        if known.announced != Some(announced) {
            let of_view = self.list.iter();
            let of_view = of_view.filter(|tombstone| tombstone.mod_sequence <= announced);
            known.indexes.clear();
            known
                .indexes
                .extend(of_view.map(|tombstone| tombstone.index));
            known.announced = Some(announced);
            #[cfg(test)]
            {
                known.searches += 1;
            }
        }
        ask(&known.indexes)
    }

    /// Removes the tombstones up to `announced` if there are at least `least` of them, and returns
    /// them; the others get the indexes that their records have without them.
    pub(super) fn take_announced(
        &mut self,
        announced: u64,
        least: usize,
    ) -> Option<Vec<Tombstone>> {
        let (old, kept): (Vec<Tombstone>, Vec<Tombstone>) = self
            .list
            .iter()
            .partition(|tombstone| tombstone.mod_sequence <= announced);
        if old.len() < least {
            return None;
        }
        *self.known.get_mut() = KnownTombstones::default();
        self.range = kept.iter().fold((u64::MAX, 0), |(low, high), tombstone| {
            (
                low.min(tombstone.mod_sequence),
                high.max(tombstone.mod_sequence),
            )
        });
        self.list = kept
            .iter()
            .map(|tombstone| Tombstone {
                index: tombstone.index - count_before(&old, tombstone.index),
                ..*tombstone
            })
            .collect();
        Some(old)
    }

    /// Returns the bytes of memory that the list takes.
    pub(super) fn memory(&self) -> usize {
        let known = self.known.borrow().indexes.capacity();
        self.list.capacity() * size_of::<Tombstone>() + known * size_of::<u32>()
    }
}

/// Returns how many of these tombstones, ascending by index, lie before the record that has `rank`
/// other ones before it.
fn before_rank(tombstones: &[u32], rank: usize) -> usize {
    let (mut low, mut high) = (0, tombstones.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if tombstones[middle] as usize - middle <= rank {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Returns how many of these tombstones, ascending by index, lie before `index`.
fn count_before(tombstones: &[Tombstone], index: u32) -> u32 {
    tombstones.partition_point(|tombstone| tombstone.index < index) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tombstones_of_a_view_are_looked_for_once() {
        let mut tombstones = Tombstones::default();
        for index in 0..1_000 {
            let mod_sequence = u64::from(index) + 1;
            tombstones.insert(Tombstone {
                index: 2 * index,
                mod_sequence,
            });
        }
        for rank in 0..1_000 {
            // The view has announced the first half: of the records before 1000 the odd ones exist.
            let index = tombstones.index_of_rank(rank, 500);
            let want = if rank < 500 { 2 * rank + 1 } else { rank + 500 };
            assert_eq!(index, want);
            assert_eq!(index - tombstones.announced_before(index, 500), rank);
        }
        assert_eq!(tombstones.known.borrow().searches, 1);
        let all = [1_000, 5_000].map(|announced| tombstones.index_of_rank(3, announced));
        assert_eq!((all, tombstones.known.borrow().searches), ([7, 7], 2));
        tombstones.insert(Tombstone {
            index: 1,
            mod_sequence: 2_000,
        });
        assert_eq!(tombstones.index_of_rank(0, 2_000), 3);
        assert_eq!(tombstones.index_of_rank(0, 1_999), 1);
    }
}
