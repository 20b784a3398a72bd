//! One pass: what it takes to know what a mailbox holds.
//!
//! # The problem
//!
//! A Maildir is changed by anybody at any time, most of them without a lock, and a message is
//! nothing but a file name. A pass has to find new messages and number them once and for all, hear
//! of flags changed by renaming, and find out which messages are gone; and it must never take for
//! gone what a racing `readdir` skipped, because the message would come back as another one.
//!
//! # How it goes
//!
//! ```text
//! Begin -> List -> Scan -> (judge) --------------------------------------> Publish
//!                   ^         | \                                             ^
//!                   |         |  `-> Lock -> Relist -> Verify -> Rewrite -> Number
//!                   `- Relist <- Lock <- Hold
//! ```
//!
//! Reading the list and the directories takes no lock. A lock is needed only to number strangers
//! (then the list is read on under the lock, and each file has to be still there: nobody else can
//! number it meanwhile, and nobody can have numbered and expunged it before), and to confirm that
//! what was not found is gone: then the pass waits until the directories have held still for a tick
//! of their clock, takes the lock, and scans again. If they will not hold still the message stays a
//! ghost: it is counted and cannot be read, and the next pass tries again.
//!
//! A listed file that no view was told of is held to less: after [`MOST_SCANS`] scans that did not
//! find it, its line is taken for a dead one. Should it turn up after all it gets a new number,
//! which no session can tell from a new message.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::lock_wait::LockWait;
use super::scan;
use super::scan::{Scan, ScanResult};
use super::uid_list::{ReadUidList, RewriteUidList, UidListRead};
use crate::budget::{Budget, COST_OPEN, COST_SYNC, COST_SYSCALL, RECORDS_PER_UNIT, Step, Why};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::RecordState;
use crate::store::maildir::directory::{DirectoryStamps, Observation};
use crate::store::maildir::filename;
use crate::store::maildir::keywords::KeywordTable;
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::tmp_cleanup;
use crate::store::{StoreContext, StoreError};
use crate::types::{KeywordSet, Uid, UidValidity};

/// Scans in one pass.
const MOST_SCANS: u32 = 3;
/// Strangers numbered with one write to the list.
const NUMBERED_AT_ONCE: usize = 4096;
/// How long a session that knows the mailbox waits for the lock before it goes on without the news.
const PATIENCE: Duration = Duration::from_secs(2);

/// A pass that is going on. It is shared: all sessions that want to know wait for the same one, and
/// it ends, locks and all, with the last of them.
#[derive(Debug)]
pub(crate) struct Reconcile {
    stage: ReconcileStage,
    /// Files may move from `new/` to `cur/`.
    moves: bool,
    lock: Option<MailboxLock>,
    listed: UidListRead,
    scans: u32,
    /// The last scan left no doubt.
    is_conclusive: bool,
    /// UidListRead files that were not seen are taken for dead lines.
    drops_unseen: bool,
    /// After the lock is taken, scan again.
    scans_again: bool,
    letters: KeywordSet,
    /// What was heard and suspected before the last scan.
    checked: (u32, u64),
    before: Option<DirectoryStamps>,
    /// When the last scan began.
    began: SystemTime,
}

#[derive(Debug)]
enum ReconcileStage {
    Begin,
    List(ReadUidList),
    Rescan,
    Scan(Scan, bool),
    Hold(Instant),
    Lock(LockWait),
    Relist(ReadUidList),
    Verify(usize),
    Rewrite(RewriteUidList),
    Number(Option<Vec<usize>>),
    Publish,
    Ended,
}

impl Reconcile {
    pub(crate) fn new(moves: bool) -> Self {
        Self {
            stage: ReconcileStage::Begin,
            moves,
            lock: None,
            listed: UidListRead::Whole,
            scans: 0,
            is_conclusive: false,
            drops_unseen: false,
            scans_again: false,
            letters: KeywordSet::NONE,
            checked: (0, 0),
            before: None,
            began: SystemTime::UNIX_EPOCH,
        }
    }

