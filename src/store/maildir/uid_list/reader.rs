//! Reading a list, record by record, from its start or from where one stopped.

use std::fs::{File, OpenOptions};
use std::path::Path;

use super::lines::{Line, Lines};
use super::parse;
use super::parse::{Fault, UidListVersion};
use super::{FILE, UidListError, UidListHeader, UidListRecord};
use crate::store::maildir::file_stamp::FileStamp;
use crate::store::maildir::files;

/// Shows the records of a list one after the other, without keeping any: at most 64 KiB of the file
/// are in memory. It may be put aside between any two calls of [`Self::next`].
#[derive(Debug)]
pub(crate) struct UidListReader {
    lines: Lines,
    version: UidListVersion,
    header: UidListHeader,
    stamp: FileStamp,
    /// The greatest number seen, 0 before the first.
    last: u32,
    /// Where the line of that number starts.
    last_start: u64,
    /// Numbers up to here were read before the reader was resumed.
    floor: u32,
    /// Lines passed over since the last record: each may have held a number.
    lost: u32,
    /// Something was found that must not stay in the file.
    is_flawed: bool,
}

/// Where a reader stopped, always right behind a whole line; what [`UidListReader::resume`] and
/// [`super::append`] go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UidListPosition {
    pub(super) stamp: FileStamp,
    pub(super) header: UidListHeader,
    pub(super) offset: u64,
    pub(super) last: u32,
    pub(super) last_start: u64,
}

impl UidListPosition {
    /// The stamp of the file when it was opened for reading, or after the lines were written. If
    /// the file still has it, there is nothing new to read.
    pub(crate) fn stamp(&self) -> &FileStamp {
        &self.stamp
    }
}

impl UidListReader {
    /// Opens the list of the mailbox in `dir` and reads its header; `None` if there is no list.
    ///
    /// # Errors
    /// [`UidListError::Io`], or [`UidListError::File`] if the header is damaged or of an unknown version.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, UidListError> {
        Self::open_file(&dir.join(FILE))
    }

    /// Opens a list of any name.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_file(path: &Path) -> Result<Option<Self>, UidListError> {
        let file = files::open(path, OpenOptions::new().read(true))?;
        file.map(Self::new).transpose()
    }

    /// Goes on behind `position`. `None` if that is not possible because the list was put anew in
    /// its place, or is gone: everything has to be read again with [`Self::open`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn resume(
        dir: &Path,
        position: &UidListPosition,
    ) -> Result<Option<Self>, UidListError> {
        let Some(mut reader) = Self::open(dir)? else {
            return Ok(None);
        };
        Ok(reader.go_to(position)?.then_some(reader))
    }

    fn new(file: File) -> Result<Self, UidListError> {
        let stamp = FileStamp::of(&file.metadata()?);
        let mut lines = Lines::new(file);
        let line = lines
            .next()?
            .ok_or(UidListError::File("the header is missing"))?;
        let (version, header) = parse::header(lines.text(&line)).map_err(UidListError::File)?;
        Ok(Self {
            last_start: lines.offset(),
            is_flawed: version != UidListVersion::Three || header.guid.is_none(),
            lines,
            version,
            header,
            stamp,
            last: 0,
            floor: 0,
            lost: 0,
        })
    }

    /// An inode number alone proves little: a new file may be given the number of the one that was
    /// just replaced. So the header and the last record must be where they were, too.
    fn go_to(&mut self, position: &UidListPosition) -> Result<bool, UidListError> {
        let is_same = self.stamp.is_same_file(&position.stamp)
            && self.stamp.size() >= position.offset
            && self.header == position.header;
        if !is_same {
            return Ok(false);
        }
        self.lines.seek(position.last_start)?;
        self.last = position.last;
        self.last_start = position.last_start;
        self.floor = position.last;
        Ok(position.last == 0 || self.finds_again(position.last)?)
    }

    fn finds_again(&mut self, last: u32) -> Result<bool, UidListError> {
        let Some(line) = self.lines.next()? else {
            return Ok(false);
        };
        let record = parse::record(self.lines.text(&line), self.version);
        Ok(record.is_ok_and(|record| record.uid.get() == last))
    }

    /// The next record; `None` behind the last whole line.
    ///
    /// # Errors
    /// After [`UidListError::Line`] go on; after any other stop.
    #[allow(clippy::should_implement_trait)] // It lends what it returns, which no `Iterator` can.
    pub(crate) fn next(&mut self) -> Result<Option<UidListRecord<'_>>, UidListError> {
        while let Some(line) = self.lines.next()? {
            match self.judge(&line) {
                Ok(true) => {
                    let text = self.lines.text(&line);
                    return Ok(parse::record(text, self.version).ok());
                }
                Ok(false) => {}
                Err(fault) => return Err(self.pass_over(fault)),
            }
        }
        Ok(None)
    }

    /// True if the line holds the next record, false if it holds one from before.
    fn judge(&mut self, line: &Line) -> Result<bool, Fault> {
        let record = parse::record(self.lines.text(line), self.version)?;
        let (uid, has_flaw) = (record.uid.get(), record.has_invalid_key());
        if uid <= self.floor {
            return Ok(false);
        }
        if uid <= self.last {
            return Err("the numbers are not in order");
        }
        if self.version == UidListVersion::One && uid >= self.header.next {
            return Err("the number is beyond the next one");
        }
        self.is_flawed |= has_flaw;
        self.lost = 0;
        self.last = uid;
        self.last_start = line.start;
        Ok(true)
    }

    fn pass_over(&mut self, fault: Fault) -> UidListError {
        self.is_flawed = true;
        self.lost = self.lost.saturating_add(1);
        let number = self.lines.number();
        UidListError::Line { number, fault }
    }

    /// The first line.
    pub(crate) fn header(&self) -> &UidListHeader {
        &self.header
    }

    /// The least number that was certainly never used, once everything was read. It may be beyond
    /// [`crate::types::Uid::MAX`]: then the numbering is exhausted.
    pub(crate) fn next_uid(&self) -> u32 {
        let behind_last = self.last.saturating_add(1).saturating_add(self.lost);
        self.header.next.max(behind_last)
    }

    /// True if the file must not stay as it is, and may not be appended to: it is of version 1, has
    /// no GUID, holds lines that are no records, or (known once [`Self::next`] has returned `None`)
    /// a last line without its end. Says nothing of lines that were read before a [`Self::resume`].
    pub(crate) fn needs_rewrite(&self) -> bool {
        self.is_flawed || self.lines.is_torn()
    }

    /// Where it stands.
    pub(crate) fn position(&self) -> UidListPosition {
        UidListPosition {
            stamp: self.stamp,
            header: self.header.clone(),
            offset: self.lines.offset(),
            last: self.last,
            last_start: self.last_start,
        }
    }
}
