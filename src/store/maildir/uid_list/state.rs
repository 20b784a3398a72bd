//! What a mailbox knows of its uid list: how far it was read, and whether lines may be appended.

use std::path::Path;

use super::reader::{UidListPosition, UidListReader};
use super::record::{UidListHeader, UidListRecord};
use super::writer::{UidListAppend, append};
use crate::store::StoreError;
use crate::types::Uid;

/// As many stale lines stay in a list, however short the list is.
const TOLERATED_STALE_LINES: usize = 64;

/// What is known of the list on disk.
#[derive(Debug, Default)]
pub(crate) struct UidListState {
    /// Up to where the list was read; `None` if it has to be read from its start.
    pub(crate) position: Option<UidListPosition>,
    pub(crate) header: Option<UidListHeader>,
    /// Number of records in the list, stale ones included.
    pub(crate) lines: usize,
    /// True if the list has to be rewritten before a line may be appended.
    pub(crate) is_flawed: bool,
    /// The least UID that was never used, as far as the list shows.
    pub(crate) next: u32,
}

/// What reading the list found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UidListRead {
    /// The list was read to its end.
    Whole,
    /// There is no list.
    Missing,
    /// The header is damaged, or a line has no end: it is not known which UIDs are in use.
    Damaged,
}

impl UidListState {
    /// Returns the least UID that was never used, as far as the list shows.
    pub(crate) fn next_uid(&self) -> u32 {
        self.next
    }

    /// True if the list has to be rewritten before a line may be appended.
    pub(crate) fn needs_rewrite(&self) -> bool {
        self.position.is_none() || self.is_flawed
    }

    /// True if so many of the lines belong to none of the `messages` that exist that rewriting the
    /// list pays.
    pub(crate) fn is_mostly_stale(&self, messages: usize) -> bool {
        let stale = self.lines.saturating_sub(messages);
        stale > TOLERATED_STALE_LINES && stale > self.lines / 4
    }

    /// Takes over where a reader has stopped, at the end of the list.
    pub(crate) fn finish_reading(&mut self, reader: &UidListReader) {
        self.is_flawed |= reader.needs_rewrite();
        self.next = self.next.max(reader.next_uid());
        self.position = Some(reader.position());
    }

    /// Appends lines to the list in `dir` and flushes it. The caller has locked the mailbox and has
    /// read the list to its end under that lock, and [`Self::needs_rewrite`] is false.
    pub(crate) fn append<'a>(
        &mut self,
        dir: &Path,
        lines: impl IntoIterator<Item = (Uid, &'a [u8])>,
    ) -> Result<(), StoreError> {
        let failed = StoreError::io("writing the uid list");
        let position = self.position.as_ref().ok_or(StoreError::Invalidated)?;
        let mut last = 0;
        let mut count = 0;
        let records = lines.into_iter().map(|(uid, base)| {
            last = uid.get();
            count += 1;
            UidListRecord::new(uid, base)
        });
        match append(dir, position, records).map_err(failed)? {
            UidListAppend::Done(position) => {
                self.position = Some(position);
                self.lines += count;
                self.next = self.next.max(last.saturating_add(1));
                Ok(())
            }
            UidListAppend::Moved => {
                self.position = None;
                Err(StoreError::InUse)
            }
        }
    }
}
