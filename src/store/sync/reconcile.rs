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

use super::lock_wait::Locking;
use super::scan;
use super::scan::{Scan, Scanned};
use super::uid_list::{Listed, ReadList, RewriteList};
use crate::budget::{Budget, COST_OPEN, COST_SYNC, COST_SYSCALL, RECORDS_PER_UNIT, Step, Why};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::State;
use crate::store::maildir::directory::{Observation, Stamps};
use crate::store::maildir::filename;
use crate::store::maildir::keywords::KeywordTable;
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::tmp_cleanup;
use crate::store::{StoreError, Tools};
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
pub(crate) struct Pass {
    stage: Stage,
    /// Files may move from `new/` to `cur/`.
    moves: bool,
    lock: Option<MailboxLock>,
    listed: Listed,
    scans: u32,
    /// The last scan left no doubt.
    is_conclusive: bool,
    /// Listed files that were not seen are taken for dead lines.
    drops_unseen: bool,
    /// After the lock is taken, scan again.
    scans_again: bool,
    letters: KeywordSet,
    /// What was heard and suspected before the last scan.
    cleared: (u32, u64),
    before: Option<Stamps>,
    /// When the last scan began.
    began: SystemTime,
}

#[derive(Debug)]
enum Stage {
    Begin,
    List(ReadList),
    Rescan,
    Scan(Scan, bool),
    Hold(Instant),
    Lock(Locking),
    Relist(ReadList),
    Verify(usize),
    Rewrite(RewriteList),
    Number(Option<Vec<usize>>),
    Publish,
    Ended,
}

impl Pass {
    pub(crate) fn new(moves: bool) -> Self {
        Self {
            stage: Stage::Begin,
            moves,
            lock: None,
            listed: Listed::Whole,
            scans: 0,
            is_conclusive: false,
            drops_unseen: false,
            scans_again: false,
            letters: KeywordSet::NONE,
            cleared: (0, 0),
            before: None,
            began: SystemTime::UNIX_EPOCH,
        }
    }

