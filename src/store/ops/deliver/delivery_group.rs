//! The deliveries to one mailbox: batch after batch, each with the same flushes. The essay is in
//! the module above.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::numbering::Numbering;
use super::parcel::{Parcel, SharedParcel};
use super::ready_file::ReadyFile;
use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::store::StoreError;
use crate::store::context::StoreContext;
use crate::store::flush::{Flush, FlushTarget, poll_all};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::mailbox_keywords::{KeywordBits, UnflushedKeywords};
use crate::store::maildir::filename;
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::lock::{LockRetry, MailboxLock};
use crate::store::maildir::subdir::Subdir;
use crate::store::maildir::uid_list::{UidListLines, UidListRead};
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::read_uid_list::ReadUidList;
use crate::store::sync::reconcile::next_uids;
use crate::store::sync::rewrite_uid_list::RewriteUidList;
use crate::types::{KeywordSet, memory};
use crate::{ready, try_ready};

/// Adding a message in memory takes as long as visiting this many records.
const RECORDS_PER_MESSAGE: usize = 32;
/// No batch begins under a lock that the group has held for longer than this.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(1);
/// How long the group then leaves the lock to others: each job that waits for it tries once.
const REST: Duration = LockRetry::LONGEST_PAUSE;

/// The deliveries of this process to one mailbox. The jobs share it: each steps it until its own
/// parcel is settled, and it ends, and gives up its lock, with the last of them.
#[derive(Debug)]
pub(in crate::store) struct DeliveryGroup {
    stage: GroupStage,
    /// The lock, and since when it is held.
    lock: Option<(MailboxLock, Instant)>,
    /// The parcels that are being delivered, in the order of their UIDs.
    batch: Vec<SharedParcel>,
    /// The parcels that are delivered after them.
    waiting: Vec<SharedParcel>,
    /// Hashes of the base names in a batch of several parcels: two of them may copy one message.
    bases: HashSet<u64>,
    hasher: RandomState,
    /// True while a step runs, and for ever if it has panicked.
    is_in_step: bool,
}

/// The numbers in the stages are indexes of [`DeliveryGroup::batch`]: the next parcel to work on.
#[derive(Debug)]
enum GroupStage {
    /// Waits for the lock, and does not try to take it before that time.
    Lock(LockWait, Option<Instant>),
    Read(ReadUidList),
    Rewrite(RewriteUidList),
    Move(usize),
    /// New keywords are being flushed, for the next file to move.
    Keywords(usize, UnflushedKeywords),
    /// The directories are being flushed; the flushes that are not done yet.
    Flush(Vec<Flush>),
    /// The lines are being written.
    Number(Numbering),
    /// The lines are being flushed.
    FlushLines(UidListLines),
    /// Everything is on disk. The second number is that of the next message of the parcel.
    Announce(usize, usize),
    /// All parcels of the batch are settled.
    BatchEnded,
}

impl Default for DeliveryGroup {
    fn default() -> Self {
        Self {
            stage: waiting_for_lock(),
            lock: None,
            batch: Vec::new(),
            waiting: Vec::new(),
            bases: HashSet::new(),
            hasher: RandomState::new(),
            is_in_step: false,
        }
    }
}

/// Running the stages.
impl DeliveryGroup {
    /// Adds a parcel to the next batch.
    pub(super) fn add(&mut self, parcel: SharedParcel) {
        self.waiting.push(parcel);
    }

    /// True if lines are written that are not known to be flushed.
    pub(super) fn has_unflushed_lines(&self) -> bool {
        matches!(self.stage, GroupStage::FlushLines(_))
    }