    /// True once it has come to its end, well or not.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, ReconcileStage::Ended)
    }

    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        while !self.has_ended() {
            if let Some(lock) = &mut self.lock {
                // Whether others see that we are alive is not worth failing for.
                let _ = lock.touch((budget.now(), budget.wall()));
            }
            match ready!(self.advance(mailbox, context, budget)) {
                Ok(next) => self.stage = next,
                Err(error) => {
                    // A pass meets only directories by name: if one is gone, so is the mailbox.
                    let error = if matches!(error, StoreError::Gone) {
                        StoreError::Invalidated
                    } else {
                        error
                    };
                    if matches!(error, StoreError::Invalidated) {
                        mailbox.invalidate();
                    }
                    (self.stage, self.lock) = (ReconcileStage::Ended, None);
                    return Step::Done(Err(error));
                }
            }
            if budget.is_spent() && !self.has_ended() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(()))
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<ReconcileStage, StoreError>> {
        let next = match &mut self.stage {
            ReconcileStage::Begin => self.begin(mailbox, budget),
            ReconcileStage::List(reading) => ready!(reading.step(mailbox, budget)).map(|listed| {
                self.listed = listed;
                ReconcileStage::Rescan
            }),
            ReconcileStage::Rescan => self.rescan(mailbox, budget),
            ReconcileStage::Scan(scan, is_ripe) => {
                let is_ripe = *is_ripe;
                let scanned = ready!(scan.step(mailbox, budget));
                scanned.and_then(|scanned| self.judge(mailbox, &scanned, is_ripe, context, budget))
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
            ReconcileStage::Relist(reading) => {
                ready!(reading.step(mailbox, budget)).map(|listed| {
                    self.listed = listed;
                    if self.scans_again {
                        ReconcileStage::Rescan
                    } else {
                        ReconcileStage::Verify(mailbox.records.tail().start)
                    }
                })
            }
            ReconcileStage::Verify(from) => {
                let from = *from;
                self.verify(mailbox, from, budget)
            }
            ReconcileStage::Rewrite(rewriting) => {
                let rewritten = ready!(rewriting.step(mailbox, context, budget));
                self.or_keep_old_state(mailbox, rewritten.map(|()| ReconcileStage::Number(None)))
            }
            ReconcileStage::Number(unassigned) => {
                let unassigned = unassigned.take();
                self.number(mailbox, unassigned, budget)
            }
            ReconcileStage::Publish | ReconcileStage::Ended => Ok(self.publish(mailbox)),
        };
        Step::Done(next)
    }

    fn begin(
        &self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        if !mailbox.is_still_there() {
            return Err(StoreError::Invalidated);
        }
        if mailbox.is_writable() {
            crate::store::maildir::layout::create_parts(mailbox.dir())
                .map_err(StoreError::io("opening the mailbox"))?;
        }
        if mailbox.is_writable() && !mailbox.sync_state.loaded {
            tmp_cleanup::clean_tmp(mailbox.dir(), budget.wall());
        }
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        if !mailbox.sync_state.loaded {
            mailbox.read_mod_sequences();
            budget.spend(COST_OPEN);
        }
        // Strangers of a pass that nobody waited for any more.
        mailbox
            .records
            .retain_tail(|record| !record.is_unassigned());
        mailbox.read_keywords()?;
        budget.spend(2 * COST_OPEN);
        Ok(ReconcileStage::List(ReadUidList::default()))
    }

    fn rescan(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        self.checked = (
            mailbox.sync_state.check_requests,
            mailbox.watch.foreign_changes(),
        );
        self.began = budget.wall();
        let now = budget.now();
        let failed = StoreError::io("reading the mailbox");
        let scan = Scan::new(mailbox, self.moves || mailbox.has_writer()).map_err(failed)?;
        let observation = Observation::renew(mailbox.sync_state.observation, scan.before(), now);
        mailbox.sync_state.observation = Some(observation);
        budget.spend(COST_OPEN + mailbox.records.len() as u32 / RECORDS_PER_UNIT);
        Ok(ReconcileStage::Scan(scan, observation.ripens() <= now))
    }

    /// Decides what a scan means, and what has to be done next.
    fn judge(
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
        let mut is_doubtful = resolve_duplicates(mailbox, scanned, context, budget);
        self.drops_unseen = self.is_conclusive
            || self.scans >= MOST_SCANS
            || scanned.is_steady && self.has_seen_all(mailbox);
        let may_expunge = self.is_conclusive && (self.lock.is_some() || !mailbox.is_writable());
        let has_missing = handle_missing(mailbox, may_expunge) > 0;
        let has_unseen =
            !self.drops_unseen && tail_has(mailbox, |state| !state.has(RecordState::FOUND));
        budget.spend(mailbox.records.len() as u32 / RECORDS_PER_UNIT);
        is_doubtful |= has_missing || has_unseen;
        if is_doubtful && self.scans < MOST_SCANS {
            let ripens = mailbox
                .sync_state
                .observation
                .map_or_else(|| budget.now(), |seen| seen.ripens());
            self.scans_again = true;
            return Ok(if ripens > budget.now() {
                ReconcileStage::Hold(ripens)
            } else {
                self.confirm(mailbox)
            });
        }
        self.scans_again = false;
        Ok(self.after_scans(mailbox))
    }

    /// True if the last scan has seen all that is there, provided that the directories still are as
    /// they were before it. Sure enough for a mailbox of which nobody was told anything yet.
    fn has_seen_all(&self, mailbox: &Mailbox) -> bool {
        let were_old = self.before.is_some_and(|before| before.are_old(self.began));
        were_old && !mailbox.sync_state.loaded
    }

    /// Scan again: with the lock, if we may take it. It is not held while waiting.
    fn confirm(&mut self, mailbox: &Mailbox) -> ReconcileStage {
        if !mailbox.is_writable() {
            return ReconcileStage::List(ReadUidList::default());
        }
        self.lock = None;
        ReconcileStage::Lock(lock_wait(mailbox))
    }

    fn after_scans(&self, mailbox: &Mailbox) -> ReconcileStage {
        let has_work = has_unassigned(mailbox)
            || has_unknown_letters(mailbox, self.letters)
            || self.listed != UidListRead::Whole
            || !mailbox.sync_state.loaded && mailbox.uid_list_needs_rewrite();
        match (has_work, mailbox.is_writable(), self.lock.is_some()) {
            (false, _, _) => ReconcileStage::Publish,
            (true, true, false) => ReconcileStage::Lock(lock_wait(mailbox)),
            (true, true, true) => ReconcileStage::Verify(mailbox.records.tail().start),
            (true, false, _) => ReconcileStage::Number(None),
        }
    }

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
            // What is in the list can be told all the same, be the disk full or the lock taken.
            Err(error) if mailbox.sync_state.loaded || self.can_do_without(mailbox, &error) => {
                log::debug!("{}: no lock: {error}", mailbox.dir().display());
                self.is_conclusive = false;
                Ok(ReconcileStage::Publish)
            }
            Err(error) => Err(error),
        }
    }

    /// True if the mailbox can be opened although it cannot be written to just now.
    fn can_do_without(&self, mailbox: &Mailbox, error: &StoreError) -> bool {
        let has_list = self.listed == UidListRead::Whole && !mailbox.has_no_validity();
        has_list && !matches!(error, StoreError::InUse)
    }

    /// Makes sure that each stranger is still there, now that nobody else can number or expunge it.
    /// Where the directories have not changed since the scan, none needs to be looked at.
    fn verify(
        &mut self,
        mailbox: &mut Mailbox,
        from: usize,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        let is_untouched = |mailbox: &Mailbox| {
            DirectoryStamps::of(mailbox.dir()).is_ok_and(|stamps| self.before == Some(stamps))
        };
        if !(self.has_seen_all(mailbox) && is_untouched(mailbox)) {
            if let Some(next) = check_unassigned_files(mailbox, from, budget)? {
                return Ok(ReconcileStage::Verify(next));
            }
        }
        mailbox
            .records
            .retain_tail(|record| !record.is_unassigned() || record.state.has(RecordState::FOUND));
        let prepared = self.prepare(mailbox, budget);
        self.or_keep_old_state(mailbox, prepared)
    }

    /// Under the lock, before strangers are numbered: names for stray letters, and a list to append
    /// to.
    fn prepare(
        &self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        if has_unknown_letters(mailbox, self.letters) {
            mailbox.read_keywords()?;
            let mut table: KeywordTable = mailbox.keywords().clone();
            if table.name_unknown_letters(self.letters) {
                mailbox.write_keywords(table, budget.wall())?;
                budget.spend(COST_SYNC);
            }
        }
        let is_unfit = self.listed != UidListRead::Whole || mailbox.uid_list_needs_rewrite();
        if is_unfit || mailbox.sync_state.loaded && mailbox.uid_list_is_mostly_stale() {
            return Ok(ReconcileStage::Rewrite(RewriteUidList::default()));
        }
        Ok(ReconcileStage::Number(None))
    }

    /// A session that knows the mailbox can go on without its news if the disk does not take them.
    fn or_keep_old_state(
        &mut self,
        mailbox: &Mailbox,
        next: Result<ReconcileStage, StoreError>,
    ) -> Result<ReconcileStage, StoreError> {
        match next {
            Err(StoreError::Invalidated) => Err(StoreError::Invalidated),
            Err(error) if mailbox.sync_state.loaded => {
                log::warn!(
                    "{}: cannot number new messages: {error}",
                    mailbox.dir().display()
                );
                self.is_conclusive = false;
                Ok(ReconcileStage::Publish)
            }
            next => next,
        }
    }

    /// Numbers some of the strangers. A list that cannot be written costs the news only, as long as
    /// there is a list.
    fn number(
        &mut self,
        mailbox: &mut Mailbox,
        unassigned: Option<Vec<usize>>,
        budget: &mut Budget<'_>,
    ) -> Result<ReconcileStage, StoreError> {
        if !mailbox.is_writable() {
            number_in_memory(mailbox, budget);
            return Ok(ReconcileStage::Publish);
        }
        let mut unassigned = unassigned.unwrap_or_else(|| in_order(mailbox));
        let rest = unassigned.split_off(unassigned.len().min(NUMBERED_AT_ONCE));
        if unassigned.is_empty() {
            return Ok(ReconcileStage::Publish);
        }
        let uids = next_uids(mailbox, unassigned.len())?;
        let (dir, table) = (mailbox.dir().to_path_buf(), &mailbox.records);
        let bases = unassigned.iter().map(|&index| table.base(index));
        let lines = uids.iter().copied().zip(bases);
        let written = mailbox.uid_list.append(&dir, lines);
        budget.spend(COST_SYNC);
        if let Err(error) = written {
            log::warn!(
                "{}: cannot number new messages: {error}",
                mailbox.dir().display()
            );
            self.is_conclusive = false;
            return Ok(ReconcileStage::Publish);
        }
        mailbox
            .records
            .number(&unassigned, uids.iter().map(|uid| uid.get()));
        Ok(if rest.is_empty() {
            ReconcileStage::Publish
        } else {
            ReconcileStage::Number(Some(rest))
        })
    }

    fn publish(&mut self, mailbox: &mut Mailbox) -> ReconcileStage {
        if mailbox.sync_state.loaded {
            mailbox.publish(self.drops_unseen);
        } else {
            mailbox.begin_mod_sequences();
            mailbox.publish(self.drops_unseen);
            mailbox.end_mod_sequences();
            mailbox.records.shrink();
        }
        let sync_state = &mut mailbox.sync_state;
        sync_state.loaded = true;
        sync_state.known = self.before;
        sync_state.settled = self.is_conclusive;
        sync_state.checked = self.checked;
        let in_new = mailbox
            .records
            .published()
            .iter()
            .filter(|record| record.state.has(RecordState::IN_NEW));
        mailbox.sync_state.in_new = in_new.count() as u32;
        self.lock = None;
        ReconcileStage::Ended
    }
}

