//! [`CountTable`]: the failed logins of many keys, in bounded memory.
//!
//! A full table does not forget the count of one key to make room for another: an attacker could
//! then make it forget theirs, by failing under enough other keys. Instead the keys that have no
//! record of their own *share* a few records, until these are forgotten. So an attacker who fills
//! the table is delayed all the same; others that share a record with the attacker are delayed too,
//! by at most [`Rule::LONGEST_SHARED`] for each failure. Records are forgotten only by time, and
//! when they say nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A time, in milliseconds of the kernel's monotonic clock, which all processes share.
pub(super) type Millis = u64;

/// Records of a table, besides the shared ones. One takes about 50 octets.
pub(super) const MAX_RECORDS: usize = 2048;
/// Records that the keys without one share.
pub(super) const SHARED_RECORDS: u64 = 64;

/// Time without a failure after which the failures of a key are forgotten.
pub(super) const FORGOTTEN: Millis = 15 * 60 * 1000;
/// Time after which an attempt that has not ended counts as a failure: the process that checked it
/// was killed. A check takes far less.
pub(super) const LEASE: Millis = 60 * 1000;

/// Delay after the first failure that delays.
const FIRST_DELAY: Millis = 500;

/// A key: a hash of what is counted. See [`Key::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u64);

impl Key {
    /// Makes a key of a hash. Small numbers stand for the shared records.
    pub(super) fn new(hash: u64) -> Self {
        Self(hash | 1 << 63)
    }

    /// Returns the record that this key shares with others if it has none of its own.
    fn shared(self) -> Self {
        Self(self.0 % SHARED_RECORDS)
    }

    fn is_shared(self) -> bool {
        self.0 < SHARED_RECORDS
    }
}

/// The attempts of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) failures: u32,
    /// Attempts that have started and not ended.
    pub(super) under_way: u32,
    /// Time of the last failure.
    pub(super) last_failure: Millis,
    /// Time at which an attempt has started last.
    pub(super) last_start: Millis,
}

impl Record {
    /// Returns the record at this time: old failures are forgotten, attempts whose process is gone
    /// have failed.
    fn at(mut self, now: Millis) -> Self {
        if self.under_way > 0 && now >= self.last_start.saturating_add(LEASE) {
            self.failures = self.failures.saturating_add(self.under_way);
            self.under_way = 0;
            self.last_failure = self.last_start;
        }
        if now >= self.last_failure.saturating_add(FORGOTTEN) {
            self.failures = 0;
        }
        self
    }

    /// True if the record says something.
    fn matters(self) -> bool {
        self.failures > 0 || self.under_way > 0
    }

    /// Notes that an attempt has started.
    pub(super) fn start(&mut self, now: Millis) {
        self.under_way = self.under_way.saturating_add(1);
        self.last_start = now;
    }

    /// Notes that an attempt has ended.
    pub(super) fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Notes that an attempt has failed.
    pub(super) fn fail(&mut self, now: Millis) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = now;
    }

    /// Notes a failure that makes the delays no longer, but begins another one.
    pub(super) fn fail_again(&mut self, now: Millis) {
        self.last_failure = now;
    }
}

/// When an attempt may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    Now,
    /// Not before this time.
    At(Millis),
    /// When one of the attempts that are under way has ended, or at this time.
    AfterOthers(Millis),
}

/// How failures delay the attempts of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// Failures and attempts under way from which on attempts are delayed.
    pub(super) free: u32,
    /// Longest delay.
    pub(super) longest: Millis,
}

impl Rule {
    /// Longest delay of keys that share a record.
    const LONGEST_SHARED: Millis = 1000;

    /// Returns when the next attempt may start. Attempts under way delay it as failures do, so that
    /// many at a time are no faster than one after the other, and none waits for a check that
    /// hangs.
    fn next_start(self, record: Record, is_shared: bool, now: Millis) -> When {
        let count = record.failures.saturating_add(record.under_way);
        if count < self.free {
            return When::Now;
        }
        let longest = match is_shared {
            true => self.longest.min(Self::LONGEST_SHARED),
            false => self.longest,
        };
        let doubled = count.saturating_sub(self.free).min(10);
        let delay = (FIRST_DELAY << doubled).min(longest);
        let last = match record.under_way {
            0 => record.last_failure,
            _ => record.last_failure.max(record.last_start),
        };
        match last.saturating_add(delay) {
            start if start <= now => When::Now,
            start if record.under_way > 0 => When::AfterOthers(start),
            start => When::At(start),
        }
    }
}

/// The records of many keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CountTable {
    records: BTreeMap<Key, Record>,
}

impl CountTable {
    /// Returns when the next attempt of a key may start by this rule.
    pub(super) fn next_start(&self, key: Key, rule: Rule, now: Millis) -> When {
        let place = self.place(key, now);
        rule.next_start(self.at(place, now), place.is_shared(), now)
    }

