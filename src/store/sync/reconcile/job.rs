//! The job: its stages, and when one follows another. The essay is in the module above.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use super::evaluate::{
    FindMissing, has_missing_tail, has_unassigned, has_unnamed_letters, resolve_duplicates,
};
use super::number::{OrderUnassigned, check_unassigned, next_uids, number_in_memory};
use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::ready;
use crate::store::StoreError;
use crate::store::context::StoreContext;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::mailbox_keywords::UnflushedKeywords;
use crate::store::index::mod_sequences::SnapshotReader;
use crate::store::index::records::RecordState;
use crate::store::maildir::directory_stamp::{DirectoryStamps, Observation};
use crate::store::maildir::keywords::KeywordTable;
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::tmp_cleanup::clean_tmp;
use crate::store::maildir::uid_list::{UidListLines, UidListRead};
use crate::store::merge_sort::MergeSort;
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::read_uid_list::{ReadUidList, unlist_tail};
use crate::store::sync::rewrite_uid_list::RewriteUidList;
use crate::store::sync::scan::{Scan, ScanResult};
use crate::types::{KeywordSet, Uid, memory};

/// How many times one job scans the directories at most.
pub(super) const MOST_SCANS: u32 = 3;
/// How many files get their UIDs with one write to the uid list.
const NUMBERED_AT_ONCE: usize = 4096;
/// Lines that are written between two checks of the budget.
const LINES_AT_ONCE: usize = 256;
/// Writing a line takes as long as visiting this many records.
const RECORDS_PER_LINE: usize = 4;
/// How long the job waits for the lock of a loaded mailbox, before the sessions go on with what
/// they know.
const PATIENCE: Duration = Duration::from_secs(2);

/// A job that is reconciling a mailbox. All sessions that sync the mailbox share it, and it ends,
/// and gives up its locks, with the last of them.
#[derive(Debug)]
pub(crate) struct Reconcile {
    stage: ReconcileStage,
    /// Tells the mailbox that the job is running; `None` after the end.
    token: Option<Rc<()>>,
    /// True if files may move from `new/` to `cur/`.
    moves: bool,
    lock: Option<MailboxLock>,
    /// What reading the uid list found.
    uid_list: UidListRead,
    /// How many scans were done.
    scans: u32,
    /// True if the last scan was conclusive.
    is_conclusive: bool,
    /// The last UID that was listed before the first scan; `None` before that.
    listed_at_first: Option<u32>,
    /// The last UID that was listed before the last scan.
    listed_at_last: u32,
    /// Lines of listed files that were not found count as stale up to this UID.
    stale_up_to: u32,
    /// True if the job scans again once it has the lock.
    scans_again: bool,
    /// The keyword letters that occur in file names.
    letters: KeywordSet,
    /// The values of [`SyncState::checked`] before the last scan.
    ///
    /// [`SyncState::checked`]: crate::store::index::sync_state::SyncState::checked
    checked: (u32, u64),
    /// The stamps of the directories before the last scan.
    before: Option<DirectoryStamps>,
    /// When the last scan began.
    began: SystemTime,
}

#[derive(Debug)]
enum ReconcileStage {
    Begin,
    /// Directories of the mailbox that were missing are being flushed.
    Create,
    /// Reads the saved mod-sequences.
    ModSequences(Box<SnapshotReader>),
    List(ReadUidList),
    Rescan,
    /// A scan, and whether the directories have had their stamps long enough before it.
    Scan(Scan, bool),
    /// Looks for messages that the scan did not find; whether something else is doubtful, and from
    /// when on the directories have had their stamps long enough.
    Missing(FindMissing, bool, Instant),
    /// Waits until this time for the directories to stay unchanged.
    Hold(Instant),
    Lock(LockWait),
    /// Reads the list again under the lock.
    Relist(ReadUidList),
    /// Checks the unassigned files from this index on.
    Verify(usize),
    /// Names of keyword letters are being flushed.
    Keywords(UnflushedKeywords),
    Rewrite(RewriteUidList),
    /// Finds the order of the unassigned files.
    Order(OrderUnassigned),
    /// Gives UIDs to these files.
    Number(Vec<usize>),
    /// Writes the lines of numbered files.
    WriteLines(NumberedFiles),
    /// The lines of numbered files are being flushed.
    FlushLines(NumberedFiles),
    /// Sorts the records that are not published.
    Sort(MergeSort<u32>),
    Publish,
    Ended,
}

