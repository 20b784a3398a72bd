//! All records of one mailbox. The essay is in the module above.

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use hashbrown::HashTable;

use super::names::{NameArena, RecordsFull, grow_gently};
use super::record::{NewRecord, Record, RecordState};
use super::tombstones::{Tombstone, Tombstones};
use crate::types::NumberSet;
use crate::work;

/// What becomes of a listed record of the tail; see [`Records::settle_tail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailDecision {
    /// It is a message: views may announce it.
    Publish,
    /// It is only a line in the uid list.
    Drop,
    /// It is not known yet what it is. It and all records behind it wait.
    Wait,
}

/// The records of one mailbox.
#[derive(Debug, Default)]
pub(crate) struct Records {
    records: Vec<Record>,
    pub(super) names: NameArena,
    /// Each record that is no tombstone, by its base name.
    by_base: HashTable<BaseEntry>,
    hasher: RandomState,
    /// How many of the records are published.
    published: usize,
    tombstones: Tombstones,
    /// Grows whenever indexes of published records change.
    layout: u32,
}

/// The index of a record, and half of the hash of its base name. With the hash the table grows
/// without a look at the names, which would take 20 ms for 57 000 of them.
#[derive(Debug, Clone, Copy)]
struct BaseEntry {
    index: u32,
    hash: u32,
}

impl BaseEntry {
    /// Returns the hash for the table, which looks at the highest and at the lowest bits.
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

/// Looking up.
impl Records {
    pub(crate) fn record(&self, index: usize) -> &Record {
        work::octets(size_of::<Record>());
        &self.records[index]
    }

    pub(crate) fn record_mut(&mut self, index: usize) -> &mut Record {
        &mut self.records[index]
    }

    /// Returns the published records, tombstones included.
    pub(crate) fn published(&self) -> &[Record] {
        &self.records[..self.published]
    }

    /// Returns the indexes of the records that are not published.
    pub(crate) fn tail(&self) -> Range<usize> {
        self.published..self.records.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns the number of published messages that exist.
    pub(crate) fn message_count(&self) -> usize {
        self.published - self.tombstones.len()
    }

    /// Returns a number that grows whenever indexes of published records change. An index kept from
    /// before has to be looked up again.
    pub(crate) fn layout(&self) -> u32 {
        self.layout
    }

    /// Returns the largest published UID, 0 if there is none.
    pub(crate) fn last_uid(&self) -> u32 {
        self.published().last().map_or(0, |record| record.uid)
    }

    /// Returns the largest UID of all, listed ones included.
    pub(crate) fn last_listed_uid(&self) -> u32 {
        self.records
            .iter()
            .rev()
            .find(|record| !record.is_unassigned())
            .map_or(0, |record| record.uid)
    }

    /// Returns the file name of a record.
    pub(crate) fn name(&self, index: usize) -> &[u8] {
        self.names.name(&self.records[index])
    }

    /// Returns the part of a record's file name that never changes.
    pub(crate) fn base(&self, index: usize) -> &[u8] {
        self.names.base(&self.records[index])
    }

    /// Returns the index of the record with that base name, in any section; never a tombstone.
    pub(crate) fn find(&self, base: &[u8]) -> Option<usize> {
        work::things(1);
        let hash = self.hash(base);
        let same =
            |entry: &BaseEntry| entry.hash == hash && self.base(entry.index as usize) == base;
        let found = self.by_base.find(BaseEntry::spread(hash), same);
        found.map(|entry| entry.index as usize)
    }

    /// Returns the index of the published record with that UID, which may be a tombstone, or as an
    /// error the index where it would be.
    pub(crate) fn find_uid(&self, uid: u32) -> Result<usize, usize> {
        self.published()
            .binary_search_by_key(&uid, |record| record.uid)
    }

    /// Returns the index of the published record with that UID. Needs no search if `number`, its
    /// number in some view, has no tombstone before it.
    pub(crate) fn find_message(&self, uid: u32, number: u32) -> Option<usize> {
        let index = (number as usize).saturating_sub(1);
        match self.published().get(index) {
            Some(record) if record.uid == uid => Some(index),
            _ => self.find_uid(uid).ok(),
        }
    }

    /// Returns the bytes of memory that the records take.
    pub(crate) fn memory(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.names.memory()
            + self.by_base.allocation_size()
            + self.tombstones.memory()
    }
}

/// Adding, renaming and expunging.
impl Records {
    /// Adds a record at the very end. The caller keeps the order of the sections, see
    /// [`Self::settle_tail`].
    pub(crate) fn push(&mut self, new: &NewRecord<'_>) -> Result<usize, RecordsFull> {
        debug_assert!(self.find(&new.name[..new.base_length]).is_none());
        let index = u32::try_from(self.records.len()).map_err(|_| RecordsFull)?;
        let (name_at, name_length) = self.names.push(new.name)?;
        grow_gently(&mut self.records, 1);
        self.records.push(Record {
            mod_sequence: 0,
            uid: new.uid,
            name_at,
            size: Record::UNKNOWN_SIZE,
            changed_by: 0,
            keywords: new.keywords,
            name_length,
            base_length: u8::try_from(new.base_length).map_err(|_| RecordsFull)?,
            flags: new.flags,
            state: new.state,
        });
        self.link(index);
        Ok(index as usize)
    }

