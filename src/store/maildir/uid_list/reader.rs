//! Reading a list, record by record, from its start or from where it was last read.

use std::fs::{File, OpenOptions};
use std::path::Path;

use super::error::UidListError;
use super::lines::{self, Line, Lines};
use super::parse;
use super::parse::{Fault, UidListVersion};
use super::record::{FILE, UidListHeader, UidListRecord};
use crate::file_stamp::FileStamp;
use crate::store::maildir::files;

/// Octets of lines after which a caller that reads many records looks at its budget: a line may
/// have 64 KiB.
pub(crate) const PIECE: u64 = 16 * 1024;

/// Returns the records of a list one by one, without storing them: at most 64 KiB of the file are
/// in memory. The caller may pause between any two calls of [`Self::next`].
#[derive(Debug)]
pub(crate) struct UidListReader {
    lines: Lines,
    version: UidListVersion,
    header: UidListHeader,
    stamp: FileStamp,
    /// The greatest UID read, 0 before the first.
    last: u32,
    /// Where the line of that UID starts.
    last_start: u64,
    /// UIDs up to this one were read before the reader was resumed.
    floor: u32,
    /// Lines skipped since the last record: each may have held a UID.
    lost: u32,
    /// True if the file holds something that must not stay in it.
    is_flawed: bool,
}

/// Where a reader has stopped, always directly behind a complete line. [`UidListReader::resume`]
/// and [`append`](super::writer::append) continue from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UidListPosition {
    pub(super) stamp: FileStamp,
    pub(super) header: UidListHeader,
    pub(super) offset: u64,
    pub(super) last: u32,
    pub(super) last_start: u64,
}

impl UidListPosition {
    /// Returns the stamp of the file when it was opened for reading, or after the lines were
    /// written. While the file has this stamp, there is nothing new to read.
    pub(crate) fn stamp(&self) -> &FileStamp {
        &self.stamp
    }
}

impl UidListReader {
    /// Octets of memory that a reader takes, about.
    pub(crate) const MEMORY: usize = lines::BUFFER + 4096;

    /// Opens the list of the mailbox in `dir` and reads its header. Returns `None` if there is no
    /// list.
    ///
    /// # Errors
    /// [`UidListError::Io`], or [`UidListError::File`] if the header is damaged or of an unknown
    /// version.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, UidListError> {
        Self::open_file(&dir.join(FILE))
    }

    /// Opens a list of any name.
    ///
    /// # Errors
    /// The same as those of [`Self::open`].
    pub(crate) fn open_file(path: &Path) -> Result<Option<Self>, UidListError> {
        let file = files::open(path, OpenOptions::new().read(true))?;
        file.map(Self::new).transpose()
    }

    /// Continues behind `position`. Returns `None` if the list was replaced or is gone: then
    /// everything has to be read again with [`Self::open`].
    ///
    /// # Errors
    /// The same as those of [`Self::open`].
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

    /// Moves to a position. Returns false if the file is another one. An inode number alone proves
    /// little, because a new file may get the number of the one that was just replaced. So the
    /// header and the last record must be where they were, too.
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

    /// Returns the next record, or `None` behind the last complete line.
    ///
    /// # Errors
    /// After [`UidListError::Line`] the caller may go on; after any other error it has to stop.
    #[allow(clippy::should_implement_trait)] // It lends what it returns, which no `Iterator` can.
    pub(crate) fn next(&mut self) -> Result<Option<UidListRecord<'_>>, UidListError> {
        while let Some(line) = self.lines.next()? {
            match self.classify(&line) {
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
    fn classify(&mut self, line: &Line) -> Result<bool, Fault> {
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

    /// Returns the header.
    pub(crate) fn header(&self) -> &UidListHeader {
        &self.header
    }

    /// Returns the least UID that was certainly never used, once everything was read. It may be
    /// greater than [`crate::types::Uid::MAX`]: then no UID is left.
    pub(crate) fn next_uid(&self) -> u32 {
        let behind_last = self.last.saturating_add(1).saturating_add(self.lost);
        self.header.next.max(behind_last)
    }

    /// True if the file has to be rewritten before it may be appended to: it is of version 1, has
    /// no GUID, holds lines that are not records, or (known once [`Self::next`] has returned
    /// `None`) its last line has no end. Says nothing about lines that were read before a
    /// [`Self::resume`].
    pub(crate) fn needs_rewrite(&self) -> bool {
        self.is_flawed || self.lines.is_torn()
    }

    /// Returns how many octets of the file were read, so that the caller can pay for them.
    pub(crate) fn octets(&self) -> u64 {
        self.lines.offset()
    }

    /// Returns where the reader is.
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