fn lock_wait(mailbox: &Mailbox) -> LockWait {
    if mailbox.sync_state.loaded {
        LockWait::with_patience(PATIENCE)
    } else {
        LockWait::default()
    }
}

fn tail_has(mailbox: &Mailbox, wanted: impl Fn(RecordState) -> bool) -> bool {
    mailbox
        .records
        .tail()
        .any(|index| wanted(mailbox.records.record(index).state))
}

fn has_unassigned(mailbox: &Mailbox) -> bool {
    mailbox
        .records
        .tail()
        .any(|index| mailbox.records.record(index).is_unassigned())
}

/// True if file names bear letters that no keyword is known for.
fn has_unknown_letters(mailbox: &Mailbox, letters: KeywordSet) -> bool {
    mailbox.keywords().clone().name_unknown_letters(letters)
}

/// Looks into all that was met twice; true if another scan is needed.
fn resolve_duplicates(
    mailbox: &mut Mailbox,
    scanned: &ScanResult,
    context: &mut StoreContext<'_>,
    budget: &mut Budget<'_>,
) -> bool {
    let mut scans_again = false;
    for met in &scanned.duplicates {
        match scan::resolve_duplicate(mailbox, met, context.names, budget.wall()) {
            Ok(again) => scans_again |= again,
            Err(error) => log::warn!(
                "{}: two files of one name: {error}",
                mailbox.dir().display()
            ),
        }
        budget.spend(2 * COST_SYSCALL);
    }
    scans_again
}

