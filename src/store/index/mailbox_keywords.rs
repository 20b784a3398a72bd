//! The keyword names of an open mailbox.

use std::path::Path;
use std::time::SystemTime;

use crate::budget::{Budget, Step};
use crate::file_stamp::FileStamp;
use crate::ready;
use crate::store::StoreError;
use crate::store::flush::FlushQueue;
use crate::store::maildir::atomic_replace::FlushingReplacement;
use crate::store::maildir::keywords::{self, KeywordTable};
use crate::types::{Keyword, KeywordSet};

/// The keyword names as they were when this process last read or wrote them.
#[derive(Debug, Default)]
pub(super) struct MailboxKeywords {
    table: KeywordTable,
    /// The stamp of the file with this content; `None` if the file did not exist.
    stamp: Option<FileStamp>,
    /// Grows with every change of the names.
    version: u32,
}

impl MailboxKeywords {
    pub(super) fn table(&self) -> &KeywordTable {
        &self.table
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Reads the names of the mailbox in `dir` again, if the file has changed.
    pub(super) fn read(&mut self, dir: &Path) -> Result<(), StoreError> {
        let failed = StoreError::io("reading the keywords");
        let stamp = FileStamp::at(&dir.join(keywords::FILE)).map_err(&failed)?;
        if stamp == self.stamp && stamp.is_some() {
            return Ok(());
        }
        let (table, stamp) = KeywordTable::read(dir).map_err(failed)?;
        self.stamp = stamp;
        self.set(table);
        Ok(())
    }

    /// Uses other names, in memory only.
    pub(super) fn set(&mut self, table: KeywordTable) {
        if table != self.table {
            self.table = table;
            self.version += 1;
        }
    }

    /// Writes other names, and submits their flush. The caller has locked the mailbox and has read
    /// the names under that lock.
    pub(super) fn begin_write(
        dir: &Path,
        table: Box<KeywordTable>,
        wall: SystemTime,
        flushes: &FlushQueue,
    ) -> Result<UnflushedKeywords, StoreError> {
        let written = table.write(dir, wall);
        let written = written.map_err(StoreError::io("writing the keywords"))?;
        Ok(UnflushedKeywords {
            file: written.submit(flushes),
            table,
        })
    }

    /// Waits until the names are on disk, and uses them.
    pub(super) fn finish_write(
        &mut self,
        unflushed: &mut UnflushedKeywords,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let renamed = ready!(unflushed.file.poll(budget));
        Step::Done(match renamed {
            Ok(stamp) => {
                self.stamp = Some(stamp);
                self.set(std::mem::take(&mut *unflushed.table));
                Ok(())
            }
            Err(error) => Err(StoreError::from_io("writing the keywords", error)),
        })
    }

    /// Finds the bits of these keywords, as far as letters are left. The caller has locked the
    /// mailbox.
    pub(super) fn define(
        &mut self,
        dir: &Path,
        names: &[Keyword],
    ) -> Result<KeywordBits, StoreError> {
        self.read(dir)?;
        let mut table = self.table.clone();
        let indexes = names.iter().filter_map(|name| table.define(name));
        let set = indexes.fold(KeywordSet::NONE, |set, index| {
            set.with(KeywordSet::of(index))
        });
        Ok(if table == self.table {
            KeywordBits::Known(set)
        } else {
            KeywordBits::New(Box::new(table))
        })
    }
}

/// The bits of some keywords.
#[derive(Debug)]
pub(crate) enum KeywordBits {
    /// The mailbox has all the keywords, or no letter is left for the others.
    Known(KeywordSet),
    /// The keywords have bits once these names are written.
    New(Box<KeywordTable>),
}

/// Names that are written and not used yet, because they are being flushed.
#[derive(Debug)]
pub(crate) struct UnflushedKeywords {
    table: Box<KeywordTable>,
    file: FlushingReplacement,
}
