//! The records of one mailbox: dense, in UID order, with tombstones for messages that are gone but
//! that somebody still counts.
//!
//! # The problem
//!
//! A mailbox of 100 000 messages is held once, whoever watches it, and must cost about 100 bytes a
//! message. Each session numbers the messages for itself, from 1, and its numbers move only when it
//! has been told so. And the disk, which other programs change, presents the files in no order at
//! all.
//!
//! # The shape
//!
//! One vector of 32-byte records, one arena of file names, one hash table from base name to record.
//! The vector has three stretches:
//!
//! ```text
//! [ published ............ | listed, not yet published .. | strangers ]
//!   uid ascending, may be     uid ascending and greater     uid 0
//!   told to views
//! ```
//!
//! *Published* records are what views may be told of; the stretch grows only at its end, and so
//! only with greater UIDs. *UidListRead* records stand in `dovecot-uidlist` but their file was not seen
//! yet: it may be a dead line, or a file that a racing `readdir` skipped. *Strangers* are files
//! without a UID.
//!
//! An expunged record stays as a tombstone, with the change at which it died. A view counts a
//! published record if it is alive or died after the last change the view was told of; so the
//! number of a record in a view is its index less the tombstones before it that the view knows.
//! Tombstones are kept apart as a short sorted list, and dropped in batches once every view knows
//! them.

use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

use crate::types::{Flags, KeywordSet, NumberSet};

/// The longest name a directory entry can have.
pub(crate) const MAX_NAME: usize = 255;

/// What is known of a record besides its name and flags; a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordState(u8);

impl RecordState {
    /// The file is in `new/`, not in `cur/`.
    pub(crate) const IN_NEW: Self = Self(1);
    /// Not found by a whole scan, but not yet proven gone.
    pub(crate) const MISSING: Self = Self(2);
    /// Expunged: a tombstone.
    pub(crate) const EXPUNGED: Self = Self(4);
    /// NewRecord by the running scan, or known to be there by our own doing.
    pub(crate) const FOUND: Self = Self(8);
    /// Renamed by ourselves while the scan ran: what the scan still reads about it may be old.
    pub(crate) const RENAMED_BY_US: Self = Self(16);
    /// Recent, and no read-write view has claimed it yet.
    pub(crate) const RECENT: Self = Self(32);

    pub(crate) fn has(self, bit: Self) -> bool {
        self.0 & bit.0 != 0
    }

    pub(crate) fn set(&mut self, bit: Self, on: bool) {
        if on {
            self.0 |= bit.0;
        } else {
            self.0 &= !bit.0;
        }
    }

    pub(crate) fn with(self, bit: Self, on: bool) -> Self {
        let mut state = self;
        state.set(bit, on);
        state
    }
}

/// One message. 32 bytes, because there may be 100 000 of them in each of many mailboxes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// When it came, its flags last changed, or it was expunged
    /// ([`crate::store::Mailbox::change`]).
    pub(crate) mod_sequence: u64,
    /// 0 for a stranger.
    pub(crate) uid: u32,
    name_at: u32,
    /// Octets as CRLF, if measured; [`Self::UNKNOWN_SIZE`] else.
    pub(crate) size: u32,
    /// The view whose own doing the last change of flags was, 0 if nobody's or several's.
    pub(crate) changed_by: u32,
    pub(crate) keywords: KeywordSet,
    name_length: u8,
    base_length: u8,
    pub(crate) flags: Flags,
    pub(crate) state: RecordState,
}

impl Record {
    pub(crate) const UNKNOWN_SIZE: u32 = u32::MAX;

    pub(crate) fn is_expunged(&self) -> bool {
        self.state.has(RecordState::EXPUNGED)
    }

    pub(crate) fn is_unassigned(&self) -> bool {
        self.uid == 0
    }
}

/// What a new record is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRecord<'n> {
    pub(crate) uid: u32,
    /// The whole name of the file, or only its base if the file was not seen yet.
    pub(crate) name: &'n [u8],
    pub(crate) base_length: usize,
    pub(crate) flags: Flags,
    pub(crate) keywords: KeywordSet,
    pub(crate) state: RecordState,
}

/// A tombstone: which record, and at which change it died.
#[derive(Debug, Clone, Copy)]
struct Tombstone {
    index: u32,
    change: u64,
}

/// The arena or the numbering has no room for another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordsFull;

