//! What a mailbox knows of its uid list: how far it was read, and whether lines may be appended.

use std::fs::File;
use std::io;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::reader::{UidListPosition, UidListReader};
use super::record::{UidListHeader, UidListRecord};
use super::writer::{UidListAppend, append, append_more};
use crate::budget::{Budget, Step, Why};
use crate::ready;
use crate::store::StoreError;
use crate::store::flush::{Flush, FlushQueue, FlushTarget};
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
    /// True if a flush of the list has failed since it was last written as a whole, or if the
    /// directory is not flushed since then: it is unknown what of the list is on disk.
    pub(crate) is_untrusted: bool,
    /// The least UID that was never used, as far as the list shows.
    pub(crate) next: u32,
    /// Lines of this process that are written and perhaps not flushed.
    unflushed: Option<UnflushedLines>,
}

/// Lines that this process has written to the list, as the mailbox knows them.
#[derive(Debug)]
struct UnflushedLines {
    /// `None` while more lines are appended.
    flush: Option<Flush>,
    /// Goes away with the job that wrote the lines.
    writer: Weak<()>,
}

/// Lines that a job has written to the list, and that count once they are flushed.
#[derive(Debug)]
pub(crate) struct UidListLines {
    file: Arc<File>,
    /// `None` while more lines are appended.
    flush: Option<Flush>,
    /// Where the list ends with the lines.
    end: UidListPosition,
    count: usize,
    /// The UID of the last line.
    last: u32,
    /// Shows that the job lives.
    writer: Rc<()>,
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
    /// Returns the state of a list that has to be read from its start.
    pub(crate) fn unread(next: u32, header: Option<UidListHeader>) -> Self {
        Self {
            next,
            header,
            ..Self::default()
        }
    }

    /// Returns the least UID that was never used, as far as the list shows.
    pub(crate) fn next_uid(&self) -> u32 {
        self.next
    }

    /// True if the list has to be rewritten before a line may be appended.
    pub(crate) fn needs_rewrite(&self) -> bool {
        self.position.is_none() || self.is_flawed || self.is_untrusted
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

    /// Appends lines to the list in `dir`. The caller has locked the mailbox and has read the list
    /// to its end under that lock, and [`Self::needs_rewrite`] is false. The caller may append
    /// more, and then submits the flush of all lines by [`Self::end_append`]. The lines count after
    /// [`Self::finish_append`]; until then nothing reads them, so that no session announces them.
    pub(crate) fn begin_append<'a>(
        &mut self,
        dir: &Path,
        lines: impl IntoIterator<Item = (Uid, &'a [u8])>,
    ) -> Result<UidListLines, StoreError> {
        let position = self.position.as_ref().ok_or(StoreError::Invalidated)?;
        let (mut count, mut last) = (0, 0);
        let records = counted(lines, &mut count, &mut last);
        match append(dir, position, records).map_err(StoreError::io("writing the uid list"))? {
            UidListAppend::Written(end, file) => {
                let writer = Rc::new(());
                self.unflushed = Some(UnflushedLines {
                    flush: None,
                    writer: Rc::downgrade(&writer),
                });
                Ok(UidListLines {
                    file,
                    flush: None,
                    end,
                    count,
                    last,
                    writer,
                })
            }
            UidListAppend::Moved => {
                self.position = None;
                Err(StoreError::InUse)
            }
        }
    }

    /// Submits the flush of appended lines.
    pub(crate) fn end_append(&mut self, lines: &mut UidListLines, flushes: &FlushQueue) {
        let flush = flushes.submit(FlushTarget::content(Arc::clone(&lines.file)));
        self.unflushed = Some(UnflushedLines {
            flush: Some(flush.clone()),
            writer: Rc::downgrade(&lines.writer),
        });
        lines.flush = Some(flush);
    }

    /// Waits until the lines are flushed, and counts them. The caller still holds the lock.
    pub(crate) fn finish_append(
        &mut self,
        lines: &UidListLines,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let flushed = match &lines.flush {
            Some(flush) => ready!(flush.poll(budget)),
            None => Err(io::Error::other("the lines were not flushed")),
        };
        self.unflushed = None;
        Step::Done(match flushed {
            Ok(()) => {
                self.position = Some(lines.end.clone());
                self.lines += lines.count;
                self.next = self.next.max(lines.last.saturating_add(1));
                Ok(())
            }
            Err(error) => {
                self.is_untrusted = true;
                Err(StoreError::from_io("writing the uid list", error))
            }
        })
    }

    /// Waits until no lines of this process are unflushed. Called before the list is read.
    ///
    /// If their flush has failed, the kernel may have dropped what it could not write, and the next
    /// flush may succeed all the same: the list is not trusted, and is written anew.
    pub(crate) fn wait_for_flush(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        let Some(unflushed) = &self.unflushed else {
            return Step::Done(());
        };
        let flushed = match &unflushed.flush {
            Some(flush) => ready!(flush.poll(budget)),
            // If the job has ended without a flush, the lines are stale, and may be lost.
            None => Ok(()),
        };
        if unflushed.writer.strong_count() > 0 {
            // The job that writes the lines appends more, or takes note of them, in its next step,
            // which is due now.
            budget.spend(1);
            return Step::Yield(Why::Budget);
        }
        self.is_untrusted |= flushed.is_err();
        self.unflushed = None;
        Step::Done(())
    }
}

impl UidListLines {
    /// Appends more lines.
    pub(crate) fn append<'a>(
        &mut self,
        lines: impl IntoIterator<Item = (Uid, &'a [u8])>,
    ) -> Result<(), StoreError> {
        let (mut count, mut last) = (0, self.last);
        let records = counted(lines, &mut count, &mut last);
        let appended = append_more(&self.file, &self.end, records);
        self.end = appended.map_err(StoreError::io("writing the uid list"))?;
        (self.count, self.last) = (self.count + count, last);
        Ok(())
    }
}

/// Makes records of lines, and notes how many there are and the UID of the last.
fn counted<'a>(
    lines: impl IntoIterator<Item = (Uid, &'a [u8])>,
    count: &mut usize,
    last: &mut u32,
) -> impl Iterator<Item = UidListRecord<'a>> {
    lines.into_iter().map(|(uid, base)| {
        *last = uid.get();
        *count += 1;
        UidListRecord::new(uid, base)
    })
}