/// Marks, or buries, the published messages that were not seen; returns how many are ghosts now.
fn handle_missing(mailbox: &mut Mailbox, may_expunge: bool) -> u32 {
    let mut missing = 0;
    for index in 0..mailbox.records.published().len() {
        let record = mailbox.records.record_mut(index);
        if record.is_expunged() || record.state.has(RecordState::FOUND) {
            continue;
        }
        if may_expunge {
            mailbox.expunge(index);
        } else {
            record.state.set(RecordState::MISSING, true);
            missing += 1;
        }
    }
    mailbox.sync_state.missing = missing;
    missing
}

/// Marks the strangers that have gone; returns where to go on.
fn check_unassigned_files(
    mailbox: &mut Mailbox,
    from: usize,
    budget: &mut Budget<'_>,
) -> Result<Option<usize>, StoreError> {
    for index in from..mailbox.records.len() {
        if !mailbox.records.record(index).is_unassigned() {
            continue;
        }
        match std::fs::symlink_metadata(mailbox.path(index)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                mailbox
                    .records
                    .record_mut(index)
                    .state
                    .set(RecordState::FOUND, false);
                mailbox.request_check();
            }
            Err(error) => return Err(StoreError::from_io("looking at a new message", error)),
        }
        budget.spend(COST_SYSCALL);
        if budget.is_spent() {
            return Ok(Some(index + 1));
        }
    }
    Ok(None)
}

