//! Changing a list: appending lines, or replacing the file. The caller has locked the mailbox.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::error::UidListError;
use super::reader::{PIECE, UidListPosition, UidListReader};
use super::record::{FILE, Guid, UidListHeader, UidListRecord};
use crate::file_stamp::FileStamp;
use crate::store::maildir::atomic_replace::{self, AtomicReplace, IfExists, WrittenReplacement};
use crate::store::maildir::files;

/// Name of the new file while it is being written. It belongs to the holder of the lock.
const TEMPORARY: &str = "dovecot-uidlist.tmp";

/// The result of an [`append`].
#[derive(Debug)]
pub(crate) enum UidListAppend {
    /// The lines are written, and end at this position. They count once the file is flushed.
    Written(UidListPosition, Arc<File>),
    /// The file has changed since that position, or does not end there: read on under the lock, and
    /// if there is nothing more to read ([`UidListReader::needs_rewrite`]), rewrite.
    Moved,
}

/// Appends records at `position`, where a [`UidListReader`] has found the end of the list under the
/// lock that is still held. Makes one write and leaves the flush to the caller. The UIDs must
/// ascend and be greater than all before.
///
/// # Errors
/// Opening or writing fails; or [`io::ErrorKind::InvalidInput`] for UIDs out of order,
/// before anything is written. After any other error it is not known which of the lines are in the
/// file, but each of them is complete: read on from `position`.
pub(crate) fn append<'a>(
    dir: &Path,
    position: &UidListPosition,
    records: impl IntoIterator<Item = UidListRecord<'a>>,
) -> io::Result<UidListAppend> {
    let Some(file) = open_end(dir, position)? else {
        return Ok(UidListAppend::Moved);
    };
    let end = append_more(&file, position, records)?;
    Ok(UidListAppend::Written(end, Arc::new(file)))
}

/// Appends records behind those that [`append`] has written to `file`, which end at `position`.
///
/// # Errors
/// The same as those of [`append`].
pub(crate) fn append_more<'a>(
    file: &File,
    position: &UidListPosition,
    records: impl IntoIterator<Item = UidListRecord<'a>>,
) -> io::Result<UidListPosition> {
    let mut end = position.clone();
    let mut lines = Vec::new();
    for record in records {
        check_order(end.last, &record)?;
        end.last = record.uid.get();
        end.last_start = position.offset + lines.len() as u64;
        write_record(&record, &mut lines);
    }
    write_whole_lines(file, position.offset, &lines)?;
    end.offset += lines.len() as u64;
    end.stamp = FileStamp::of(&file.metadata()?);
    Ok(end)
}

fn open_end(dir: &Path, position: &UidListPosition) -> io::Result<Option<File>> {
    let Some(mut file) = files::open(&dir.join(FILE), OpenOptions::new().write(true))? else {
        return Ok(None);
    };
    let stamp = FileStamp::of(&file.metadata()?);
    if !stamp.is_same_file(&position.stamp) || stamp.size() != position.offset {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(position.offset))?;
    Ok(Some(file))
}

/// Writes all lines or, if the disk is full, as many complete ones as fit: the next program that
/// appends would write directly behind an incomplete one.
fn write_whole_lines(mut file: &File, start: u64, lines: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < lines.len() {
        match file.write(&lines[written..]) {
            Ok(0) => return Err(cut(file, start, &lines[..written], full())),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cut(file, start, &lines[..written], error)),
        }
    }
    Ok(())
}

fn full() -> io::Error {
    io::ErrorKind::WriteZero.into()
}

/// Removes an incomplete last line, and returns the error that caused it.
fn cut(file: &File, start: u64, written: &[u8], error: io::Error) -> io::Error {
    let whole = memchr::memrchr(b'\n', written).map_or(0, |end| end + 1);
    match file.set_len(start + whole as u64) {
        Ok(()) => error,
        Err(worse) => io::Error::new(
            worse.kind(),
            format!("{error}, and the incomplete last line cannot be removed: {worse}"),
        ),
    }
}

/// A new list that is being written. If it is dropped before it is renamed, the old list stays in
/// place.
#[derive(Debug)]
pub(crate) struct UidListRewrite {
    new: AtomicReplace,
    line: Vec<u8>,
    header: UidListHeader,
    offset: u64,
    last: u32,
    last_start: u64,
}

impl UidListRewrite {
    /// Octets of memory that a new list takes, about.
    pub(crate) const MEMORY: usize = atomic_replace::BUFFER + 16 * 1024;

