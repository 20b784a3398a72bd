//! Changing a list: lines at its end, or a new file in its place. Both need the mailbox to be
//! locked.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::reader::UidListPosition;
use super::{FILE, Guid, UidListError, UidListHeader, UidListReader, UidListRecord};
use crate::store::maildir::atomic_replace::{AtomicReplace, IfTaken};
use crate::store::maildir::file_stamp::FileStamp;
use crate::store::maildir::files;

/// Name of the new file while it is being written; whoever holds the lock owns it.
const TEMPORARY: &str = "dovecot-uidlist.tmp";

/// What became of an [`append`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UidListAppend {
    /// The lines are on disk, and this is where they end.
    Done(UidListPosition),
    /// The file is not as it was at that position, or does not end there: read on under the lock,
    /// and if there is nothing more to read ([`UidListReader::needs_rewrite`]), rewrite.
    Moved,
}

/// Adds records behind `position`, where a [`UidListReader`] has found the end of the list under the lock
/// that is still held. One write, one flush. The numbers must ascend and be greater than all
/// before.
///
/// # Errors
/// Whatever opening, writing or flushing fails with, or [`io::ErrorKind::InvalidInput`] for numbers
/// out of order, before anything is written. After any other error it is not known which of the
/// lines are in the file, but each of them is whole: read on from `position`.
pub(crate) fn append<'a>(
    dir: &Path,
    position: &UidListPosition,
    records: impl IntoIterator<Item = UidListRecord<'a>>,
) -> io::Result<UidListAppend> {
    let Some(mut file) = open_end(dir, position)? else {
        return Ok(UidListAppend::Moved);
    };
    let mut end = position.clone();
    let mut lines = Vec::new();
    for record in records {
        check_order(end.last, &record)?;
        end.last = record.uid.get();
        end.last_start = position.offset + lines.len() as u64;
        write_record(&record, &mut lines);
    }
    write_whole_lines(&mut file, position.offset, &lines)?;
    file.sync_data()?;
    end.offset += lines.len() as u64;
    end.stamp = FileStamp::of(&file.metadata()?);
    Ok(UidListAppend::Done(end))
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

/// Writes them, or, when the disk is full, as many whole ones as fit: the next program to append
/// would write right behind a torn one.
fn write_whole_lines(file: &mut File, start: u64, lines: &[u8]) -> io::Result<()> {
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

/// Cuts a torn last line off again, and passes on what tore it.
fn cut(file: &File, start: u64, written: &[u8], error: io::Error) -> io::Error {
    let whole = memchr::memrchr(b'\n', written).map_or(0, |end| end + 1);
    match file.set_len(start + whole as u64) {
        Ok(()) => error,
        Err(worse) => io::Error::new(
            worse.kind(),
            format!("{error}, and a torn line stays: {worse}"),
        ),
    }
}

/// A new list on its way; dropped before [`Self::commit`], it leaves the old one as it is.
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
    /// Starts a list with that header. Its `next` must be the true one ([`UidListReader::next_uid`], or
    /// more); if it has no GUID it gets one.
    ///
    /// # Errors
    /// Whatever creating or writing the file fails with.
    pub(crate) fn begin(dir: &Path, header: &UidListHeader) -> io::Result<Self> {
        let mut header = header.clone();
        let guid = header.guid.map_or_else(Guid::random, Ok)?;
        header.guid = Some(guid);
        let mut rewrite = Self {
            new: AtomicReplace::create(dir, TEMPORARY, FILE, IfTaken::Overwrite)?,
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

    /// Adds a record. Its keys are kept as they are, but for those that are none.
    ///
    /// # Errors
    /// Whatever writing fails with, or [`io::ErrorKind::InvalidInput`] if its number is not greater
    /// than the last one's.
    pub(crate) fn put(&mut self, record: &UidListRecord<'_>) -> io::Result<()> {
        check_order(self.last, record)?;
        self.last = record.uid.get();
        self.last_start = self.offset;
        write_record(record, &mut self.line);
        self.write_line()
    }

    /// Takes over at most `most` records of the old list, leaving out those `keep` is false for and
    /// the lines that are no records. True when the old list has come to its end.
    ///
    /// # Errors
    /// Whatever reading or writing fails with.
    pub(crate) fn copy(
        &mut self,
        old: &mut UidListReader,
        most: usize,
        mut keep: impl FnMut(&UidListRecord<'_>) -> bool,
    ) -> Result<bool, UidListError> {
        for _ in 0..most {
            match old.next() {
                Ok(None) => return Ok(true),
                Ok(Some(record)) if keep(&record) => self.put(&record)?,
                Ok(Some(_)) | Err(UidListError::Line { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Flushes the new list and puts it in the place of the old one; returns where it ends.
    ///
    /// # Errors
    /// Whatever writing, flushing or renaming fails with; the old list is then still there.
    pub(crate) fn commit(self) -> io::Result<UidListPosition> {
        let stamp = self.new.commit(|_| Ok(()))?;
        Ok(UidListPosition {
            stamp,
            header: self.header,
            offset: self.offset,
            last: self.last,
            last_start: self.last_start,
        })
    }

    fn write_line(&mut self) -> io::Result<()> {
        self.new.write_all(&self.line)?;
        self.offset += self.line.len() as u64;
        self.line.clear();
        Ok(())
    }
}

fn check_order(last: u32, record: &UidListRecord<'_>) -> io::Result<()> {
    if record.uid.get() > last {
        return Ok(());
    }
    let text = format!("{} behind {last} in {FILE}", record.uid);
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

/// `uid *(SP key) SP ":" base LF`; the base only, whatever the old file had behind it.
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