/// Indexes of the strangers, in the order in which they are to be numbered.
fn in_order(mailbox: &Mailbox) -> Vec<usize> {
    let table = &mailbox.records;
    let mut unassigned: Vec<((u64, u64), usize)> = table
        .tail()
        .filter(|&index| table.record(index).is_unassigned())
        .map(|index| (filename::uid_order_key(table.base(index)), index))
        .collect();
    unassigned.sort_unstable_by(|(key_a, a), (key_b, b)| {
        let by_name = || filename::uid_order(table.base(*a), table.base(*b));
        key_a.cmp(key_b).then_with(by_name)
    });
    unassigned.into_iter().map(|(_, index)| index).collect()
}

/// The next unused UIDs.
pub(crate) fn next_uids(mailbox: &Mailbox, count: usize) -> Result<Vec<Uid>, StoreError> {
    let first = mailbox.uid_next();
    let uids: Option<Vec<Uid>> = (0..count)
        .map(|nth| Uid::new(first.checked_add(u32::try_from(nth).ok()?)?))
        .collect();
    uids.ok_or(StoreError::Limit(
        "the mailbox has used up its unique identifiers",
    ))
}

/// A mailbox that must not be written: the numbers hold for this process only.
fn number_in_memory(mailbox: &mut Mailbox, budget: &Budget<'_>) {
    let seconds = budget
        .wall()
        .duration_since(std::time::SystemTime::UNIX_EPOCH);
    let seconds = u32::try_from(seconds.unwrap_or_default().as_secs()).unwrap_or(u32::MAX);
    if !mailbox.sync_state.loaded && mailbox.has_no_validity() {
        // Numbers that hold for now only must not be taken for those of another day.
        if let Some(validity) = UidValidity::new(seconds.max(1)) {
            mailbox.accept_validity(validity);
        }
    }
    let unassigned = in_order(mailbox);
    if let Ok(uids) = next_uids(mailbox, unassigned.len()) {
        mailbox
            .records
            .number(&unassigned, uids.iter().map(|uid| uid.get()));
    }
    let letters = letters_in_use(mailbox);
    let mut table = mailbox.keywords().clone();
    if table.name_unknown_letters(letters) {
        mailbox.set_keywords(table);
    }
}

fn letters_in_use(mailbox: &Mailbox) -> KeywordSet {
    let records = (0..mailbox.records.len()).map(|index| mailbox.records.record(index));
    records.fold(KeywordSet::NONE, |all, record| all.with(record.keywords))
}