    /// Gives a record another name with the same base.
    pub(crate) fn rename(&mut self, index: usize, name: &[u8]) -> Result<(), RecordsFull> {
        debug_assert!(name.starts_with(self.base(index)));
        self.names.replace(&mut self.records[index], name)?;
        self.names.collect_garbage(&mut self.records);
        Ok(())
    }

    /// Makes a published record a tombstone. Returns false if it was one already.
    pub(crate) fn expunge(&mut self, index: usize, mod_sequence: u64) -> bool {
        if self.records[index].is_expunged() {
            return false;
        }
        self.unlink(index);
        let record = &mut self.records[index];
        record.state = RecordState::EXPUNGED;
        record.mod_sequence = mod_sequence;
        debug_assert!(
            index < self.published,
            "only published records become tombstones"
        );
        self.tombstones.insert(Tombstone {
            index: index as u32,
            mod_sequence,
        });
        true
    }

    /// Gives records without a UID their UIDs, in the order of `unassigned`, which holds the
    /// indexes of all of them.
    pub(crate) fn number(&mut self, unassigned: &[usize], uids: impl Iterator<Item = u32>) {
        for (&index, uid) in unassigned.iter().zip(uids) {
            self.records[index].uid = uid;
        }
    }

    /// Frees unused capacity. Called after a mailbox was loaded.
    pub(crate) fn shrink(&mut self) {
        self.records.shrink_to_fit();
        self.names.shrink();
    }

    fn link(&mut self, index: u32) {
        let hash = self.hash(self.base(index as usize));
        let spread = |entry: &BaseEntry| BaseEntry::spread(entry.hash);
        self.by_base
            .insert_unique(BaseEntry::spread(hash), BaseEntry { index, hash }, spread);
    }

    fn hash(&self, base: &[u8]) -> u32 {
        self.hasher.hash_one(base) as u32
    }

    fn unlink(&mut self, index: usize) {
        let hash = BaseEntry::spread(self.hash(self.base(index)));
        let entry = self
            .by_base
            .find_entry(hash, |other| other.index as usize == index);
        if let Ok(entry) = entry {
            entry.remove();
        }
    }
}

/// The tail.
impl Records {
    /// Sorts the tail (listed records by UID, then unassigned ones) and decides about the listed
    /// ones: publishes or drops them from the least UID on, until one has to wait. Returns the
    /// indexes of the records that were published.
    pub(crate) fn settle_tail(
        &mut self,
        mut decide: impl FnMut(&Record) -> TailDecision,
    ) -> Range<usize> {
        let first = self.published;
        let mut kept: Vec<u32> = self.tail().map(|index| index as u32).collect();
        kept.sort_unstable_by(|&a, &b| self.compare_in_tail(a, b));
        let (mut waiting, mut published) = (false, 0);
        kept.retain(|&index| {
            let record = &self.records[index as usize];
            waiting |= record.is_unassigned();
            if waiting {
                return true;
            }
            let decision = decide(record);
            waiting = decision == TailDecision::Wait;
            published += usize::from(decision == TailDecision::Publish);
            decision != TailDecision::Drop
        });
        self.rearrange_tail(&kept);
        self.published += published;
        first..self.published
    }

    /// Compares two records of the tail by the order of [`Self::settle_tail`].
    pub(crate) fn compare_in_tail(&self, a: u32, b: u32) -> Ordering {
        let key = |index: u32| {
            let record = &self.records[index as usize];
            (record.is_unassigned(), record.uid, index)
        };
        key(a).cmp(&key(b))
    }

    /// True if the tail has the order of [`Self::settle_tail`].
    pub(crate) fn is_tail_sorted(&self) -> bool {
        let tail = self.tail().start as u32..self.tail().end as u32;
        tail.is_sorted_by(|&a, &b| self.compare_in_tail(a, b).is_le())
    }

    /// Sorts the tail, as [`Self::settle_tail`] does, in the order that the caller has found: the
    /// indexes of all of its records.
    pub(crate) fn arrange_tail(&mut self, order: &[u32]) {
        debug_assert_eq!(order.len(), self.tail().len());
        self.rearrange_tail(order);
    }

    /// Drops the records of the tail for which `keep` returns false, such as unassigned ones whose
    /// file has vanished again.
    pub(crate) fn retain_tail(&mut self, mut keep: impl FnMut(&Record) -> bool) {
        let mut kept: Vec<u32> = self.tail().map(|index| index as u32).collect();
        kept.retain(|&index| keep(&self.records[index as usize]));
        self.rearrange_tail(&kept);
    }