/// Files whose UIDs are being written into the uid list, or flushed there.
#[derive(Debug, Default)]
struct NumberedFiles {
    /// The indexes of the files and their UIDs.
    numbered: Vec<(usize, Uid)>,
    /// How many of them have lines.
    written: usize,
    /// The files that get their UIDs after them.
    rest: Vec<usize>,
    /// `None` before the first line.
    lines: Option<UidListLines>,
}

impl NumberedFiles {
    fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Writes lines until the budget is spent. Returns true when all are written, and their flush
    /// is submitted.
    fn write_some(
        &mut self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<bool, StoreError> {
        while self.written < self.numbered.len() {
            if budget.is_spent() {
                return Ok(false);
            }
            let end = self.numbered.len().min(self.written + LINES_AT_ONCE);
            let batch = &self.numbered[self.written..end];
            let (dir, records) = (mailbox.dir().to_path_buf(), &mailbox.records);
            let lines = batch.iter().map(|&(index, uid)| (uid, records.base(index)));
            match &mut self.lines {
                Some(written) => written.append(lines)?,
                None => self.lines = Some(mailbox.uid_list.begin_append(&dir, lines)?),
            }
            budget.spend(COST_OPEN);
            budget.spend_records(batch.len() * RECORDS_PER_LINE);
            self.written = end;
        }
        if let Some(lines) = &mut self.lines {
            mailbox.uid_list.end_append(lines, context.flushes);
        }
        Ok(true)
    }
}

/// Running the stages.
impl Reconcile {
    pub(crate) fn new(mailbox: &mut Mailbox, moves: bool) -> Self {
        let token = Rc::new(());
        mailbox.set_reconciling(&token);
        Self {
            stage: ReconcileStage::Begin,
            token: Some(token),
            moves,
            lock: None,
            uid_list: UidListRead::Whole,
            scans: 0,
            is_conclusive: false,
            listed_at_first: None,
            listed_at_last: 0,
            stale_up_to: 0,
            scans_again: false,
            letters: KeywordSet::NONE,
            checked: (0, 0),
            before: None,
            began: SystemTime::UNIX_EPOCH,
        }
    }

    /// True if the job has come to its end, with or without an error.
    /// Returns the octets of memory that the job holds, besides what it has put into the mailbox.
    pub(crate) fn memory(&self) -> usize {
        match &self.stage {
            ReconcileStage::List(reading) | ReconcileStage::Relist(reading) => reading.memory(),
            ReconcileStage::Scan(..) => memory::OF_LISTING,
            ReconcileStage::Rewrite(rewriting) => rewriting.memory(),
            ReconcileStage::Order(order) => order.memory(),
            ReconcileStage::Number(files) => memory::of_list(files),
            ReconcileStage::WriteLines(files) | ReconcileStage::FlushLines(files) => {
                memory::of_list(&files.numbered) + memory::of_list(&files.rest)
            }
            ReconcileStage::Sort(sort) => sort.memory(),
            _ => 0,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, ReconcileStage::Ended)
    }

    fn enter(&mut self, stage: ReconcileStage) {
        self.stage = stage;
        if self.has_ended() {
            self.token = None;
        }
    }

    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        while !self.has_ended() {
            if let Some(lock) = &mut self.lock {
                // If other programs cannot see that the holder lives, the work goes on all the
                // same.
                let _ = lock.touch((budget.now(), budget.wall()));
            }
            match ready!(self.advance(mailbox, context, budget)) {
                Ok(next) => self.enter(next),
                Err(error) => return Step::Done(Err(self.fail(mailbox, error))),
            }
            if budget.is_spent() && !self.has_ended() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(()))
    }