    /// Does one piece of work.
    pub(super) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        if self.is_in_step {
            // A step of another session has panicked: it is not known what it has done.
            self.fail(&StoreError::Invalidated);
        }
        self.is_in_step = true;
        let step = self.advance(mailbox, context, budget);
        self.leave_out_settled();
        self.is_in_step = false;
        step
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        if let Some((lock, _)) = &mut self.lock {
            // If other programs cannot see that the holder lives, the work goes on all the same.
            let _ = lock.touch((budget.now(), budget.wall()));
        }
        budget.spend_records(self.batch.len() + self.waiting.len());
        ready!(self.remove_withdrawn(mailbox, budget));
        self.leave_out_settled();
        if self.batch.is_empty() && self.waiting.is_empty() {
            return Step::Done(());
        }
        match ready!(self.advance_stage(mailbox, context, budget)) {
            Ok(next) => self.stage = next,
            Err(error) => self.fail(&error),
        }
        Step::Done(())
    }

    fn advance_stage(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<GroupStage, StoreError>> {
        Step::Done(match &mut self.stage {
            GroupStage::Lock(..) => ready!(self.take_lock(mailbox, context, budget))
                .map(|()| GroupStage::Read(ReadUidList::default())),
            GroupStage::Read(reading) => ready!(reading.step(mailbox, budget)).map(|read| {
                if read == UidListRead::Whole && !mailbox.uid_list.needs_rewrite() {
                    self.begin_batch()
                } else {
                    GroupStage::Rewrite(RewriteUidList::default())
                }
            }),
            GroupStage::Rewrite(rewriting) => {
                ready!(rewriting.step(mailbox, context, budget)).map(|()| self.begin_batch())
            }
            GroupStage::Keywords(parcel, unflushed) => {
                let parcel = *parcel;
                if let Err(error) = ready!(mailbox.finish_keywords(unflushed, budget)) {
                    self.batch[parcel].borrow_mut().withdraw(error);
                }
                Ok(GroupStage::Move(parcel))
            }
            GroupStage::Move(from) => {
                let from = *from;
                self.move_some(from, mailbox, context, budget)
            }
            GroupStage::Flush(flushes) => ready!(poll_all(flushes, budget))
                .map_err(StoreError::io("delivering a message"))
                .and_then(|()| self.begin_numbering(mailbox)),
            GroupStage::Number(_) => self.number(mailbox, context, budget),
            GroupStage::FlushLines(lines) => {
                let flushed = ready!(mailbox.uid_list.finish_append(lines, budget));
                flushed.map(|()| self.commit())
            }
            GroupStage::Announce(parcel, message) => {
                let next = (*parcel, *message);
                Ok(self.announce(next, mailbox, budget))
            }
            GroupStage::BatchEnded => Ok(self.continue_or_release(mailbox, budget.now())),
        })
    }

    /// Returns the octets of memory that the group takes, shared out among its parcels.
    pub(super) fn memory_of_each(&self) -> usize {
        let stage = match &self.stage {
            GroupStage::Read(reading) => reading.memory(),
            GroupStage::Rewrite(rewriting) => rewriting.memory(),
            _ => 0,
        };
        let parcels = self.batch.len() + self.waiting.len();
        (stage + memory::of_set(&self.bases)) / parcels.max(1)
    }

    /// Withdraws the batch or, before there is one, all that would be in it.
    fn fail(&mut self, error: &StoreError) {
        let failed = if self.batch.is_empty() {
            &self.waiting
        } else {
            &self.batch
        };
        for parcel in failed {
            parcel.borrow_mut().withdraw(error.clone());
        }
        self.stage = GroupStage::BatchEnded;
    }
}

/// The lock, and the ends of batches.
impl DeliveryGroup {
    fn take_lock(
        &mut self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let GroupStage::Lock(lock_wait, not_before) = &mut self.stage else {
            return Step::Done(Ok(()));
        };
        if let Some(time) = not_before.filter(|&time| budget.now() < time) {
            return Step::Yield(Why::Until(time));
        }
        let step = lock_wait.step(mailbox, context.owner, budget);
        if let Step::Yield(Why::Until(time)) = step {
            *not_before = Some(time);
        }
        let lock = try_ready!(step);
        self.lock = Some((lock, budget.now()));
        mailbox.lock_is_wanted = false;
        Step::Done(Ok(()))
    }

