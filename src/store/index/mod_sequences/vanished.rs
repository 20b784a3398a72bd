//! Which messages were expunged, and when: what a client is told that comes back.

use std::collections::VecDeque;

use crate::types::NumberSet;

/// Expunges that are remembered one by one. A client that was away for more of them has the
/// messages it knows compared with those that are there.
pub(super) const REMEMBERED: usize = 4096;

/// The last expunges, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Vanished {
    entries: VecDeque<(u64, u32)>,
    /// Of expunges up to this change some may be missing.
    forgotten: u64,
}

impl Vanished {
    /// Knows all expunges after that change, and none before it.
    pub(super) fn since(change: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            forgotten: change,
        }
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Changes, never falling, each with a unique identifier.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = (u64, u32)> {
        self.entries.iter().copied()
    }

    /// The message with that unique identifier was expunged. Changes must not fall.
    pub(in crate::store) fn push(&mut self, change: u64, uid: u32) {
        if self.entries.len() == REMEMBERED {
            self.forgotten = self.entries.pop_front().map_or(0, |(change, _)| change);
        }
        self.entries.push_back((change, uid));
    }

    /// The unique identifiers of messages expunged after one change and up to another; `None` if it
    /// does not go back that far.
    pub(super) fn between(&self, after: u64, until: u64) -> Option<NumberSet> {
        let from = self.entries.partition_point(|&(change, _)| change <= after);
        let uids = self.entries.range(from..);
        let uids = uids.take_while(|&&(change, _)| change <= until);
        (after >= self.forgotten).then(|| uids.map(|&(_, uid)| (uid, uid)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uids(list: &[u32]) -> Option<NumberSet> {
        Some(list.iter().map(|&uid| (uid, uid)).collect())
    }

    #[test]
    fn tells_what_went_when() {
        let mut vanished = Vanished::since(10);
        for (change, uid) in [(11, 7), (12, 3), (12, 4), (15, 9)] {
            vanished.push(change, uid);
        }
        assert_eq!(vanished.between(10, 99), uids(&[3, 4, 7, 9]));
        assert_eq!(vanished.between(11, 14), uids(&[3, 4]));
        assert_eq!(vanished.between(15, 99), uids(&[]));
        assert_eq!(vanished.between(9, 99), None);
    }

    #[test]
    fn forgets_the_oldest() {
        let mut vanished = Vanished::since(0);
        for uid in 1..=REMEMBERED as u32 {
            vanished.push(100, uid);
        }
        assert!(vanished.between(0, 100).is_some());
        vanished.push(101, 5000);
        assert_eq!(vanished.entries().len(), REMEMBERED);
        assert_eq!(
            vanished.between(99, 101),
            None,
            "one of change 100 is missing"
        );
        assert_eq!(vanished.between(100, 101), uids(&[5000]));
    }
}
