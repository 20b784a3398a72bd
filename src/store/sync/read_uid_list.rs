//! Reading the uid list of a mailbox on from where it was last read.

use crate::budget::{Budget, COST_OPEN, RECORDS_PER_UNIT, Step, Why};
use crate::file_stamp::FileStamp;
use crate::ready;
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::{NewRecord, RecordState};
use crate::store::maildir::courier;
use crate::store::maildir::uid_list::{
    self, PIECE, UidListError, UidListRead, UidListReader, UidListState,
};
use crate::types::{Flags, KeywordSet, Uid};

/// Records read between two checks of the budget.
const BATCH: u32 = RECORDS_PER_UNIT;
/// How many UIDs are skipped after damage, because other programs may have used them.
const SKIPPED_UIDS: u32 = 1000;

/// Reads what is new in the list.
#[derive(Debug, Default)]
pub(crate) struct ReadUidList {
    reader: Option<UidListReader>,
}

impl ReadUidList {
    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        self.reader.as_ref().map_or(0, |_| UidListReader::MEMORY)
    }

    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<UidListRead, StoreError>> {
        ready!(mailbox.uid_list.wait_for_flush(budget));
        if self.reader.is_none() {
            match start(mailbox) {
                Ok(Some(reader)) => self.reader = Some(reader),
                Ok(None) => return Step::Done(Ok(UidListRead::Whole)),
                Err(stop) => return Step::Done(stop.settle(mailbox)),
            }
            budget.spend(COST_OPEN);
        }
        let Some(reader) = &mut self.reader else {
            return Step::Done(Ok(UidListRead::Whole));
        };
        loop {
            let before = reader.octets();
            let ended = read_batch(mailbox, reader);
            budget.spend(1);
            budget.spend_octets((reader.octets() - before) as usize);
            match ended {
                Ok(true) => break,
                Ok(false) if budget.is_spent() => return Step::Yield(Why::Budget),
                Ok(false) => {}
                Err(stop) => return Step::Done(stop.settle(mailbox)),
            }
        }
        mailbox.uid_list.finish_reading(reader);
        self.reader = None;
        Step::Done(Ok(UidListRead::Whole))
    }
}

/// Why reading does not go on.
enum ReadStop {
    Ended(UidListRead),
    Failed(StoreError),
}

impl ReadStop {
    /// Draws the consequences for the mailbox. After damage it is not known which UIDs are in use:
    /// a mailbox whose UIDs were not announced to any session yet gets a new UIDVALIDITY, any other
    /// skips some UIDs.
    fn settle(self, mailbox: &mut Mailbox) -> Result<UidListRead, StoreError> {
        let read = match self {
            Self::Ended(read) => read,
            Self::Failed(error) => return Err(error),
        };
        if read == UidListRead::Damaged {
            mailbox.uid_list.position = None;
            if mailbox.sync_state.loaded {
                mailbox.uid_list.next = mailbox.uid_next().saturating_add(SKIPPED_UIDS);
            } else {
                mailbox.uid_list = UidListState::default();
                mailbox.forget_validity();
                unlist_tail(mailbox);
            }
        }
        Ok(read)
    }
}

impl From<UidListError> for ReadStop {
    fn from(error: UidListError) -> Self {
        match error {
            UidListError::Io(error) => {
                Self::Failed(StoreError::from_io("reading the uid list", error))
            }
            UidListError::Line { .. } | UidListError::File(_) => Self::Ended(UidListRead::Damaged),
        }
    }
}