    /// Starts a list with that header. Its `next` must be at least [`UidListReader::next_uid`]; if
    /// it has no GUID it gets one.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub(crate) fn begin(dir: &Path, header: &UidListHeader) -> io::Result<Self> {
        let mut header = header.clone();
        let guid = header.guid.map_or_else(Guid::random, Ok)?;
        header.guid = Some(guid);
        let mut rewrite = Self {
            new: AtomicReplace::create(dir, TEMPORARY, FILE, IfExists::Overwrite)?,
            line: Vec::new(),
            header,
            offset: 0,
            last: 0,
            last_start: 0,
        };
        let UidListHeader {
            validity,
            next,
            rest,
            ..
        } = &rewrite.header;
        write!(rewrite.line, "3 V{validity} N{next} G{guid}")?;
        rewrite.line.extend_from_slice(rest);
        rewrite.line.push(b'\n');
        rewrite.write_line()?;
        rewrite.last_start = rewrite.offset;
        Ok(rewrite)
    }

    /// Adds a record. Drops its keys that are invalid.
    ///
    /// # Errors
    /// Writing fails; or [`io::ErrorKind::InvalidInput`] if the UID is not greater than the last
    /// one.
    pub(crate) fn put(&mut self, record: &UidListRecord<'_>) -> io::Result<()> {
        check_order(self.last, record)?;
        self.last = record.uid.get();
        self.last_start = self.offset;
        write_record(record, &mut self.line);
        self.write_line()
    }

    /// Copies at most `most` records of the old list, fewer if they are long, without those for
    /// which `keep` returns false and without the lines that are not records. Returns true at the
    /// end of the old list.
    ///
    /// # Errors
    /// Reading or writing fails.
    pub(crate) fn copy(
        &mut self,
        old: &mut UidListReader,
        most: usize,
        mut keep: impl FnMut(&UidListRecord<'_>) -> bool,
    ) -> Result<bool, UidListError> {
        let begin = old.octets();
        for _ in 0..most {
            if old.octets() - begin >= PIECE {
                break;
            }
            match old.next() {
                Ok(None) => return Ok(true),
                Ok(Some(record)) if keep(&record) => self.put(&record)?,
                Ok(Some(_)) | Err(UidListError::Line { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Flushes the new list in place and renames it over the old one. Returns where it ends.
    ///
    /// # Errors
    /// Writing, flushing or renaming fails; the old list is then still there.
    #[cfg(test)]
    pub(super) fn commit(self) -> io::Result<UidListPosition> {
        let written = self.end()?;
        written.file().sync_data()?;
        written.rename()
    }

    /// Ends the new list. The caller flushes [`WrittenUidList::file`] before
    /// [`WrittenUidList::rename`].
    ///
    /// # Errors
    /// Writing fails; the old list is then still there.
    pub(crate) fn end(self) -> io::Result<WrittenUidList> {
        let new = self.new.end(|_| Ok(()))?;
        let position = UidListPosition {
            stamp: FileStamp::of(&new.file().metadata()?),
            header: self.header,
            offset: self.offset,
            last: self.last,
            last_start: self.last_start,
        };
        Ok(WrittenUidList { new, position })
    }

    fn write_line(&mut self) -> io::Result<()> {
        self.new.write_all(&self.line)?;
        self.offset += self.line.len() as u64;
        self.line.clear();
        Ok(())
    }
}

/// A new list that is written, and perhaps not flushed. Dropped before [`Self::rename`], it leaves
/// the old list in place.
#[derive(Debug)]
pub(crate) struct WrittenUidList {
    new: WrittenReplacement,
    position: UidListPosition,
}

impl WrittenUidList {
    /// Returns the file, to flush it.
    pub(crate) fn file(&self) -> Arc<File> {
        self.new.file()
    }

    /// Renames the new list over the old one. Returns where it ends.
    ///
    /// # Errors
    /// Renaming fails; the old list is then still there.
    pub(crate) fn rename(self) -> io::Result<UidListPosition> {
        let stamp = self.new.rename()?;
        Ok(UidListPosition {
            stamp,
            ..self.position
        })
    }
}

fn check_order(last: u32, record: &UidListRecord<'_>) -> io::Result<()> {
    if record.uid.get() > last {
        return Ok(());
    }
    let text = format!("{} behind {last} in {FILE}", record.uid);
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// Writes `uid *(SP key) SP ":" base LF`, with the base only, even if the old file had a longer
/// name.
fn write_record(record: &UidListRecord<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(out, "{}", record.uid);
    for key in record.valid_keys() {
        out.push(b' ');
        out.extend_from_slice(key);
    }
    out.extend_from_slice(b" :");
    out.extend_from_slice(record.base());
    out.push(b'\n');
}