    fn fail(&mut self, mailbox: &mut Mailbox, error: StoreError) -> StoreError {
        // The job opens only directories by name: if one is gone, so is the mailbox.
        let error = match error {
            StoreError::Gone => StoreError::Invalidated,
            error => error,
        };
        if matches!(error, StoreError::Invalidated) {
            mailbox.invalidate();
        }
        self.enter(ReconcileStage::Ended);
        self.lock = None;
        error
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<ReconcileStage, StoreError>> {
        let next = match &mut self.stage {
            ReconcileStage::Begin => begin(mailbox, context, budget),
            ReconcileStage::Create => {
                ready!(mailbox.finish_creation(budget)).map(|()| load(mailbox, budget))
            }
            ReconcileStage::ModSequences(reader) => {
                let saved = ready!(reader.step(budget));
                mailbox.take_mod_sequences(saved);
                Ok(ReconcileStage::List(ReadUidList::default()))
            }
            ReconcileStage::List(reading) => ready!(reading.step(mailbox, budget)).map(|read| {
                self.uid_list = read;
                ReconcileStage::Rescan
            }),
            ReconcileStage::Rescan => self.rescan(mailbox, budget),
            ReconcileStage::Scan(scan, is_ripe) => {
                let is_ripe = *is_ripe;
                let scanned = ready!(scan.step(mailbox, budget));
                scanned
                    .and_then(|scanned| self.evaluate(mailbox, &scanned, is_ripe, context, budget))
            }
            ReconcileStage::Missing(missing, is_doubtful, ripens) => {
                let (is_doubtful, ripens) = (*is_doubtful, *ripens);
                ready!(missing.step(mailbox, budget));
                Ok(self.after_missing(mailbox, is_doubtful, ripens, budget))
            }
            ReconcileStage::Hold(until) => {
                if budget.now() < *until {
                    return Step::Yield(Why::Until(*until));
                }
                Ok(self.confirm(mailbox))
            }
            ReconcileStage::Lock(lock_wait) => {
                let locked = ready!(lock_wait.step(mailbox, context.owner, budget));
                self.locked(mailbox, locked)
            }
            ReconcileStage::Relist(reading) => ready!(reading.step(mailbox, budget)).map(|read| {
                self.uid_list = read;
                if self.scans_again {
                    ReconcileStage::Rescan
                } else {
                    ReconcileStage::Verify(mailbox.records.tail().start)
                }
            }),
            ReconcileStage::Verify(from) => {
                let from = *from;
                self.verify(mailbox, from, context, budget)
            }
            ReconcileStage::Keywords(unflushed) => {
                let prepared = ready!(mailbox.finish_keywords(unflushed, budget))
                    .and_then(|()| self.prepare(mailbox, context, budget));
                self.or_keep_old_state(mailbox, prepared)
            }
            ReconcileStage::Rewrite(rewriting) => {
                let rewritten = ready!(rewriting.step(mailbox, context, budget));
                self.or_keep_old_state(mailbox, rewritten.map(|()| number_in_order(mailbox)))
            }
            ReconcileStage::Order(order) => {
                let ordered = ready!(order.step(mailbox, budget));
                Ok(ReconcileStage::Number(ordered))
            }
            ReconcileStage::Number(unassigned) => {
                let unassigned = std::mem::take(unassigned);
                self.number(mailbox, unassigned, budget)
            }
            ReconcileStage::WriteLines(files) => match files.write_some(mailbox, context, budget) {
                Ok(false) => return Step::Yield(Why::Budget),
                Ok(true) => {
                    let files = files.take();
                    Ok(ReconcileStage::FlushLines(files))
                }
                Err(error) => Ok(self.leave_unassigned(mailbox, &error)),
            },
            ReconcileStage::FlushLines(files) => {
                let flushed = match &files.lines {
                    Some(lines) => ready!(mailbox.uid_list.finish_append(lines, budget)),
                    None => Ok(()),
                };
                let (numbered, rest) = (
                    std::mem::take(&mut files.numbered),
                    std::mem::take(&mut files.rest),
                );
                Ok(self.numbered(mailbox, flushed, &numbered, rest))
            }
            ReconcileStage::Sort(sort) => {
                let records = &mailbox.records;
                let compare = |&a: &u32, &b: &u32| records.compare_in_tail(a, b);
                let order = ready!(sort.step(compare, budget));
                mailbox.records.arrange_tail(&order);
                budget.spend_pass(order.len());
                Ok(ReconcileStage::Publish)
            }
            ReconcileStage::Publish | ReconcileStage::Ended => {
                let flushed =
                    ready!(mailbox.flush_discarded_mod_sequences(context.flushes, budget));
                if let Err(error) = flushed {
                    // Another program has changed the flags: the change cannot be refused.
                    let dir = mailbox.dir().display();
                    log::warn!("{dir}: cannot flush the removal of saved mod-sequences: {error}");
                }
                Ok(self.begin_to_publish(mailbox))
            }
        };
        Step::Done(next)
    }
}

fn begin(
    mailbox: &mut Mailbox,
    context: &StoreContext<'_>,
    budget: &mut Budget<'_>,
) -> Result<ReconcileStage, StoreError> {
    if !mailbox.is_still_there() {
        return Err(StoreError::Invalidated);
    }
    mailbox.create_parts(context.flushes)?;
    if mailbox.is_writable() && !mailbox.sync_state.loaded {
        clean_tmp(mailbox.dir(), budget.wall());
    }
    mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
    // A job that no session waited for any more may have left unassigned records.
    mailbox
        .records
        .retain_tail(|record| !record.is_unassigned());
    mailbox.read_keywords()?;
    budget.spend(2 * COST_OPEN);
    Ok(ReconcileStage::Create)
}

/// Begins to read what is saved of the mailbox.
fn load(mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> ReconcileStage {
    if !mailbox.sync_state.loaded {
        budget.spend(COST_OPEN);
        if let Some(reader) = mailbox.open_mod_sequences() {
            return ReconcileStage::ModSequences(Box::new(reader));
        }
    }
    ReconcileStage::List(ReadUidList::default())
}

/// Scanning.
impl Reconcile {
    fn rescan(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        self.checked = (
            mailbox.sync_state.check_requests,
            mailbox.watch.foreign_changes(),
        );
        self.listed_at_last = mailbox.records.last_listed_uid();
        self.listed_at_first.get_or_insert(self.listed_at_last);
        self.began = budget.wall();
        let now = budget.now();
        let failed = StoreError::io("reading the mailbox");
        let scan = Scan::new(mailbox, self.moves || mailbox.has_writer()).map_err(failed)?;
        let observation = Observation::renew(mailbox.sync_state.observation, scan.before(), now);
        mailbox.sync_state.observation = Some(observation);
        budget.spend(COST_OPEN);
        Ok(ReconcileStage::Scan(scan, observation.ripens() <= now))
    }

    /// Decides what a scan means, and what has to be done next.
    fn evaluate(
        &mut self,
        mailbox: &mut Mailbox,
        scanned: &ScanResult,
        is_ripe: bool,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        if mailbox.is_writable() && scanned.before.is_any_absent() {
            return Err(StoreError::Invalidated);
        }
        self.scans += 1;
        self.letters = scanned.letters;
        self.before = Some(scanned.before);
        let observation =
            Observation::renew(mailbox.sync_state.observation, scanned.before, budget.now());
        mailbox.sync_state.observation = Some(observation);
        self.is_conclusive = is_ripe && scanned.is_steady;
        let is_doubtful = resolve_duplicates(mailbox, scanned, context, budget);
        let is_certain = self.is_conclusive || scanned.is_steady && self.has_seen_all(mailbox);
        self.stale_up_to = match self.listed_at_first {
            _ if is_certain => self.listed_at_last,
            Some(uid) if self.scans >= MOST_SCANS => uid,
            _ => 0,
        };
        let may_expunge = self.is_conclusive && (self.lock.is_some() || !mailbox.is_writable());
        let missing = FindMissing::new(may_expunge);
        let ripens = observation.ripens();
        Ok(ReconcileStage::Missing(missing, is_doubtful, ripens))
    }

    /// Decides what has to be done once the missing messages are known.
    fn after_missing(
        &mut self,
        mailbox: &Mailbox,
        is_doubtful: bool,
        ripens: Instant,
        budget: &mut Budget<'_>,
    ) -> ReconcileStage {
        let has_missing = mailbox.sync_state.missing > 0;
        let is_tail_doubtful = has_missing_tail(mailbox, self.stale_up_to);
        budget.spend_pass(mailbox.records.tail().len());
        let is_doubtful = is_doubtful || has_missing || is_tail_doubtful;
        if is_doubtful && self.scans < MOST_SCANS {
            self.scans_again = true;
            return match ripens > budget.now() {
                true => ReconcileStage::Hold(ripens),
                false => self.confirm(mailbox),
            };
        }
        self.scans_again = false;
        self.after_scans(mailbox)
    }

    /// True if the last scan has found all files, provided that the directories have not changed
    /// since. Certain enough for a mailbox that no session has announced anything of.
    fn has_seen_all(&self, mailbox: &Mailbox) -> bool {
        let were_old = self.before.is_some_and(|before| before.are_old(self.began));
        were_old && !mailbox.sync_state.loaded
    }

    /// Scans again, with the lock if the mailbox may be written to. The lock is not held while the
    /// job waits.
    fn confirm(&mut self, mailbox: &Mailbox) -> ReconcileStage {
        if !mailbox.is_writable() {
            return ReconcileStage::List(ReadUidList::default());
        }
        self.lock = None;
        ReconcileStage::Lock(lock_wait(mailbox))
    }

    fn after_scans(&self, mailbox: &Mailbox) -> ReconcileStage {
        let has_work = has_unassigned(mailbox)
            || has_unnamed_letters(mailbox, self.letters)
            || self.uid_list != UidListRead::Whole
            || mailbox.uid_list.is_untrusted
            || !mailbox.sync_state.loaded && mailbox.uid_list.needs_rewrite();
        match (has_work, mailbox.is_writable(), self.lock.is_some()) {
            (false, _, _) => ReconcileStage::Publish,
            (true, true, false) => ReconcileStage::Lock(lock_wait(mailbox)),
            (true, true, true) => ReconcileStage::Verify(mailbox.records.tail().start),
            (true, false, _) => number_in_order(mailbox),
        }
    }
}

/// Under the lock.
impl Reconcile {
    fn locked(
        &mut self,
        mailbox: &Mailbox,
        locked: Result<MailboxLock, StoreError>,
    ) -> Result<ReconcileStage, StoreError> {
        match locked {
            Ok(lock) => {
                self.lock = Some(lock);
                Ok(ReconcileStage::Relist(ReadUidList::default()))
            }
            Err(StoreError::Invalidated) => Err(StoreError::Invalidated),
            // What the list holds can be announced all the same if the disk is full or the lock
            // taken.
            Err(error) if mailbox.sync_state.loaded || self.can_do_without(mailbox, &error) => {
                log::debug!(
                    "{}: cannot lock the mailbox: {error}",
                    mailbox.dir().display()
                );
                self.is_conclusive = false;
                Ok(ReconcileStage::Publish)
            }
            Err(error) => Err(error),
        }
    }

    /// True if the mailbox can be opened although it cannot be written to at the moment.
    fn can_do_without(&self, mailbox: &Mailbox, error: &StoreError) -> bool {
        let has_list = self.uid_list == UidListRead::Whole && !mailbox.has_no_validity();
        let is_on_disk = has_list && !mailbox.uid_list.is_untrusted;
        is_on_disk && !matches!(error, StoreError::InUse)
    }

    /// Checks that each unassigned file still exists, now that no other program can number or
    /// expunge it. Skips the check if the directories have not changed since the scan.
    fn verify(
        &mut self,
        mailbox: &mut Mailbox,
        from: usize,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        let is_untouched = |mailbox: &Mailbox| {
            DirectoryStamps::of(mailbox.dir()).is_ok_and(|stamps| self.before == Some(stamps))
        };
        if !(self.has_seen_all(mailbox) && is_untouched(mailbox)) {
            if let Some(next) = check_unassigned(mailbox, from, budget)? {
                return Ok(ReconcileStage::Verify(next));
            }
        }
        mailbox
            .records
            .retain_tail(|record| !record.is_unassigned() || record.state.has(RecordState::FOUND));
        let prepared = self.prepare(mailbox, context, budget);
        self.or_keep_old_state(mailbox, prepared)
    }

    /// Prepares the numbering: gives names to keyword letters that have none, and makes sure that
    /// the list can be appended to.
    fn prepare(
        &self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        if has_unnamed_letters(mailbox, self.letters) {
            mailbox.read_keywords()?;
            let mut table: KeywordTable = mailbox.keywords().clone();
            if table.name_unknown_letters(self.letters) {
                let (table, wall) = (Box::new(table), budget.wall());
                let unflushed = mailbox.begin_keywords(table, wall, context.flushes)?;
                budget.spend(COST_OPEN);
                return Ok(ReconcileStage::Keywords(unflushed));
            }
        }
        let is_unfit = self.uid_list != UidListRead::Whole || mailbox.uid_list.needs_rewrite();
        let messages = mailbox.records.message_count();
        if is_unfit || mailbox.sync_state.loaded && mailbox.uid_list.is_mostly_stale(messages) {
            return Ok(ReconcileStage::Rewrite(RewriteUidList::default()));
        }
        Ok(number_in_order(mailbox))
    }

    /// Lets the sessions of a loaded mailbox go on without new messages if the disk does not take
    /// their UIDs.
    fn or_keep_old_state(
        &mut self,
        mailbox: &Mailbox,
        next: Result<ReconcileStage, StoreError>,
    ) -> Result<ReconcileStage, StoreError> {
        match next {
            Err(StoreError::Invalidated) => Err(StoreError::Invalidated),
            Err(error) if mailbox.sync_state.loaded => Ok(self.leave_unassigned(mailbox, &error)),
            next => next,
        }
    }

    /// Chooses UIDs for some of the unassigned files, whose lines are written next. If they cannot
    /// be written, only the new messages are not announced, as long as there is a list.
    fn number(
        &self,
        mailbox: &mut Mailbox,
        mut unassigned: Vec<usize>,
        budget: &Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        if !mailbox.is_writable() {
            number_in_memory(mailbox, &unassigned, budget);
            return Ok(ReconcileStage::Publish);
        }
        let rest = unassigned.split_off(unassigned.len().min(NUMBERED_AT_ONCE));
        if unassigned.is_empty() {
            return Ok(ReconcileStage::Publish);
        }
        let uids = next_uids(mailbox, unassigned.len())?;
        Ok(ReconcileStage::WriteLines(NumberedFiles {
            numbered: unassigned.into_iter().zip(uids).collect(),
            rest,
            ..NumberedFiles::default()
        }))
    }

    /// Gives the files their UIDs in memory, now that the list on disk has them.
    fn numbered(
        &mut self,
        mailbox: &mut Mailbox,
        flushed: Result<(), StoreError>,
        numbered: &[(usize, Uid)],
        rest: Vec<usize>,
    ) -> ReconcileStage {
        if let Err(error) = flushed {
            return self.leave_unassigned(mailbox, &error);
        }
        let indexes: Vec<usize> = numbered.iter().map(|&(index, _)| index).collect();
        let uids = numbered.iter().map(|&(_, uid)| uid.get());
        mailbox.records.number(&indexes, uids);
        if rest.is_empty() {
            ReconcileStage::Publish
        } else {
            ReconcileStage::Number(rest)
        }
    }

    fn leave_unassigned(&mut self, mailbox: &Mailbox, error: &StoreError) -> ReconcileStage {
        log::warn!(
            "{}: cannot give UIDs to new messages: {error}",
            mailbox.dir().display()
        );
        self.is_conclusive = false;
        ReconcileStage::Publish
    }

    /// Sorts the tail first if nothing can change it meanwhile: no other session knows the mailbox
    /// yet, or none can deliver to it. Otherwise the tail is short, and sorted as it is published.
    fn begin_to_publish(&mut self, mailbox: &mut Mailbox) -> ReconcileStage {
        let is_still = !mailbox.sync_state.loaded || self.lock.is_some();
        if is_still && !mailbox.records.is_tail_sorted() {
            let tail = mailbox.records.tail();
            let tail = tail.map(|index| index as u32).collect();
            return ReconcileStage::Sort(MergeSort::new(tail));
        }
        self.publish(mailbox)
    }

    fn publish(&mut self, mailbox: &mut Mailbox) -> ReconcileStage {
        if mailbox.sync_state.loaded {
            if mailbox.uid_list.is_untrusted {
                // What was read of the list may be lost in a power cut, and its UIDs used again.
                mailbox.uid_list.position = None;
                unlist_tail(mailbox);
            }
            mailbox.publish(self.stale_up_to);
        } else {
            mailbox.begin_mod_sequences();
            mailbox.publish(self.stale_up_to);
            mailbox.end_mod_sequences();
            mailbox.records.shrink();
        }
        let in_new = mailbox
            .records
            .published()
            .iter()
            .filter(|record| record.state.has(RecordState::IN_NEW))
            .count();
        let has_waiting = !mailbox.records.tail().is_empty();
        let state = &mut mailbox.sync_state;
        state.loaded = true;
        state.known = self.before;
        state.settled = self.is_conclusive && !has_waiting;
        state.checked = self.checked;
        state.in_new = in_new as u32;
        self.lock = None;
        ReconcileStage::Ended
    }
}

fn number_in_order(mailbox: &Mailbox) -> ReconcileStage {
    ReconcileStage::Order(OrderUnassigned::new(mailbox))
}

fn lock_wait(mailbox: &Mailbox) -> LockWait {
    if mailbox.sync_state.loaded {
        LockWait::with_patience(PATIENCE)
    } else {
        LockWait::default()
    }
}