/// What becomes of a listed record; see [`Records::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailDecision {
    /// It is a message: views may be told.
    Publish,
    /// It is only a line in the list.
    Drop,
    /// Not known yet; it and all after it wait.
    Wait,
}

#[derive(Debug, Default)]
pub(crate) struct Records {
    records: Vec<Record>,
    names: Vec<u8>,
    /// Bytes in `names` that no record points to.
    garbage: usize,
    by_base: HashTable<u32>,
    hasher: RandomState,
    published: usize,
    /// By index, ascending.
    tombstones: Vec<Tombstone>,
    /// The least and the greatest change of the tombstones; what lies outside needs no counting.
    tombstone_range: (u64, u64),
    layout: u32,
}

impl Records {
    pub(crate) fn record(&self, index: usize) -> &Record {
        &self.records[index]
    }

    pub(crate) fn record_mut(&mut self, index: usize) -> &mut Record {
        &mut self.records[index]
    }

    /// Published records, tombstones included.
    pub(crate) fn published(&self) -> &[Record] {
        &self.records[..self.published]
    }

    /// Indexes of the records that are not published.
    pub(crate) fn tail(&self) -> std::ops::Range<usize> {
        self.published..self.records.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Published messages that are alive.
    pub(crate) fn message_count(&self) -> usize {
        self.published - self.tombstones.len()
    }

    /// Grows whenever indexes of published records move; an index kept from before must be looked
    /// up anew.
    pub(crate) fn layout(&self) -> u32 {
        self.layout
    }

    /// The greatest published UID, 0 if there is none.
    pub(crate) fn last_uid(&self) -> u32 {
        self.published().last().map_or(0, |record| record.uid)
    }

    /// The greatest UID of all, listed ones included.
    pub(crate) fn last_listed_uid(&self) -> u32 {
        self.records
            .iter()
            .rev()
            .find(|record| !record.is_unassigned())
            .map_or(0, |r| r.uid)
    }

    pub(crate) fn name(&self, index: usize) -> &[u8] {
        name_in(&self.names, &self.records[index])
    }

    pub(crate) fn base(&self, index: usize) -> &[u8] {
        base_in(&self.names, &self.records[index])
    }

    /// The record of that base name, wherever it stands; never a tombstone.
    pub(crate) fn find(&self, base: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(base);
        let same = |&index: &u32| self.base(index as usize) == base;
        self.by_base.find(hash, same).map(|&index| index as usize)
    }

    /// The published record of that UID (a tombstone perhaps), or where it would stand.
    pub(crate) fn find_uid(&self, uid: u32) -> Result<usize, usize> {
        self.published()
            .binary_search_by_key(&uid, |record| record.uid)
    }

    /// The published record of that UID, if there is one. It costs no search where `number`, its
    /// number in some view, has no tombstone before it.
    pub(crate) fn find_message(&self, uid: u32, number: u32) -> Option<usize> {
        let index = (number as usize).saturating_sub(1);
        match self.published().get(index) {
            Some(record) if record.uid == uid => Some(index),
            _ => self.find_uid(uid).ok(),
        }
    }

    /// Adds a record at the very end; the caller keeps the order of the stretches (see
    /// [`Self::settle`]).
    pub(crate) fn push(&mut self, found: &NewRecord<'_>) -> Result<usize, RecordsFull> {
        debug_assert!(self.find(&found.name[..found.base_length]).is_none());
        let index = u32::try_from(self.records.len()).map_err(|_| RecordsFull)?;
        let (name_at, name_length) = self.store_name(found.name)?;
        grow_gently(&mut self.records, 1);
        self.records.push(Record {
            mod_sequence: 0,
            uid: found.uid,
            name_at,
            size: Record::UNKNOWN_SIZE,
            changed_by: 0,
            keywords: found.keywords,
            name_length,
            base_length: u8::try_from(found.base_length).map_err(|_| RecordsFull)?,
            flags: found.flags,
            state: found.state,
        });
        self.link(index);
        Ok(index as usize)
    }

    /// Puts another name of the same base in a record's place.
    pub(crate) fn rename(&mut self, index: usize, name: &[u8]) -> Result<(), RecordsFull> {
        let record = self.records[index];
        debug_assert!(name.starts_with(self.base(index)));
        let old = usize::from(record.name_length);
        if name.len() <= old {
            let at = record.name_at as usize;
            self.names[at..at + name.len()].copy_from_slice(name);
            self.garbage += old - name.len();
            self.records[index].name_length = u8::try_from(name.len()).map_err(|_| RecordsFull)?;
        } else {
            let (name_at, name_length) = self.store_name(name)?;
            self.garbage += old;
            let record = &mut self.records[index];
            (record.name_at, record.name_length) = (name_at, name_length);
        }
        self.collect_garbage();
        Ok(())
    }

    fn store_name(&mut self, name: &[u8]) -> Result<(u32, u8), RecordsFull> {
        let at = u32::try_from(self.names.len()).map_err(|_| RecordsFull)?;
        let length = u8::try_from(name.len()).map_err(|_| RecordsFull)?;
        grow_gently(&mut self.names, name.len());
        self.names.extend_from_slice(name);
        Ok((at, length))
    }

    /// Makes a published record a tombstone, or removes an unpublished one's name from the table.
    /// True if it was alive.
    pub(crate) fn expunge(&mut self, index: usize, change: u64) -> bool {
        if self.records[index].is_expunged() {
            return false;
        }
        self.unlink(index);
        let record = &mut self.records[index];
        record.state = RecordState::EXPUNGED;
        record.mod_sequence = change;
        debug_assert!(
            index < self.published,
            "only published records leave a tombstone"
        );
        let tombstone = Tombstone {
            index: index as u32,
            change,
        };
        let at = self
            .tombstones
            .partition_point(|other| other.index < tombstone.index);
        self.tombstones.insert(at, tombstone);
        if self.tombstones.len() == 1 {
            self.tombstone_range = (change, change);
        } else {
            self.tombstone_range.1 = change;
        }
        true
    }

    /// Brings the tail in order (listed ones by UID, then strangers), and decides about each listed
    /// one: publishes or drops them from the least UID on, until one has to wait. Returns the
    /// indexes of the newly published.
    pub(crate) fn settle_tail(
        &mut self,
        mut verdict: impl FnMut(&Record) -> TailDecision,
    ) -> std::ops::Range<usize> {
        let first = self.published;
        let mut kept: Vec<u32> = self.tail().map(|index| index as u32).collect();
        kept.sort_unstable_by_key(|&index| {
            let record = &self.records[index as usize];
            (record.is_unassigned(), record.uid, index)
        });
        let (mut waiting, mut published) = (false, 0);
        kept.retain(|&index| {
            let record = &self.records[index as usize];
            waiting |= record.is_unassigned();
            if waiting {
                return true;
            }
            let verdict = verdict(record);
            waiting = verdict == TailDecision::Wait;
            published += usize::from(verdict == TailDecision::Publish);
            verdict != TailDecision::Drop
        });
        self.rearrange_tail(&kept);
        self.published += published;
        first..self.published
    }

    /// Forgets unpublished records, such as strangers whose file has vanished again.
    pub(crate) fn retain_tail(&mut self, mut keep: impl FnMut(&Record) -> bool) {
        let mut kept: Vec<u32> = self.tail().map(|index| index as u32).collect();
        kept.retain(|&index| keep(&self.records[index as usize]));
        self.rearrange_tail(&kept);
    }

    /// Makes the tail consist of the records at the given indexes of it, in that order.
    fn rearrange_tail(&mut self, kept: &[u32]) {
        let first = self.published;
        let stays = (first as u32..).zip(kept).all(|(old, &new)| old == new);
        if stays && kept.len() == self.tail().len() {
            return;
        }
        let mut places = vec![u32::MAX; self.tail().len()];
        for (place, &index) in (first as u32..).zip(kept) {
            places[index as usize - first] = place;
        }
        for index in self.tail() {
            if places[index - first] == u32::MAX {
                self.unlink(index);
                self.garbage += usize::from(self.records[index].name_length);
            }
        }
        for index in &mut self.by_base {
            if *index as usize >= first {
                *index = places[*index as usize - first];
            }
        }
        let tail: Vec<Record> = kept
            .iter()
            .map(|&index| self.records[index as usize])
            .collect();
        self.records.truncate(first);
        self.records.extend(tail);
        self.collect_garbage();
    }

    /// Gives strangers their UIDs, in the order given, which holds the indexes of all of them.
    pub(crate) fn number(&mut self, unassigned: &[usize], mut uids: impl Iterator<Item = u32>) {
        for &index in unassigned {
            if let Some(uid) = uids.next() {
                self.records[index].uid = uid;
            }
        }
    }

    /// True if it may be worth the trouble to drop some.
    pub(crate) fn has_many_tombstones(&self, least: usize) -> bool {
        self.tombstones.len() >= least.max(self.records.len() / 8).max(1)
    }

    /// Drops the tombstones that died no later than `told`, if that is worth the trouble: at least
    /// `least` of them and an eighth of all. Indexes move.
    pub(crate) fn compact(&mut self, announced: u64, least: usize) {
        if !self.has_many_tombstones(least) {
            return;
        }
        let (old, kept): (Vec<Tombstone>, Vec<Tombstone>) = self
            .tombstones
            .iter()
            .partition(|tombstone| tombstone.change <= announced);
        if old.len() < least.max(self.records.len() / 8) {
            return;
        }
        let removed_before =
            |index: u32| old.partition_point(|tombstone| tombstone.index < index) as u32;
        for index in &mut self.by_base {
            *index -= removed_before(*index);
        }
        self.tombstones = kept
            .iter()
            .map(|tombstone| Tombstone {
                index: tombstone.index - removed_before(tombstone.index),
                ..*tombstone
            })
            .collect();
        self.tombstone_range = kept.iter().fold((u64::MAX, 0), |(low, high), tombstone| {
            (low.min(tombstone.change), high.max(tombstone.change))
        });
        self.garbage += remove_records(&mut self.records, &old);
        self.published -= old.len();
        self.layout = self.layout.wrapping_add(1);
        self.collect_garbage();
    }

    /// How many published records before `index` a view no longer counts that knows of all deaths
    /// up to `told`.
    fn expunged_before(&self, index: usize, announced: u64) -> usize {
        let before = self
            .tombstones
            .partition_point(|tombstone| (tombstone.index as usize) < index);
        let (low, high) = self.tombstone_range;
        if self.tombstones.is_empty() || announced < low {
            0
        } else if announced >= high {
            before
        } else {
            self.tombstones[..before]
                .iter()
                .filter(|tombstone| tombstone.change <= announced)
                .count()
        }
    }

    /// The number, from 1, of a record in a view that knows of all deaths up to `told`.
    pub(crate) fn number_of(&self, index: usize, announced: u64) -> u32 {
        (index - self.expunged_before(index, announced) + 1) as u32
    }

    /// The index of the record with that number, from 1; the inverse of [`Self::number_of`].
    pub(crate) fn index_of(&self, number: u32, announced: u64) -> usize {
        let rank = number as usize - 1;
        let (low, high) = self.tombstone_range;
        if self.tombstones.is_empty() || announced < low {
            return rank;
        }
        if announced >= high {
            return rank + self.tombstones_within(rank);
        }
        let known = self
            .tombstones
            .iter()
            .filter(|tombstone| tombstone.change <= announced);
        known.fold(rank, |at, tombstone| {
            at + usize::from(tombstone.index as usize <= at)
        })
    }

    /// How many tombstones lie before the record that has `rank` living ones before it.
    fn tombstones_within(&self, rank: usize) -> usize {
        let (mut low, mut high) = (0, self.tombstones.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.tombstones[middle].index as usize - middle <= rank {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// True if a view that knows of all deaths up to `told` counts this record.
    pub(crate) fn counts(&self, index: usize, announced: u64) -> bool {
        let record = &self.records[index];
        !record.is_expunged() || record.mod_sequence > announced
    }

    /// The numbers, in a view that knows of all deaths up to `told`, of records at ascending
    /// indexes.
    pub(crate) fn numbers_of(&self, indexes: &[usize], announced: u64) -> NumberSet {
        let mut tombstones = self.tombstones.iter().peekable();
        let (mut expunges_announced, mut numbers) = (0, NumberSet::new());
        for &index in indexes {
            while let Some(tombstone) =
                tombstones.next_if(|tombstone| (tombstone.index as usize) < index)
            {
                expunges_announced += usize::from(tombstone.change <= announced);
            }
            numbers.insert((index - expunges_announced + 1) as u32);
        }
        numbers
    }

    /// The first of the deaths after `told` among the records up to `last_uid`.
    pub(crate) fn first_expunge_after(&self, announced: u64, last_uid: u32) -> Option<u64> {
        if self.tombstones.is_empty() || self.tombstone_range.1 <= announced {
            return None;
        }
        let known = |tombstone: &&Tombstone| self.records[tombstone.index as usize].uid <= last_uid;
        let deaths = self
            .tombstones
            .iter()
            .take_while(known)
            .map(|tombstone| tombstone.change);
        deaths.filter(|&change| change > announced).min()
    }

    /// The deaths after `told` among the records up to `last_uid`: for each its UID, and its number
    /// once those before it were taken out.
    pub(crate) fn expunged_after(&self, announced: u64, last_uid: u32) -> Vec<(u32, u32)> {
        if self.tombstones.is_empty() || self.tombstone_range.1 <= announced {
            return Vec::new();
        }
        let mut expunged = Vec::new();
        for (expunges_announced, tombstone) in (0..).zip(&self.tombstones) {
            let uid = self.records[tombstone.index as usize].uid;
            if uid > last_uid {
                break;
            }
            if tombstone.change > announced {
                expunged.push((uid, tombstone.index + 1 - expunges_announced));
            }
        }
        expunged
    }

    /// Gives unused capacity back; after a mailbox was loaded.
    pub(crate) fn shrink(&mut self) {
        self.records.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.names.capacity()
            + self.by_base.allocation_size()
            + self.tombstones.capacity() * size_of::<Tombstone>()
    }

    fn link(&mut self, index: u32) {
        let (names, records, hasher) = (&self.names, &self.records, &self.hasher);
        let hash = |&index: &u32| hasher.hash_one(base_in(names, &records[index as usize]));
        self.by_base.insert_unique(hash(&index), index, hash);
    }

    fn unlink(&mut self, index: usize) {
        let hash = self.hasher.hash_one(self.base(index));
        let entry = self
            .by_base
            .find_entry(hash, |&other| other as usize == index);
        if let Ok(entry) = entry {
            entry.remove();
        }
    }

    /// Copies the names together when a third of the arena is dead.
    fn collect_garbage(&mut self) {
        if self.garbage < 4096 || self.garbage < self.names.len() / 3 {
            return;
        }
        let mut names = Vec::with_capacity(self.names.len() - self.garbage);
        for record in &mut self.records {
            let name = name_in(&self.names, record);
            let at = names.len() as u32;
            names.extend_from_slice(name);
            record.name_at = at;
        }
        (self.names, self.garbage) = (names, 0);
    }
}

fn name_in<'a>(names: &'a [u8], record: &Record) -> &'a [u8] {
    let at = record.name_at as usize;
    &names[at..at + usize::from(record.name_length)]
}

fn base_in<'a>(names: &'a [u8], record: &Record) -> &'a [u8] {
    &name_in(names, record)[..usize::from(record.base_length)]
}