    fn begin_batch(&mut self) -> GroupStage {
        self.batch = std::mem::take(&mut self.waiting);
        GroupStage::Move(0)
    }

    /// Removes the files that are not messages and that other programs see.
    fn remove_withdrawn(&self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> Step<()> {
        for parcel in &self.batch {
            let mut parcel = parcel.borrow_mut();
            while parcel.is_withdrawn() && parcel.remove_last_moved(mailbox.dir()) {
                mailbox.request_check();
                budget.spend(COST_SYSCALL);
                if budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
        }
        Step::Done(())
    }

    /// Leaves out the parcels that are settled: those that wait at once, those of the batch when
    /// all are. Releases the lock if no parcel is left.
    pub(super) fn leave_out_settled(&mut self) {
        let is_settled = |parcel: &SharedParcel| parcel.borrow().is_settled();
        self.waiting.retain(|parcel| !is_settled(parcel));
        if !self.batch.is_empty() && self.batch.iter().all(is_settled) {
            self.batch.clear();
            self.bases = HashSet::new();
            self.stage = GroupStage::BatchEnded;
        }
        if self.batch.is_empty() && self.waiting.is_empty() {
            self.lock = None;
            self.stage = waiting_for_lock();
        }
    }

    /// Decides, between two batches, whether the group keeps the lock.
    fn continue_or_release(&mut self, mailbox: &Mailbox, now: Instant) -> GroupStage {
        let Some((_, since)) = &self.lock else {
            return waiting_for_lock();
        };
        let is_over = now.saturating_duration_since(*since) >= LONGEST_HOLD;
        if !is_over && !mailbox.lock_is_wanted {
            return GroupStage::Read(ReadUidList::default());
        }
        self.lock = None;
        GroupStage::Lock(LockWait::default(), Some(now + REST))
    }
}

fn waiting_for_lock() -> GroupStage {
    GroupStage::Lock(LockWait::default(), None)
}

/// The files.
impl DeliveryGroup {
    /// Moves files to their places, from one of the parcels on.
    fn move_some(
        &mut self,
        from: usize,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<GroupStage, StoreError> {
        for at in from..self.batch.len() {
            let parcel = Rc::clone(&self.batch[at]);
            let mut parcel = parcel.borrow_mut();
            while parcel.is_on_its_way() {
                let Some(ready) = parcel.ready.pop_front() else {
                    break;
                };
                match self.move_one(ready, &mut parcel, mailbox, context, budget) {
                    Ok(None) => {}
                    Ok(Some(unflushed)) => return Ok(GroupStage::Keywords(at, unflushed)),
                    Err(error) => parcel.withdraw(error),
                }
                budget.spend(COST_SYSCALL);
                if budget.is_spent() {
                    return Ok(GroupStage::Move(at));
                }
            }
        }
        self.flush(mailbox, context, budget)
    }

    /// Moves a file to its place. If it has new keywords, puts it back and returns them.
    fn move_one(
        &mut self,
        mut ready: ReadyFile,
        parcel: &mut Parcel,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<Option<UnflushedKeywords>, StoreError> {
        let keywords = if ready.keywords.is_empty() {
            KeywordSet::NONE
        } else {
            // Keywords that no letter is left for are dropped.
            budget.spend_records(RECORDS_PER_MESSAGE);
            match mailbox.define_keywords(&ready.keywords)? {
                KeywordBits::Known(keywords) => keywords,
                KeywordBits::New(table) => {
                    let unflushed =
                        mailbox.begin_keywords(table, budget.wall(), context.flushes)?;
                    budget.spend(COST_OPEN);
                    parcel.ready.push_front(ready);
                    return Ok(Some(unflushed));
                }
            }
        };
        if self.is_used(filename::base(&ready.name), mailbox) {
            ready.rename(context.names, budget.wall());
        }
        let (subdir, name) = ready.destination(mailbox, keywords);
        let target = subdir.file(mailbox.dir(), &name);
        rename_without_replacing(&ready.file.path, &target)
            .map_err(StoreError::io("delivering a message"))?;
        ready.file.forget();
        mailbox.watch.expect_arrival(subdir, &name);
        parcel.moved.push((subdir, name));
        Ok(None)
    }

    /// True if a message has that base name, because another process or another parcel has
    /// delivered it since the name was chosen.
    fn is_used(&mut self, base: &[u8], mailbox: &Mailbox) -> bool {
        let is_in_batch = self.batch.len() > 1 && !self.bases.insert(self.hasher.hash_one(base));
        is_in_batch || mailbox.records.find(base).is_some()
    }

    fn flush(
        &self,
        mailbox: &Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<GroupStage, StoreError> {
        let mut flushes = Vec::new();
        for subdir in [Subdir::New, Subdir::Cur] {
            let is_in = |&(used, _): &(Subdir, Vec<u8>)| used == subdir;
            let mut parcels = self.batch.iter();
            if parcels.any(|parcel| parcel.borrow().moved.iter().any(is_in)) {
                let target = FlushTarget::directory(&subdir.within(mailbox.dir()))
                    .map_err(StoreError::io("delivering a message"))?;
                flushes.push(context.flushes.submit(target));
                budget.spend(COST_OPEN);
            }
        }
        Ok(GroupStage::Flush(flushes))
    }
}

/// The uid list, and the messages in memory.
impl DeliveryGroup {
    fn begin_numbering(&self, mailbox: &Mailbox) -> Result<GroupStage, StoreError> {
        let counts = self.batch.iter().map(|parcel| parcel.borrow().moved.len());
        let uids = next_uids(mailbox, counts.sum())?;
        Ok(GroupStage::Number(Numbering::new(uids)))
    }

    /// Writes some lines of one parcel, or submits the flush of all when they are written.
    fn number(
        &mut self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<GroupStage, StoreError> {
        let stage = std::mem::replace(&mut self.stage, GroupStage::BatchEnded);
        let GroupStage::Number(mut numbering) = stage else {
            return Ok(stage);
        };
        if let Some(parcel) = self.batch.get(numbering.parcel) {
            numbering.write_some(&mut parcel.borrow_mut(), mailbox, budget)?;
        }
        if numbering.parcel < self.batch.len() {
            return Ok(GroupStage::Number(numbering));
        }
        Ok(match numbering.lines {
            Some(mut lines) => {
                mailbox.uid_list.end_append(&mut lines, context.flushes);
                GroupStage::FlushLines(lines)
            }
            None => self.commit(),
        })
    }

    fn commit(&self) -> GroupStage {
        for parcel in &self.batch {
            parcel.borrow_mut().commit();
        }
        GroupStage::Announce(0, 0)
    }

    /// Adds some messages of one parcel to the mailbox, now that all that belongs to them is on
    /// disk. What memory has no room for is found by the next process.
    fn announce(
        &self,
        (at, from): (usize, usize),
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> GroupStage {
        let Some(parcel) = self.batch.get(at) else {
            return GroupStage::BatchEnded;
        };
        let mut parcel = parcel.borrow_mut();
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        for message in from..parcel.moved.len() {
            if budget.is_spent() {
                return GroupStage::Announce(at, message);
            }
            budget.spend_records(RECORDS_PER_MESSAGE);
            // Publishing sorts what a scan has found meanwhile.
            budget.spend_pass(mailbox.records.tail().len());
            let uid = parcel.uids[message];
            let (subdir, name) = &mut parcel.moved[message];
            let name = std::mem::take(name);
            if mailbox.add_delivered(uid, *subdir, &name).is_err() {
                log::error!("{}: the mailbox is full", mailbox.dir().display());
                break;
            }
        }
        parcel.deliver();
        GroupStage::Announce(at + 1, 0)
    }
}
