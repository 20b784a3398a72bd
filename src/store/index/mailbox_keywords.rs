//! The keyword names of an open mailbox.

use std::path::Path;
use std::time::SystemTime;

use crate::file_stamp::FileStamp;
use crate::store::StoreError;
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

    /// Writes other names. The caller has locked the mailbox and has read the names under that
    /// lock.
    pub(super) fn write(
        &mut self,
        dir: &Path,
        table: KeywordTable,
        wall: SystemTime,
    ) -> Result<(), StoreError> {
        let written = table.write(dir, wall);
        self.stamp = Some(written.map_err(StoreError::io("writing the keywords"))?);
        self.set(table);
        Ok(())
    }

    /// Returns the bits of these keywords, and writes the new ones, as far as letters are left. The
    /// caller has locked the mailbox.
    pub(super) fn define(
        &mut self,
        dir: &Path,
        names: &[Keyword],
        wall: SystemTime,
    ) -> Result<KeywordSet, StoreError> {
        self.read(dir)?;
        let mut table = self.table.clone();
        let indexes = names.iter().filter_map(|name| table.define(name));
        let set = indexes.fold(KeywordSet::NONE, |set, index| {
            set.with(KeywordSet::of(index))
        });
        if table != self.table {
            self.write(dir, table, wall)?;
        }
        Ok(set)
    }
}