/// Removes the records of the tombstones; returns how many bytes of names they had.
fn remove_records(records: &mut Vec<Record>, tombstones: &[Tombstone]) -> usize {
    let mut doomed = tombstones
        .iter()
        .map(|tombstone| tombstone.index as usize)
        .peekable();
    let (mut index, mut bytes) = (0, 0);
    records.retain(|record| {
        let goes = doomed.next_if_eq(&index).is_some();
        index += 1;
        bytes += if goes {
            usize::from(record.name_length)
        } else {
            0
        };
        !goes
    });
    bytes
}

/// Makes room by an eighth at a time: doubling would waste, at its worst, as much as it uses.
fn grow_gently<T>(vector: &mut Vec<T>, more: usize) {
    if vector.capacity() - vector.len() < more {
        vector.reserve_exact(more + vector.len() / 8 + 16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(uid: u32, name: &str) -> NewRecord<'_> {
        NewRecord {
            uid,
            name: name.as_bytes(),
            base_length: name.find(':').unwrap_or(name.len()),
            flags: Flags::NONE,
            keywords: KeywordSet::NONE,
            state: RecordState::FOUND,
        }
    }

    fn table(count: u32) -> Records {
        let mut table = Records::default();
        for uid in 1..=count {
            table
                .push(&found(uid, &format!("{uid}.x:2,")))
                .expect("room");
        }
        table.settle_tail(|_| TailDecision::Publish);
        table
    }

    #[test]
    fn a_message_costs_at_most_120_bytes() {
        let mut table = Records::default();
        let typical = |n: u32| {
            format!(
                "1700{n:06}.M{:06}P{}.mail.example.org,S={n},W={}:2,S",
                n * 7,
                n % 32768,
                n + 99
            )
        };
        for uid in 1..=100_000 {
            table.push(&found(uid, &typical(uid))).expect("room");
        }
        table.settle_tail(|_| TailDecision::Publish);
        assert!(
            table.memory() <= 120 * 100_000,
            "growing: {}",
            table.memory() / 100_000
        );
        table.shrink();
        assert!(
            table.memory() <= 110 * 100_000,
            "grown: {}",
            table.memory() / 100_000
        );
        assert_eq!(size_of::<Record>(), 32);
    }

    #[test]
    fn settles_in_the_order_of_numbers_and_waits_for_what_is_not_seen() {
        let mut table = table(2);
        for (uid, seen) in [(9, true), (0, true), (5, true), (7, false)] {
            let index = table.push(&found(uid, &format!("n{uid}"))).expect("room");
            table.record_mut(index).state.set(RecordState::FOUND, seen);
        }
        let careful = |record: &Record| {
            if record.state.has(RecordState::FOUND) {
                TailDecision::Publish
            } else {
                TailDecision::Wait
            }
        };
        assert_eq!(table.settle_tail(careful), 2..3);
        assert_eq!(
            (
                table.last_uid(),
                table.last_listed_uid(),
                table.message_count()
            ),
            (5, 9, 3)
        );
        for (base, index) in [("n5", 2), ("n7", 3), ("n9", 4), ("n0", 5)] {
            assert_eq!(table.find(base.as_bytes()), Some(index), "{base}");
        }
        let strict = |record: &Record| {
            if record.state.has(RecordState::FOUND) {
                TailDecision::Publish
            } else {
                TailDecision::Drop
            }
        };
        assert_eq!(table.settle_tail(strict), 3..4);
        assert_eq!(
            (table.find(b"n7"), table.find(b"n9"), table.find(b"n0")),
            (None, Some(3), Some(4))
        );
        table.number(&[4], [11].into_iter());
        assert_eq!(table.settle_tail(strict), 4..5);
        assert!(table.tail().is_empty());
    }

    #[test]
    fn names_grow_and_shrink_without_end() {
        let mut table = table(50);
        for round in 0..10_000_usize {
            let index = round * 7 % 50;
            let name = format!("{}.x:2,{}", index + 1, "abcdefghij".repeat(round % 8));
            table.rename(index, name.as_bytes()).expect("room");
            assert_eq!(table.name(index), name.as_bytes());
        }
        assert!(table.names.len() < 64 * 1024, "{}", table.names.len());
        assert_eq!(table.find(b"17.x"), Some(16));
    }

    /// A view as a plain list of UIDs.
    struct Model {
        announced: u64,
        uids: Vec<u32>,
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_a_plain_list(
            steps in prop::collection::vec((0u8..5, any::<u16>()), 1..200),
        ) {
            let mut table = table(40);
            let mut change = 1;
            let mut next_uid = 41;
            let all: Vec<u32> = (1..=40).collect();
            let mut views = [Model { announced: 1, uids: all.clone() }, Model { announced: 1, uids: all }];
            for (step, pick) in steps {
                let pick = usize::from(pick);
                match step {
                    0 | 1 if table.message_count() > 0 => {
                        let living: Vec<usize> = (0..table.published().len())
                            .filter(|&index| !table.record(index).is_expunged())
                            .collect();
                        change += 1;
                        table.expunge(living[pick % living.len()], change);
                    }
                    2 => {
                        table.push(&found(next_uid, &format!("{next_uid}.x"))).expect("room");
                        table.settle_tail(|_| TailDecision::Publish);
                        next_uid += 1;
                    }
                    3 => {
                        let view = &mut views[pick % 2];
                        let last = view.uids.last().copied().unwrap_or(0);
                        for (uid, number) in table.expunged_after(view.announced, last) {
                            prop_assert_eq!(view.uids.remove(number as usize - 1), uid);
                        }
                        view.announced = change;
                        let first = table.find_uid(last + 1).unwrap_or_else(|at| at);
                        let new = (first..table.published().len()).filter(|&i| table.counts(i, change));
                        view.uids.extend(new.map(|index| table.record(index).uid));
                    }
                    _ => table.compact(views[0].announced.min(views[1].announced), 1),
                }
                for view in &views {
                    let mut indexes = Vec::new();
                    for (number, &uid) in (1..).zip(&view.uids) {
                        let index = table.index_of(number, view.announced);
                        prop_assert_eq!(table.record(index).uid, uid);
                        prop_assert_eq!(table.number_of(index, view.announced), number);
                        prop_assert_eq!(table.find_message(uid, number), Some(index));
                        prop_assert!(table.counts(index, view.announced));
                        indexes.push(index);
                    }
                    let numbers = table.numbers_of(&indexes, view.announced);
                    prop_assert_eq!(numbers, NumberSet::range(1, view.uids.len() as u32));
                }
            }
        }
    }
}
