//! The tombstones of a mailbox: which records are expunged, and what that does to message numbers.
//!
//! `announced` is, in all of these functions, the mod-sequence up to which a view has announced
//! expunges: the view no longer counts the records whose tombstones are not newer.

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
        let before = self
            .list
            .partition_point(|tombstone| (tombstone.index as usize) < index);
        if self.are_unannounced(announced) {
            0
        } else if announced >= self.range.1 {
            before
        } else {
            self.list[..before]
                .iter()
                .filter(|tombstone| tombstone.mod_sequence <= announced)
                .count()
        }
    }

    /// Returns the index of the record that has `rank` records before it that the view counts.
    pub(super) fn index_of_rank(&self, rank: usize, announced: u64) -> usize {
        if self.are_unannounced(announced) {
            return rank;
        }
        if announced >= self.range.1 {
            return rank + self.before_rank(rank);
        }
        let known = self
            .list
            .iter()
            .filter(|tombstone| tombstone.mod_sequence <= announced);
        known.fold(rank, |at, tombstone| {
            at + usize::from(tombstone.index as usize <= at)
        })
    }

    /// Returns how many tombstones lie before the record that has `rank` existing ones before it.
    fn before_rank(&self, rank: usize) -> usize {
        let (mut low, mut high) = (0, self.list.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.list[middle].index as usize - middle <= rank {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
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
        self.list.capacity() * size_of::<Tombstone>()
    }
}

/// Returns how many of these tombstones, ascending by index, lie before `index`.
fn count_before(tombstones: &[Tombstone], index: u32) -> u32 {
    tombstones.partition_point(|tombstone| tombstone.index < index) as u32
}
