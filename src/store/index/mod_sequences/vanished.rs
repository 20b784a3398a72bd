//! Which messages were expunged, and when, for clients that come back.

use std::collections::VecDeque;

use crate::types::NumberSet;

/// How many expunges are remembered one by one. If a client missed more of them, the messages that
/// it knows are compared with those that exist.
pub(super) const REMEMBERED: usize = 4096;

/// The most recent expunges, oldest first, as mod-sequence and UID.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Vanished {
    entries: VecDeque<(u64, u32)>,
    /// Expunges up to this mod-sequence may be missing.
    forgotten: u64,
}

impl Vanished {
    /// Returns a list that is complete after that mod-sequence, and empty.
    pub(super) fn since(change: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            forgotten: change,
        }
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns the mod-sequences, which never decrease, and the UIDs.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = (u64, u32)> {
        self.entries.iter().copied()
    }

    /// Adds an expunged message. Mod-sequences must not decrease.
    pub(crate) fn push(&mut self, change: u64, uid: u32) {
        if self.entries.len() == REMEMBERED {
            self.forgotten = self.entries.pop_front().map_or(0, |(change, _)| change);
        }
        self.entries.push_back((change, uid));
    }

    /// Returns the UIDs of the messages expunged after `after` and up to `until`, or `None` if the
    /// list does not go back that far.
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
    fn returns_the_expunges_between_two_mod_sequences() {
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
    fn drops_the_oldest_expunges() {
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