    /// True once it has come to its end, well or not.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        while !self.has_ended() {
            if let Some(lock) = &mut self.lock {
                // Whether others see that we are alive is not worth failing for.
                let _ = lock.touch((budget.now(), budget.wall()));
            }
            match ready!(self.advance(mailbox, tools, budget)) {
                Ok(next) => self.stage = next,
                Err(error) => {
                    // A pass meets only directories by name: if one is gone, so is the mailbox.
                    let error = if matches!(error, StoreError::Gone) {
                        StoreError::Invalidated
                    } else {
                        error
                    };
                    if matches!(error, StoreError::Invalidated) {
                        mailbox.make_void();
                    }
                    (self.stage, self.lock) = (Stage::Ended, None);
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
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Stage, StoreError>> {
        let next = match &mut self.stage {
            Stage::Begin => self.begin(mailbox, budget),
            Stage::List(reading) => ready!(reading.step(mailbox, budget)).map(|listed| {
                self.listed = listed;
                Stage::Rescan
            }),
            Stage::Rescan => self.rescan(mailbox, budget),
            Stage::Scan(scan, is_ripe) => {
                let is_ripe = *is_ripe;
                let scanned = ready!(scan.step(mailbox, budget));
                scanned.and_then(|scanned| self.judge(mailbox, &scanned, is_ripe, tools, budget))
            }
            Stage::Hold(until) => {
                if budget.now() < *until {
                    return Step::Yield(Why::Until(*until));
                }
                Ok(self.confirm(mailbox))
            }
            Stage::Lock(locking) => {
                let locked = ready!(locking.step(mailbox, tools.owner, budget));
                self.locked(mailbox, locked)
            }
            Stage::Relist(reading) => ready!(reading.step(mailbox, budget)).map(|listed| {
                self.listed = listed;
                if self.scans_again {
                    Stage::Rescan
                } else {
                    Stage::Verify(mailbox.table.tail().start)
                }
            }),
            Stage::Verify(from) => {
                let from = *from;
                self.verify(mailbox, from, budget)
            }
            Stage::Rewrite(rewriting) => {
                let rewritten = ready!(rewriting.step(mailbox, tools, budget));
                self.or_without_news(mailbox, rewritten.map(|()| Stage::Number(None)))
            }
            Stage::Number(strangers) => {
                let strangers = strangers.take();
                self.number(mailbox, strangers, budget)
            }
            Stage::Publish | Stage::Ended => Ok(self.publish(mailbox)),
        };
        Step::Done(next)
    }

    fn begin(&self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> Result<Stage, StoreError> {
        if !mailbox.is_still_there() {
            return Err(StoreError::Invalidated);
        }
        if mailbox.is_writable() {
            crate::store::maildir::layout::create_parts(mailbox.dir())
                .map_err(StoreError::io("opening the mailbox"))?;
        }
        if mailbox.is_writable() && !mailbox.disk.loaded {
            tmp_cleanup::clean_tmp(mailbox.dir(), budget.wall());
        }
        mailbox.modseqs.set_clock(budget.now(), budget.wall());
        if !mailbox.disk.loaded {
            mailbox.read_modseqs();
            budget.spend(COST_OPEN);
        }
        // Strangers of a pass that nobody waited for any more.
        mailbox.table.retain_tail(|record| !record.is_stranger());
        mailbox.read_keywords()?;
        budget.spend(2 * COST_OPEN);
        Ok(Stage::List(ReadList::default()))
    }

    fn rescan(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<Stage, StoreError> {
        self.cleared = (mailbox.disk.suspicions, mailbox.hearing.heard());
        self.began = budget.wall();
        let now = budget.now();
        let failed = StoreError::io("reading the mailbox");
        let scan = Scan::new(mailbox, self.moves || mailbox.has_writer()).map_err(failed)?;
        let observation = Observation::renew(mailbox.disk.observation, scan.before(), now);
        mailbox.disk.observation = Some(observation);
        budget.spend(COST_OPEN + mailbox.table.len() as u32 / RECORDS_PER_UNIT);
        Ok(Stage::Scan(scan, observation.ripens() <= now))
    }

    /// Decides what a scan means, and what has to be done next.
    fn judge(
        &mut self,
        mailbox: &mut Mailbox,
        scanned: &Scanned,
        is_ripe: bool,
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<Stage, StoreError> {
        if mailbox.is_writable() && scanned.before.is_any_absent() {
            return Err(StoreError::Invalidated);
        }
        self.scans += 1;
        self.letters = scanned.letters;
        self.before = Some(scanned.before);
        let observation =
            Observation::renew(mailbox.disk.observation, scanned.before, budget.now());
        mailbox.disk.observation = Some(observation);
        self.is_conclusive = is_ripe && scanned.is_steady;
        let mut is_doubtful = settle_all_twice(mailbox, scanned, tools, budget);
        self.drops_unseen = self.is_conclusive
            || self.scans >= MOST_SCANS
            || scanned.is_steady && self.saw_all(mailbox);
        let may_bury = self.is_conclusive && (self.lock.is_some() || !mailbox.is_writable());
        let has_ghosts = look_for_ghosts(mailbox, may_bury) > 0;
        let has_unseen = !self.drops_unseen && tail_has(mailbox, |state| !state.has(State::SEEN));
        budget.spend(mailbox.table.len() as u32 / RECORDS_PER_UNIT);
        is_doubtful |= has_ghosts || has_unseen;
        if is_doubtful && self.scans < MOST_SCANS {
            let ripens = mailbox
                .disk
                .observation
                .map_or_else(|| budget.now(), |seen| seen.ripens());
            self.scans_again = true;
            return Ok(if ripens > budget.now() {
                Stage::Hold(ripens)
            } else {
                self.confirm(mailbox)
            });
        }
        self.scans_again = false;
        Ok(self.after_scans(mailbox))
    }

    /// True if the last scan has seen all that is there, provided that the directories still are as
    /// they were before it. Sure enough for a mailbox of which nobody was told anything yet.
    fn saw_all(&self, mailbox: &Mailbox) -> bool {
        let were_old = self.before.is_some_and(|before| before.are_old(self.began));
        were_old && !mailbox.disk.loaded
    }

    /// Scan again: with the lock, if we may take it. It is not held while waiting.
    fn confirm(&mut self, mailbox: &Mailbox) -> Stage {
        if !mailbox.is_writable() {
            return Stage::List(ReadList::default());
        }
        self.lock = None;
        Stage::Lock(locking(mailbox))
    }

    fn after_scans(&self, mailbox: &Mailbox) -> Stage {
        let has_work = has_strangers(mailbox)
            || has_strays(mailbox, self.letters)
            || self.listed != Listed::Whole
            || !mailbox.disk.loaded && mailbox.list_needs_rewrite();
        match (has_work, mailbox.is_writable(), self.lock.is_some()) {
            (false, _, _) => Stage::Publish,
            (true, true, false) => Stage::Lock(locking(mailbox)),
            (true, true, true) => Stage::Verify(mailbox.table.tail().start),
            (true, false, _) => Stage::Number(None),
        }
    }

    fn locked(
        &mut self,
        mailbox: &Mailbox,
        locked: Result<MailboxLock, StoreError>,
    ) -> Result<Stage, StoreError> {
        match locked {
            Ok(lock) => {
                self.lock = Some(lock);
                Ok(Stage::Relist(ReadList::default()))
            }
            Err(StoreError::Invalidated) => Err(StoreError::Invalidated),
            // What is in the list can be told all the same, be the disk full or the lock taken.
            Err(error) if mailbox.disk.loaded || self.can_do_without(mailbox, &error) => {
                log::debug!("{}: no lock: {error}", mailbox.dir().display());
                self.is_conclusive = false;
                Ok(Stage::Publish)
            }
            Err(error) => Err(error),
        }
    }

    /// True if the mailbox can be opened although it cannot be written to just now.
    fn can_do_without(&self, mailbox: &Mailbox, error: &StoreError) -> bool {
        let has_list = self.listed == Listed::Whole && !mailbox.has_no_validity();
        has_list && !matches!(error, StoreError::InUse)
    }

    /// Makes sure that each stranger is still there, now that nobody else can number or expunge it.
    /// Where the directories have not changed since the scan, none needs to be looked at.
    fn verify(
        &mut self,
        mailbox: &mut Mailbox,
        from: usize,
        budget: &mut Budget<'_>,
    ) -> Result<Stage, StoreError> {
        let is_untouched = |mailbox: &Mailbox| {
            Stamps::of(mailbox.dir()).is_ok_and(|stamps| self.before == Some(stamps))
        };
        if !(self.saw_all(mailbox) && is_untouched(mailbox)) {
            if let Some(next) = look_at_strangers(mailbox, from, budget)? {
                return Ok(Stage::Verify(next));
            }
        }
        mailbox
            .table
            .retain_tail(|record| !record.is_stranger() || record.state.has(State::SEEN));
        let prepared = self.prepare(mailbox, budget);
        self.or_without_news(mailbox, prepared)
    }

    /// Under the lock, before strangers are numbered: names for stray letters, and a list to append
    /// to.
    fn prepare(&self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> Result<Stage, StoreError> {
        if has_strays(mailbox, self.letters) {
            mailbox.read_keywords()?;
            let mut table: KeywordTable = mailbox.keywords().clone();
            if table.name_strays(self.letters) {
                mailbox.write_keywords(table, budget.wall())?;
                budget.spend(COST_SYNC);
            }
        }
        let is_unfit = self.listed != Listed::Whole || mailbox.list_needs_rewrite();
        if is_unfit || mailbox.disk.loaded && mailbox.list_is_mostly_dead() {
            return Ok(Stage::Rewrite(RewriteList::default()));
        }
        Ok(Stage::Number(None))
    }

    /// A session that knows the mailbox can go on without its news if the disk does not take them.
    fn or_without_news(
        &mut self,
        mailbox: &Mailbox,
        next: Result<Stage, StoreError>,
    ) -> Result<Stage, StoreError> {
        match next {
            Err(StoreError::Invalidated) => Err(StoreError::Invalidated),
            Err(error) if mailbox.disk.loaded => {
                log::warn!(
                    "{}: cannot number new messages: {error}",
                    mailbox.dir().display()
                );
                self.is_conclusive = false;
                Ok(Stage::Publish)
            }
            next => next,
        }
    }

    /// Numbers some of the strangers. A list that cannot be written costs the news only, as long as
    /// there is a list.
    fn number(
        &mut self,
        mailbox: &mut Mailbox,
        strangers: Option<Vec<usize>>,
        budget: &mut Budget<'_>,
    ) -> Result<Stage, StoreError> {
        if !mailbox.is_writable() {
            number_in_memory(mailbox, budget);
            return Ok(Stage::Publish);
        }
        let mut strangers = strangers.unwrap_or_else(|| in_order(mailbox));
        let rest = strangers.split_off(strangers.len().min(NUMBERED_AT_ONCE));
        if strangers.is_empty() {
            return Ok(Stage::Publish);
        }
        let uids = next_uids(mailbox, strangers.len())?;
        let (dir, table) = (mailbox.dir().to_path_buf(), &mailbox.table);
        let bases = strangers.iter().map(|&index| table.base(index));
        let lines = uids.iter().copied().zip(bases);
        let written = mailbox.list.append(&dir, lines);
        budget.spend(COST_SYNC);
        if let Err(error) = written {
            log::warn!(
                "{}: cannot number new messages: {error}",
                mailbox.dir().display()
            );
            self.is_conclusive = false;
            return Ok(Stage::Publish);
        }
        mailbox
            .table
            .number(&strangers, uids.iter().map(|uid| uid.get()));
        Ok(if rest.is_empty() {
            Stage::Publish
        } else {
            Stage::Number(Some(rest))
        })
    }

    fn publish(&mut self, mailbox: &mut Mailbox) -> Stage {
        if mailbox.disk.loaded {
            mailbox.publish(self.drops_unseen);
        } else {
            mailbox.begin_modseqs();
            mailbox.publish(self.drops_unseen);
            mailbox.end_modseqs();
            mailbox.table.shrink();
        }
        let disk = &mut mailbox.disk;
        disk.loaded = true;
        disk.known = self.before;
        disk.settled = self.is_conclusive;
        disk.cleared = self.cleared;
        let in_new = mailbox
            .table
            .published()
            .iter()
            .filter(|record| record.state.has(State::IN_NEW));
        mailbox.disk.in_new = in_new.count() as u32;
        self.lock = None;
        Stage::Ended
    }
}

fn locking(mailbox: &Mailbox) -> Locking {
    if mailbox.disk.loaded {
        Locking::with_patience(PATIENCE)
    } else {
        Locking::default()
    }
}

fn tail_has(mailbox: &Mailbox, wanted: impl Fn(State) -> bool) -> bool {
    mailbox
        .table
        .tail()
        .any(|index| wanted(mailbox.table.record(index).state))
}

fn has_strangers(mailbox: &Mailbox) -> bool {
    mailbox
        .table
        .tail()
        .any(|index| mailbox.table.record(index).is_stranger())
}

/// True if file names bear letters that no keyword is known for.
fn has_strays(mailbox: &Mailbox, letters: KeywordSet) -> bool {
    mailbox.keywords().clone().name_strays(letters)
}

/// Looks into all that was met twice; true if another scan is needed.
fn settle_all_twice(
    mailbox: &mut Mailbox,
    scanned: &Scanned,
    tools: &mut Tools<'_>,
    budget: &mut Budget<'_>,
) -> bool {
    let mut scans_again = false;
    for met in &scanned.twice {
        match scan::settle_twice(mailbox, met, tools.names, budget.wall()) {
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
fn look_for_ghosts(mailbox: &mut Mailbox, may_bury: bool) -> u32 {
    let mut ghosts = 0;
    for index in 0..mailbox.table.published().len() {
        let record = mailbox.table.record_mut(index);
        if record.is_dead() || record.state.has(State::SEEN) {
            continue;
        }
        if may_bury {
            mailbox.bury(index);
        } else {
            record.state.set(State::GHOST, true);
            ghosts += 1;
        }
    }
    mailbox.disk.ghosts = ghosts;
    ghosts
}

/// Marks the strangers that have gone; returns where to go on.
fn look_at_strangers(
    mailbox: &mut Mailbox,
    from: usize,
    budget: &mut Budget<'_>,
) -> Result<Option<usize>, StoreError> {
    for index in from..mailbox.table.len() {
        if !mailbox.table.record(index).is_stranger() {
            continue;
        }
        match std::fs::symlink_metadata(mailbox.path(index)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                mailbox
                    .table
                    .record_mut(index)
                    .state
                    .set(State::SEEN, false);
                mailbox.suspect();
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
    let table = &mailbox.table;
    let mut strangers: Vec<((u64, u64), usize)> = table
        .tail()
        .filter(|&index| table.record(index).is_stranger())
        .map(|index| (filename::uid_order_key(table.base(index)), index))
        .collect();
    strangers.sort_unstable_by(|(key_a, a), (key_b, b)| {
        let by_name = || filename::uid_order(table.base(*a), table.base(*b));
        key_a.cmp(key_b).then_with(by_name)
    });
    strangers.into_iter().map(|(_, index)| index).collect()
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
    if !mailbox.disk.loaded && mailbox.has_no_validity() {
        // Numbers that hold for now only must not be taken for those of another day.
        if let Some(validity) = UidValidity::new(seconds.max(1)) {
            mailbox.accept_validity(validity);
        }
    }
    let strangers = in_order(mailbox);
    if let Ok(uids) = next_uids(mailbox, strangers.len()) {
        mailbox
            .table
            .number(&strangers, uids.iter().map(|uid| uid.get()));
    }
    let letters = letters_in_use(mailbox);
    let mut table = mailbox.keywords().clone();
    if table.name_strays(letters) {
        mailbox.set_keywords(table);
    }
}

fn letters_in_use(mailbox: &Mailbox) -> KeywordSet {
    let records = (0..mailbox.table.len()).map(|index| mailbox.table.record(index));
    records.fold(KeywordSet::NONE, |all, record| all.with(record.keywords))
}