/// Opens the list where there may be something new. Returns `None` if there is nothing.
fn start(mailbox: &mut Mailbox) -> Result<Option<UidListReader>, ReadStop> {
    let dir = mailbox.dir().to_path_buf();
    if let Some(position) = &mailbox.uid_list.position {
        let stamp = FileStamp::at(&dir.join(uid_list::FILE)).map_err(UidListError::Io)?;
        if stamp.as_ref() == Some(position.stamp()) {
            return Ok(None);
        }
        if let Some(reader) = UidListReader::resume(&dir, position)? {
            return Ok(Some(reader));
        }
    }
    let opened = UidListReader::open(&dir);
    let (next, header) = (mailbox.uid_list.next, mailbox.uid_list.header.take());
    let is_untrusted = mailbox.uid_list.is_untrusted;
    mailbox.uid_list = UidListState::unread(next, header);
    mailbox.uid_list.is_untrusted = is_untrusted;
    unlist_tail(mailbox);
    let reader = match opened? {
        Some(reader) => reader,
        None if mailbox.sync_state.loaded => return Err(ReadStop::Ended(UidListRead::Missing)),
        // Courier's list is in an older version of the format, so it counts as one to be rewritten.
        None => courier::open_uids(&dir)?.ok_or(ReadStop::Ended(UidListRead::Missing))?,
    };
    if !mailbox.accept_validity(reader.header().validity) {
        return Err(ReadStop::Failed(StoreError::Invalidated));
    }
    mailbox.uid_list.header = Some(reader.header().clone());
    Ok(Some(reader))
}

/// Reads some records. Returns true at the end of the list.
fn read_batch(mailbox: &mut Mailbox, reader: &mut UidListReader) -> Result<bool, ReadStop> {
    let begin = reader.octets();
    for _ in 0..BATCH {
        if reader.octets() - begin >= PIECE {
            break;
        }
        match reader.next() {
            Ok(None) => return Ok(true),
            Ok(Some(record)) => {
                mailbox.uid_list.lines += 1;
                note_line(mailbox, record.uid, record.base());
            }
            Err(UidListError::Line { number, fault }) => {
                log::warn!(
                    "{}: skipping line {number} of the uid list: {fault}",
                    mailbox.dir().display()
                );
                mailbox.uid_list.is_flawed = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Brings the record of a line up to date.
fn note_line(mailbox: &mut Mailbox, uid: Uid, base: &[u8]) {
    let Some(index) = mailbox.records.find(base) else {
        add_listed(mailbox, uid.get(), base);
        return;
    };
    let known = mailbox.records.record(index).uid;
    let greatest = mailbox.records.last_uid();
    let is_published = index < mailbox.records.published().len();
    if known == uid.get() || uid.get() <= greatest {
        // The line is known. Or the file came back, and views have passed its old UID: it needs a
        // new one.
        return;
    }
    if is_published {
        // Another program found the file missing, found it again and gave it another UID.
        renumber(mailbox, index, uid.get());
    } else {
        mailbox.records.record_mut(index).uid = uid.get();
    }
}

/// Adds a record for a line whose file no scan has found yet.
fn add_listed(mailbox: &mut Mailbox, uid: u32, base: &[u8]) {
    if uid <= mailbox.records.last_uid() || base.is_empty() {
        return;
    }
    // A name that is longer than a file can have belongs to a stale line.
    let _ = mailbox.records.push(&NewRecord {
        uid,
        name: base,
        base_length: base.len(),
        flags: Flags::NONE,
        keywords: KeywordSet::NONE,
        state: RecordState::default(),
    });
}

/// Gives a published message a greater UID: the message of the old one counts as expunged.
fn renumber(mailbox: &mut Mailbox, index: usize, uid: u32) {
    let old = *mailbox.records.record(index);
    let name = mailbox.records.name(index).to_vec();
    let base_length = mailbox.records.base(index).len();
    mailbox.expunge(index);
    let _ = mailbox.records.push(&NewRecord {
        uid,
        name: &name,
        base_length,
        flags: old.flags,
        keywords: old.keywords,
        state: old.state,
    });
}

/// Takes the UIDs from the records of the tail, because the list is read again from its start.
pub(super) fn unlist_tail(mailbox: &mut Mailbox) {
    mailbox
        .records
        .retain_tail(|record| record.state.has(RecordState::FOUND));
    for index in mailbox.records.tail() {
        mailbox.records.record_mut(index).uid = 0;
    }
}
