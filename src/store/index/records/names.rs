//! The file names of all records of a mailbox, in one arena.

use super::record::Record;

/// The longest name that a directory entry can have, in octets.
pub(crate) const MAX_NAME: usize = 255;
/// Less garbage than this stays in the arena, in octets.
const TOLERATED_GARBAGE: usize = 4096;

/// The arena or the index type has no room for another record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordsFull;

/// The names, one behind the other.
#[derive(Debug, Default)]
pub(super) struct NameArena {
    octets: Vec<u8>,
    /// Octets that belong to no record.
    garbage: usize,
}

impl NameArena {
    /// Returns the whole name of a record.
    pub(super) fn name(&self, record: &Record) -> &[u8] {
        let at = record.name_at as usize;
        &self.octets[at..at + usize::from(record.name_length)]
    }

    /// Returns the part of a record's name that never changes.
    pub(super) fn base(&self, record: &Record) -> &[u8] {
        &self.name(record)[..usize::from(record.base_length)]
    }

    /// Adds a name; returns where it starts and its length.
    pub(super) fn push(&mut self, name: &[u8]) -> Result<(u32, u8), RecordsFull> {
        let at = u32::try_from(self.octets.len()).map_err(|_| RecordsFull)?;
        let length = u8::try_from(name.len()).map_err(|_| RecordsFull)?;
        grow_gently(&mut self.octets, name.len());
        self.octets.extend_from_slice(name);
        Ok((at, length))
    }

    /// Gives a record another name, in the place of the old one if it fits.
    pub(super) fn replace(&mut self, record: &mut Record, name: &[u8]) -> Result<(), RecordsFull> {
        let old = usize::from(record.name_length);
        if name.len() <= old {
            let at = record.name_at as usize;
            self.octets[at..at + name.len()].copy_from_slice(name);
            self.garbage += old - name.len();
            record.name_length = u8::try_from(name.len()).map_err(|_| RecordsFull)?;
        } else {
            (record.name_at, record.name_length) = self.push(name)?;
            self.garbage += old;
        }
        Ok(())
    }

    /// Takes note that some octets belong to no record any more.
    pub(super) fn discard(&mut self, octets: usize) {
        self.garbage += octets;
    }

    /// Copies the names of the records together if a third of the arena is garbage.
    pub(super) fn collect_garbage(&mut self, records: &mut [Record]) {
        if self.garbage < TOLERATED_GARBAGE || self.garbage < self.octets.len() / 3 {
            return;
        }
        let mut octets = Vec::with_capacity(self.octets.len() - self.garbage);
        for record in records {
            let name = self.name(record);
            let at = octets.len() as u32;
            octets.extend_from_slice(name);
            record.name_at = at;
        }
        (self.octets, self.garbage) = (octets, 0);
    }

    /// Frees unused capacity.
    pub(super) fn shrink(&mut self) {
        self.octets.shrink_to_fit();
    }

    /// Returns the octets of memory that the arena takes.
    pub(super) fn memory(&self) -> usize {
        self.octets.capacity()
    }

    /// Returns the octets in use, garbage included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }
}

/// Makes room by an eighth at a time, because doubling would waste up to as much as it uses.
pub(super) fn grow_gently<T>(vector: &mut Vec<T>, more: usize) {
    if vector.capacity() - vector.len() < more {
        vector.reserve_exact(more + vector.len() / 8 + 16);
    }
}