    /// Makes the tail consist of those of its records whose indexes are given, in that order.
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
                let length = self.records[index].name_length;
                self.names.discard(usize::from(length));
            }
        }
        for BaseEntry { index, .. } in &mut self.by_base {
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
        self.names.collect_garbage(&mut self.records);
    }
}

/// Tombstones and message numbers. `announced` is the mod-sequence up to which a view has announced
/// expunges.
impl Records {
    /// True if there are at least `least` tombstones, and one for every eight records.
    pub(crate) fn has_many_tombstones(&self, least: usize) -> bool {
        self.tombstones.len() >= least.max(self.records.len() / 8).max(1)
    }

    /// Drops the tombstones up to `announced` if that pays: at least `least` of them and an eighth
    /// of all records. Indexes change.
    pub(crate) fn compact(&mut self, announced: u64, least: usize) {
        if !self.has_many_tombstones(least) {
            return;
        }
        let least = least.max(self.records.len() / 8);
        let Some(old) = self.tombstones.take_announced(announced, least) else {
            return;
        };
        let places = places_without(&old, self.records.len());
        for BaseEntry { index, .. } in &mut self.by_base {
            *index = places[*index as usize];
        }
        self.names.discard(remove_records(&mut self.records, &old));
        self.published -= old.len();
        self.layout = self.layout.wrapping_add(1);
        self.names.collect_garbage(&mut self.records);
    }

    /// Returns the message number, from 1, of a record in a view.
    pub(crate) fn number_of(&self, index: usize, announced: u64) -> u32 {
        (index - self.tombstones.announced_before(index, announced) + 1) as u32
    }

    /// Returns the index of the record with that message number, from 1; the inverse of
    /// [`Self::number_of`].
    pub(crate) fn index_of(&self, number: u32, announced: u64) -> usize {
        self.tombstones
            .index_of_rank(number as usize - 1, announced)
    }

    /// True if a view counts this record.
    pub(crate) fn counts(&self, index: usize, announced: u64) -> bool {
        let record = &self.records[index];
        !record.is_expunged() || record.mod_sequence > announced
    }

    /// Returns the message numbers, in a view, of records at ascending indexes.
    pub(crate) fn numbers_of(&self, indexes: &[usize], announced: u64) -> NumberSet {
        let mut tombstones = self.tombstones.iter().peekable();
        let (mut before, mut numbers) = (0, NumberSet::new());
        for &index in indexes {
            while let Some(tombstone) =
                tombstones.next_if(|tombstone| (tombstone.index as usize) < index)
            {
                before += usize::from(tombstone.mod_sequence <= announced);
            }
            numbers.insert((index - before + 1) as u32);
        }
        numbers
    }

    /// Returns the mod-sequence of the first expunge after `announced` among the records up to
    /// `last_uid`.
    pub(crate) fn first_expunge_after(&self, announced: u64, last_uid: u32) -> Option<u64> {
        if self.tombstones.are_announced(announced) {
            return None;
        }
        let known = |tombstone: &&Tombstone| self.records[tombstone.index as usize].uid <= last_uid;
        let expunges = self.tombstones.iter().take_while(known);
        let expunges = expunges.map(|tombstone| tombstone.mod_sequence);
        expunges.filter(|&change| change > announced).min()
    }

    /// Returns the expunges after `announced` among the records up to `last_uid`: for each its UID,
    /// and its message number once those before it were removed.
    pub(crate) fn expunged_after(&self, announced: u64, last_uid: u32) -> Vec<(u32, u32)> {
        if self.tombstones.are_announced(announced) {
            return Vec::new();
        }
        let mut expunged = Vec::new();
        for (before, tombstone) in (0..).zip(self.tombstones.iter()) {
            let uid = self.records[tombstone.index as usize].uid;
            if uid > last_uid {
                break;
            }
            if tombstone.mod_sequence > announced {
                expunged.push((uid, tombstone.index + 1 - before));
            }
        }
        expunged
    }
}

/// Returns the new index of each record once those of the tombstones are removed. A table, because
/// looking each index up among the tombstones would take several times as long.
fn places_without(tombstones: &[Tombstone], records: usize) -> Vec<u32> {
    let mut doomed = tombstones
        .iter()
        .map(|tombstone| tombstone.index)
        .peekable();
    let mut place = 0;
    let places = (0..records as u32).map(|index| {
        let new = place;
        place += u32::from(doomed.next_if_eq(&index).is_none());
        new
    });
    places.collect()
}

/// Removes the records of the tombstones; returns how many octets of names they had.
fn remove_records(records: &mut Vec<Record>, tombstones: &[Tombstone]) -> usize {
    let mut doomed = tombstones
        .iter()
        .map(|tombstone| tombstone.index as usize)
        .peekable();
    let (mut index, mut octets) = (0, 0);
    records.retain(|record| {
        let goes = doomed.next_if_eq(&index).is_some();
        index += 1;
        if goes {
            octets += usize::from(record.name_length);
        }
        !goes
    });
    octets
}