    /// Returns the record of a key, or `None` if it shares one with others.
    pub(super) fn own(&self, key: Key, now: Millis) -> Option<Record> {
        let place = self.place(key, now);
        (!place.is_shared()).then(|| self.at(place, now))
    }

    /// Changes the record in which a key counts. `change` gets it, and whether it is shared.
    pub(super) fn change(&mut self, key: Key, now: Millis, change: impl FnOnce(&mut Record, bool)) {
        if self.records.len() >= MAX_RECORDS {
            self.forget_old(now);
        }
        let place = self.place(key, now);
        let mut record = self.at(place, now);
        change(&mut record, place.is_shared());
        match self.records.entry(place) {
            Entry::Occupied(entry) if !record.matters() => drop(entry.remove()),
            Entry::Vacant(_) if !record.matters() => {}
            entry => *entry.or_default() = record,
        }
    }

    /// Removes the records that say nothing any more.
    pub(super) fn forget_old(&mut self, now: Millis) {
        self.records.retain(|_, record| record.at(now).matters());
    }

    /// Returns all records, in the order of their keys.
    pub(super) fn records(&self) -> impl ExactSizeIterator<Item = (Key, Record)> + '_ {
        self.records.iter().map(|(key, record)| (*key, *record))
    }

    /// Makes a table of these records, which are not too many.
    pub(super) fn from_records(records: impl Iterator<Item = (Key, Record)>) -> Self {
        Self {
            records: records.collect(),
        }
    }

    /// Returns the key of the record in which this key counts. A key gets none of its own while the
    /// record that it would have shared says something: it may have counted there.
    fn place(&self, key: Key, now: Millis) -> Key {
        let shared = key.shared();
        let is_own = self.records.contains_key(&key);
        let is_full = self.records.len() >= MAX_RECORDS;
        match !is_own && (is_full || self.at(shared, now).matters()) {
            true => shared,
            false => key,
        }
    }

    fn at(&self, place: Key, now: Millis) -> Record {
        self.records
            .get(&place)
            .copied()
            .unwrap_or_default()
            .at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        free: 1,
        longest: 15_000,
    };

    fn key(number: u64) -> Key {
        Key::new(number)
    }

    fn fail(table: &mut CountTable, key: Key, now: Millis) {
        table.change(key, now, |record, _| record.fail(now));
    }

    #[test]
    fn delays_double_from_the_last_failure_on() {
        let mut table = CountTable::default();
        let mut now = 1_000_000;
        let mut delays = Vec::new();
        for _ in 0..8 {
            let start = match table.next_start(key(1), RULE, now) {
                When::Now => now,
                When::At(start) => start,
                When::AfterOthers(_) => panic!("none is under way"),
            };
            delays.push(start - now);
            now = start;
            fail(&mut table, key(1), now);
        }
        assert_eq!(delays, [0, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        assert_eq!(table.next_start(key(2), RULE, now), When::Now, "others");
        let later = now + FORGOTTEN;
        assert_eq!(table.next_start(key(1), RULE, later), When::Now);
    }

    #[test]
    fn attempts_under_way_count_and_a_killed_one_has_failed() {
        let mut table = CountTable::default();
        let rule = Rule { free: 2, ..RULE };
        for _ in 0..2 {
            assert_eq!(table.next_start(key(1), rule, 5), When::Now);
            table.change(key(1), 5, |record, _| record.start(5));
        }
        let delayed = |rule| table.next_start(key(1), rule, 6);
        assert_eq!(delayed(rule), When::AfterOthers(505));
        assert_eq!(delayed(RULE), When::AfterOthers(1005));
        let gone = 5 + LEASE;
        assert_eq!(table.own(key(1), gone).map(|it| it.failures), Some(2));
        table.change(key(1), gone, |record, _| record.end());
        assert_eq!(table.own(key(1), gone).map(|it| it.under_way), Some(0));
    }

    #[test]
    fn a_full_table_forgets_no_failures_and_does_not_grow() {
        let mut table = CountTable::default();
        for _ in 0..4 {
            fail(&mut table, key(0), 1);
        }
        for number in 1..2 * MAX_RECORDS as u64 {
            fail(&mut table, key(number), 1);
        }
        let most = MAX_RECORDS + SHARED_RECORDS as usize;
        assert!(table.records.len() <= most, "{}", table.records.len());
        assert_eq!(table.next_start(key(0), RULE, 1), When::At(4001));
        let last = key(2 * MAX_RECORDS as u64 - 1);
        assert_eq!(table.own(last, 1), None);
        assert_eq!(table.next_start(last, RULE, 1), When::At(1001), "shared");
        fail(&mut table, last, 500);
        table.forget_old(1 + FORGOTTEN);
        assert_eq!(table.records.len(), 1, "the others are too old");
        let own = |number| table.own(key(number), 1 + FORGOTTEN);
        assert!(own(99).is_some());
        assert_eq!(table.own(last, 1 + FORGOTTEN), None, "it has counted there");
    }
}
