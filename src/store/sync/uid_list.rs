//! A mailbox and its uid list: reading on where one stopped, and making the list fit to be appended
//! to.

use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

use crate::budget::{Budget, COST_OPEN, COST_SYNC, RECORDS_PER_UNIT, Step, Why};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::{NewRecord, RecordState, TailDecision};
use crate::store::maildir::courier;
use crate::store::maildir::file_stamp::FileStamp;
use crate::store::maildir::uid_list;
use crate::store::maildir::uid_list::{
    Guid, UidListAppend, UidListError, UidListHeader, UidListPosition, UidListReader,
    UidListRecord, UidListRewrite,
};
use crate::store::{StoreContext, StoreError};
use crate::types::{Flags, KeywordSet, Uid};

/// Records handled between two looks at the budget.
const BATCH: u32 = RECORDS_PER_UNIT;
/// Records copied at a time when a list is rewritten.
const COPIED_AT_ONCE: usize = 256;
/// UIDs that are left out after damage, for those that others may have given away meanwhile.
const LEFT_OUT: u32 = 1000;
/// Dead lines that are let stand whatever part of the list they are.
const TOLERATED_DEAD_LINES: usize = 64;

/// What is known of the list on disk.
#[derive(Debug, Default)]
pub(crate) struct UidListState {
    /// Up to where it was read.
    position: Option<UidListPosition>,
    header: Option<UidListHeader>,
    /// Records in it, dead ones included.
    lines: usize,
    /// It must not be appended to as it is.
    is_flawed: bool,
    /// The least UID never used, as far as the list tells.
    next: u32,
}

/// What reading the list found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UidListRead {
    /// All of it was read.
    Whole,
    /// There is none.
    Missing,
    /// Its header is none, or a line without end: the UIDs in use are not known.
    Damaged,
}

impl UidListState {
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// True if lines may be added behind what was read.
    fn takes_lines(&self) -> bool {
        self.position.is_some() && !self.is_flawed
    }

