//! [`KnownNames`]: the networks from which users have logged in lately.
//!
//! Only a login that succeeds adds to it, so that an attacker cannot make it forget what others
//! have added, except by logging in as many users.

use super::count_table::{Key, Millis};
use std::collections::BTreeMap;

/// Users that are remembered. Beyond that the one who logged in longest ago is forgotten.
pub(super) const MAX_NAMES: usize = 1024;
/// Networks that are remembered of one user.
pub(super) const MAX_NETWORKS: usize = 8;
/// Time after which a login is forgotten.
const FORGOTTEN: Millis = 7 * 24 * 60 * 60 * 1000;

/// The pairs of a network and a name that have logged in, by name, each with the time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KnownNames {
    names: BTreeMap<Key, Vec<(Key, Millis)>>,
}

impl KnownNames {
    /// True if this pair has logged in lately.
    pub(super) fn contains(&self, name: Key, pair: Key, now: Millis) -> bool {
        let pairs = self.names.get(&name).into_iter().flatten();
        pairs
            .filter(|(known, _)| *known == pair)
            .any(|(_, last)| now < last.saturating_add(FORGOTTEN))
    }

    /// Notes that this pair has logged in.
    pub(super) fn insert(&mut self, name: Key, pair: Key, now: Millis) {
        if self.names.len() >= MAX_NAMES && !self.names.contains_key(&name) {
            let latest = |pairs: &[(Key, Millis)]| pairs.iter().map(|(_, last)| *last).max();
            let oldest = self.names.iter().min_by_key(|(_, pairs)| latest(pairs));
            if let Some(oldest) = oldest.map(|(name, _)| *name) {
                self.names.remove(&oldest);
            }
        }
        let pairs = self.names.entry(name).or_default();
        pairs.retain(|(known, _)| *known != pair);
        if pairs.len() >= MAX_NETWORKS {
            pairs.remove(0);
        }
        // The latest is the last.
        pairs.push((pair, now));
    }

    /// Returns all names with their pairs.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = (Key, &[(Key, Millis)])> + '_ {
        self.names.iter().map(|(name, pairs)| (*name, &**pairs))
    }

    /// Makes a value of these names, which are not too many.
    pub(super) fn from_names(names: impl Iterator<Item = (Key, Vec<(Key, Millis)>)>) -> Self {
        Self {
            names: names.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_make_it_forget_another() {
        let mut known = KnownNames::default();
        let [ann, bob] = [Key::new(1), Key::new(2)];
        known.insert(ann, Key::new(100), 1);
        for number in 0..1000 {
            known.insert(bob, Key::new(number), 2 + number);
        }
        assert!(known.contains(ann, Key::new(100), 3));
        assert!(!known.contains(ann, Key::new(100), 1 + FORGOTTEN));
        assert!(!known.contains(ann, Key::new(999), 3), "bob's network");
        assert!(known.contains(bob, Key::new(999), 3));
        assert!(!known.contains(bob, Key::new(999 - MAX_NETWORKS as u64), 3));
        for number in 3..2 * MAX_NAMES as u64 {
            known.insert(Key::new(number), Key::new(1), 5000 + number);
        }
        assert_eq!(known.names().len(), MAX_NAMES);
        assert!(
            !known.contains(ann, Key::new(100), 5000),
            "it was the oldest"
        );
    }
}