    /// Adds lines to the list in `dir`, and flushes it. The mailbox is locked, the list was read to
    /// its end under that lock, and [`Mailbox::list_needs_rewrite`] is false.
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
        match uid_list::append(dir, position, records).map_err(failed)? {
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

/// Reading what is new in the list.
#[derive(Debug, Default)]
pub(crate) struct ReadUidList {
    reader: Option<UidListReader>,
}

impl ReadUidList {
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<UidListRead, StoreError>> {
        if self.reader.is_none() {
            match start(mailbox) {
                Ok(Some(reader)) => self.reader = Some(reader),
                Ok(None) => return Step::Done(Ok(UidListRead::Whole)),
                Err(stop) => return Step::Done(stop.settle_tail(mailbox)),
            }
            budget.spend(COST_OPEN);
        }
        let Some(reader) = &mut self.reader else {
            return Step::Done(Ok(UidListRead::Whole));
        };
        loop {
            let mut left = BATCH;
            let ended = read_some(mailbox, reader, &mut left);
            budget.spend(1);
            match ended {
                Ok(true) => break,
                Ok(false) if budget.is_spent() => return Step::Yield(Why::Budget),
                Ok(false) => {}
                Err(stop) => return Step::Done(stop.settle_tail(mailbox)),
            }
        }
        let list = &mut mailbox.uid_list;
        list.is_flawed |= reader.needs_rewrite();
        list.next = list.next.max(reader.next_uid());
        list.position = Some(reader.position());
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
    /// What it means for the mailbox. After damage it is not known which numbers are in use: a
    /// mailbox whose numbers were told to nobody yet gets others altogether, else some are left
    /// out.
    fn settle_tail(self, mailbox: &mut Mailbox) -> Result<UidListRead, StoreError> {
        let listed = match self {
            Self::Ended(listed) => listed,
            Self::Failed(error) => return Err(error),
        };
        if listed == UidListRead::Damaged {
            mailbox.uid_list.position = None;
            if mailbox.sync_state.loaded {
                mailbox.uid_list.next = mailbox.uid_next().saturating_add(LEFT_OUT);
            } else {
                mailbox.uid_list = UidListState::default();
                mailbox.forget_validity();
                mailbox.unlist_tail();
            }
        }
        Ok(listed)
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

/// Opens the list where there may be something new; `None` if there is nothing.
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
    mailbox.uid_list = UidListState {
        next,
        header,
        ..UidListState::default()
    };
    mailbox.unlist_tail();
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

/// Reads at most `left` records; true at the end of the list.
fn read_some(
    mailbox: &mut Mailbox,
    reader: &mut UidListReader,
    left: &mut u32,
) -> Result<bool, ReadStop> {
    while *left > 0 {
        *left -= 1;
        match reader.next() {
            Ok(None) => return Ok(true),
            Ok(Some(record)) => {
                mailbox.uid_list.lines += 1;
                mailbox.listed(record.uid, record.base());
            }
            Err(UidListError::Line { number, fault }) => {
                log::warn!(
                    "{}: line {number} of the uid list: {fault}",
                    mailbox.dir().display()
                );
                mailbox.uid_list.is_flawed = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

impl Mailbox {
    /// Takes note of a line of the list.
    fn listed(&mut self, uid: Uid, base: &[u8]) {
        let Some(index) = self.records.find(base) else {
            self.list_unknown(uid.get(), base);
            return;
        };
        let (known, greatest) = (self.records.record(index).uid, self.records.last_uid());
        let is_published = index < self.records.published().len();
        if known == uid.get() || uid.get() <= greatest {
            // Old news; or a file that came back, whose old number views have passed: it needs a
            // new one.
            return;
        }
        if is_published {
            // Somebody took the file for gone and come back, and gave it another number.
            self.supersede(index, uid.get());
        } else {
            self.records.record_mut(index).uid = uid.get();
        }
    }

    fn list_unknown(&mut self, uid: u32, base: &[u8]) {
        if uid <= self.records.last_uid() || base.is_empty() {
            return;
        }
        let candidate = NewRecord {
            uid,
            name: base,
            base_length: base.len(),
            flags: Flags::NONE,
            keywords: KeywordSet::NONE,
            state: RecordState::default(),
        };
        // A name longer than any file can have is a dead line.
        let _ = self.records.push(&candidate);
    }

    /// A message known by one number turns out to have a greater one.
    fn supersede(&mut self, index: usize, uid: u32) {
        let old = *self.records.record(index);
        let name = self.records.name(index).to_vec();
        let base_length = self.records.base(index).len();
        self.expunge(index);
        let (flags, keywords, state) = (old.flags, old.keywords, old.state);
        let _ = self.records.push(&NewRecord {
            uid,
            name: &name,
            base_length,
            flags,
            keywords,
            state,
        });
    }

    /// The list is read anew: what stands in the tail has to be found in it again.
    fn unlist_tail(&mut self) {
        self.records
            .retain_tail(|record| record.state.has(RecordState::FOUND));
        for index in self.records.tail() {
            self.records.record_mut(index).uid = 0;
        }
    }

    /// True if the list has to be rewritten before a line may be added.
    pub(crate) fn uid_list_needs_rewrite(&self) -> bool {
        !self.uid_list.takes_lines()
    }

    /// True if so much of the list is dead that it is worth rewriting.
    pub(crate) fn uid_list_is_mostly_stale(&self) -> bool {
        let dead = self
            .uid_list
            .lines
            .saturating_sub(self.records.message_count());
        dead > TOLERATED_DEAD_LINES && dead > self.uid_list.lines / 4
    }
}

/// Writing the whole list anew, under the lock: what is left of the old one, or else what memory
/// holds.
#[derive(Debug, Default)]
pub(crate) struct RewriteUidList {
    work: Option<(UidListRewrite, Option<UidListReader>)>,
    next_record: usize,
    lines: usize,
}

impl RewriteUidList {
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        if self.work.is_none() {
            match begin_rewrite(mailbox, context, budget.wall()) {
                Ok(work) => self.work = Some(work),
                Err(error) => return Step::Done(Err(error)),
            }
        }
        loop {
            let ended = match self.copy_some(mailbox) {
                Ok(ended) => ended,
                Err(error) => return Step::Done(Err(error)),
            };
            budget.spend(COPIED_AT_ONCE as u32 / RECORDS_PER_UNIT);
            if ended {
                break;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        budget.spend(COST_SYNC);
        let Some((rewrite, _)) = self.work.take() else {
            return Step::Done(Ok(()));
        };
        let committed = rewrite
            .commit()
            .map_err(StoreError::io("writing the uid list"));
        Step::Done(committed.map(|position| {
            mailbox.uid_list.position = Some(position);
            mailbox.uid_list.is_flawed = false;
            mailbox.uid_list.lines = self.lines;
        }))
    }

    fn copy_some(&mut self, mailbox: &Mailbox) -> Result<bool, StoreError> {
        let failed = StoreError::io("writing the uid list");
        let Some((rewrite, old)) = &mut self.work else {
            return Ok(true);
        };
        let lines = &mut self.lines;
        if let Some(old) = old {
            let copied = rewrite.copy(old, COPIED_AT_ONCE, |record| {
                let found = mailbox.records.find(record.base());
                let is_alive =
                    found.is_some_and(|at| mailbox.records.record(at).uid == record.uid.get());
                *lines += usize::from(is_alive);
                is_alive
            });
            return copied.map_err(|error| match error {
                UidListError::Io(error) => failed(error),
                _ => StoreError::Invalidated,
            });
        }
        let end = mailbox.records.len().min(self.next_record + COPIED_AT_ONCE);
        for index in self.next_record..end {
            let record = mailbox.records.record(index);
            if let Some(uid) = Uid::new(record.uid).filter(|_| !record.is_expunged()) {
                rewrite
                    .put(&UidListRecord::new(uid, mailbox.records.base(index)))
                    .map_err(&failed)?;
                *lines += 1;
            }
        }
        self.next_record = end;
        Ok(end == mailbox.records.len())
    }
}

/// Opens the new list, with a header of its own if there was none, and the old one if it can be
/// read.
fn begin_rewrite(
    mailbox: &mut Mailbox,
    context: &mut StoreContext<'_>,
    wall: SystemTime,
) -> Result<(UidListRewrite, Option<UidListReader>), StoreError> {
    let failed = StoreError::io("writing the uid list");
    let dir = mailbox.dir().to_path_buf();
    let mut header = match mailbox.uid_list.header.clone() {
        Some(header) => header,
        None => {
            let validity = context.validities.next(mailbox.root(), wall);
            let guid = Guid::random().map_err(&failed)?;
            UidListHeader::new(validity, guid)
        }
    };
    header.next = mailbox.uid_next();
    // What memory holds is written in the order in which it stands there.
    mailbox.records.settle_tail(|_| TailDecision::Wait);
    let old = match mailbox.uid_list.position {
        Some(_) => UidListReader::open(&dir).ok().flatten(),
        None => None,
    };
    let rewrite = UidListRewrite::begin(&dir, &header).map_err(failed)?;
    if !mailbox.accept_validity(header.validity) {
        return Err(StoreError::Invalidated);
    }
    mailbox.uid_list.header = Some(header);
    Ok((rewrite, old))
}

/// What becomes of the tail when the list and the directories were read: files that were seen are
/// published in the order of their numbers; a listed one that was not seen makes all behind it
/// wait, or is dropped.
pub(crate) fn verdict(state: RecordState, drop_unseen: bool) -> TailDecision {
    if state.has(RecordState::FOUND) {
        TailDecision::Publish
    } else if drop_unseen {
        TailDecision::Drop
    } else {
        TailDecision::Wait
    }
}

/// Looks for base names among the dead lines of the list; the living are in the table anyway.
#[derive(Debug)]
pub(crate) struct FindUsedNames {
    wanted: HashSet<Vec<u8>>,
    found: HashSet<Vec<u8>>,
    /// `None` if there are no dead lines to look through.
    reader: Option<UidListReader>,
}

impl FindUsedNames {
    pub(crate) fn new(mailbox: &Mailbox, wanted: HashSet<Vec<u8>>) -> Self {
        let has_dead_lines = mailbox.uid_list.lines > mailbox.records.message_count();
        // A list that cannot be read now is read, or replaced, when something is delivered.
        let open = || UidListReader::open(mailbox.dir()).ok().flatten();
        let reader = has_dead_lines.then(open).flatten();
        Self {
            wanted,
            found: HashSet::new(),
            reader,
        }
    }

    /// Ends with those that have a line.
    pub(crate) fn step(
        &mut self,
        mailbox: &Mailbox,
        budget: &mut Budget<'_>,
    ) -> Step<Result<HashSet<Vec<u8>>, StoreError>> {
        while let Some(reader) = &mut self.reader {
            for _ in 0..BATCH {
                match reader.next() {
                    Ok(Some(record)) if self.wanted.contains(record.base()) => {
                        self.found.insert(record.base().to_vec());
                    }
                    Ok(Some(_)) | Err(UidListError::Line { .. }) => {}
                    Ok(None) | Err(UidListError::File(_)) => {
                        self.reader = None;
                        break;
                    }
                    Err(UidListError::Io(error)) => {
                        log::warn!("{}: {error}", mailbox.dir().display());
                        return Step::Done(Err(StoreError::from_io("reading the uid list", error)));
                    }
                }
            }
            budget.spend(1);
            if budget.is_spent() && self.reader.is_some() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(std::mem::take(&mut self.found)))
    }
}
