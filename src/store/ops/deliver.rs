//! The last part of APPEND and COPY: files that lie ready in `tmp/` become messages, all or none.
//!
//! Under the lock, the job
//!
//! 1. reads the uid list to its end, and rewrites it if it cannot be appended to,
//! 2. renames the files from `tmp/` to `new/` or `cur/`,
//! 3. flushes the directories, and waits for that,
//! 4. appends the lines to the uid list, flushes it, and waits for that,
//! 5. adds the messages to those in memory.
//!
//! The lock is held all the time, and other sessions go on meanwhile: each stage pays for each
//! message. The messages are announced after the last stage. A process that dies before that
//! leaves files without a UID, which the next sync numbers, or lines without a file, which are
//! stale. If the job fails, or its session ends, before the lines are flushed, the files are
//! removed again, in steps and under the lock; afterwards the job is carried to its end
//! ([`abandoned`](crate::store::abandoned)).

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::store::abandoned::AbandonedWork;
use crate::store::context::StoreContext;
use crate::store::flush::{Flush, FlushTarget};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::mailbox_keywords::{KeywordBits, UnflushedKeywords};
use crate::store::maildir::filename::{self, UniqueNames, fresh_base};
use crate::store::maildir::files::{self, rename_without_replacing};
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::subdir::Subdir;
use crate::store::maildir::uid_list::{UidListLines, UidListRead};
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::read_uid_list::ReadUidList;
use crate::store::sync::reconcile::next_uids;
use crate::store::sync::rewrite_uid_list::RewriteUidList;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{Flags, Keyword, KeywordSet, Uid};
use crate::{ready, try_ready};

/// Lines written to the uid list at once: a third of a millisecond.
const LINES_AT_ONCE: usize = 1024;
/// Adding a message in memory takes as long as visiting this many records.
const RECORDS_PER_MESSAGE: usize = 32;
/// Writing a line takes as long as visiting this many records.
const RECORDS_PER_LINE: usize = 4;

/// A file in `tmp/`, removed when this value is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    pub(super) path: PathBuf,
}

impl TemporaryFile {
    /// Forgets the file, which is not in `tmp/` any more.
    fn forget(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        if let Err(error) = files::remove(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// A message that is complete in `tmp/`.
#[derive(Debug)]
pub(super) struct ReadyFile {
    pub(super) file: TemporaryFile,
    /// The name that the file gets, with the info part of the original if it is a copy.
    pub(super) name: Vec<u8>,
    pub(super) flags: Flags,
    pub(super) keywords: Vec<Keyword>,
}

impl ReadyFile {
    /// Chooses a base name that no file has.
    pub(super) fn rename(&mut self, names: &mut UniqueNames, wall: SystemTime) {
        let base = filename::base(&self.name);
        let mut fresh = fresh_base(names, base, wall);
        fresh.extend_from_slice(&self.name[base.len()..]);
        self.name = fresh;
    }
}

/// Messages that are complete in `tmp/`. If they are not delivered, their files are removed in
/// steps. They need no lock for that: no other program knows them.
#[derive(Debug, Default)]
pub(super) struct ReadyFiles(pub(super) Vec<ReadyFile>);

impl AbandonedWork<Store> for ReadyFiles {
    fn has_work_left(&self) -> bool {
        !self.0.is_empty()
    }

    fn clean_up(&mut self, _: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        while self.0.pop().is_some() {
            budget.spend(COST_SYSCALL);
            if budget.is_spent() && self.has_work_left() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(())
    }
}

/// Delivers messages that are complete in `tmp/`.
#[derive(Debug)]
pub(super) struct Delivery {
    handle: MailboxHandle,
    stage: DeliveryStage,
    lock: Option<MailboxLock>,
    /// The directory of the mailbox.
    dir: PathBuf,
    /// Files that are in `tmp/`.
    ready: VecDeque<ReadyFile>,
    /// Files that were moved out of `tmp/`; empty names for those that are messages.
    moved: Vec<(Subdir, Vec<u8>)>,
    /// The UIDs that they get.
    uids: Vec<Uid>,
    /// Why the files are removed again.
    failure: Option<StoreError>,
}

/// The numbers in the stages are indexes of [`Delivery::moved`]: the next file to work on.
#[derive(Debug)]
enum DeliveryStage {
    Lock(LockWait),
    Read(ReadUidList),
    Rewrite(RewriteUidList),
    Move,
    /// New keywords are being flushed, for the next file to move.
    Keywords(UnflushedKeywords),
    /// The directories are being flushed; the flushes that are not done yet.
    Flush(Vec<Flush>),
    /// The lines are being written; those that are.
    Number(usize, Option<UidListLines>),
    /// The lines are being flushed.
    FlushLines(UidListLines),
    /// Everything is on disk.
    Announce(usize),
    /// The job has failed, or its session has ended.
    Undo,
    Ended,
}

impl Delivery {
    pub(super) fn new(handle: MailboxHandle, mailbox: &Mailbox, ready: Vec<ReadyFile>) -> Self {
        Self {
            handle,
            stage: DeliveryStage::Lock(LockWait::default()),
            lock: None,
            dir: mailbox.dir().to_path_buf(),
            ready: ready.into(),
            moved: Vec::new(),
            uids: Vec::new(),
            failure: None,
        }
    }

    /// True if the messages are on disk, so that nothing is undone any more.
    pub(super) fn is_committed(&self) -> bool {
        matches!(
            self.stage,
            DeliveryStage::Announce(_) | DeliveryStage::Ended
        )
    }

    /// Steps the job until it is done. Ends with the UIDs of the messages, in their order.
    ///
    /// # Errors
    /// No message was delivered, and no file is left.
    pub(super) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Vec<Uid>, StoreError>> {
        while !matches!(self.stage, DeliveryStage::Ended) {
            if let Some(lock) = &mut self.lock {
                // If other programs cannot see that the holder lives, the work goes on all the
                // same.
                let _ = lock.touch((budget.now(), budget.wall()));
            }
            match ready!(self.advance(mailbox, context, budget)) {
                Ok(next) => self.stage = next,
                Err(error) => {
                    (self.stage, self.failure) = (DeliveryStage::Undo, Some(error));
                }
            }
            // Without a flusher no step ends between writing lines and flushing them.
            let has_lines = matches!(self.stage, DeliveryStage::FlushLines(..));
            if budget.is_spent() && !has_lines {
                return Step::Yield(Why::Budget);
            }
        }
        self.lock = None;
        let uids = std::mem::take(&mut self.uids);
        Step::Done(self.failure.take().map_or(Ok(uids), Err))
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<DeliveryStage, StoreError>> {
        Step::Done(match &mut self.stage {
            DeliveryStage::Lock(lock_wait) => {
                ready!(lock_wait.step(mailbox, context.owner, budget)).map(|lock| {
                    self.lock = Some(lock);
                    DeliveryStage::Read(ReadUidList::default())
                })
            }
            DeliveryStage::Read(reading) => ready!(reading.step(mailbox, budget)).map(|read| {
                if read == UidListRead::Whole && !mailbox.uid_list.needs_rewrite() {
                    DeliveryStage::Move
                } else {
                    DeliveryStage::Rewrite(RewriteUidList::default())
                }
            }),
            DeliveryStage::Rewrite(rewriting) => {
                ready!(rewriting.step(mailbox, context, budget)).map(|()| DeliveryStage::Move)
            }
            DeliveryStage::Keywords(unflushed) => {
                ready!(mailbox.finish_keywords(unflushed, budget)).map(|()| DeliveryStage::Move)
            }
            DeliveryStage::Move => self.move_some(mailbox, context, budget),
            DeliveryStage::Flush(flushes) => ready!(poll_all(flushes, budget))
                .map_err(StoreError::io("delivering a message"))
                .map(|()| DeliveryStage::Number(0, None)),
            DeliveryStage::Number(from, lines) => {
                let (from, lines) = (*from, lines.take());
                self.number(from, lines, mailbox, context, budget)
            }
            DeliveryStage::FlushLines(lines) => {
                let flushed = ready!(mailbox.uid_list.finish_append(lines, budget));
                flushed.map(|()| DeliveryStage::Announce(0))
            }
            DeliveryStage::Announce(from) => {
                let from = *from;
                Ok(self.announce(from, mailbox, budget))
            }
            DeliveryStage::Undo => {
                ready!(self.undo(budget));
                mailbox.request_check();
                Ok(DeliveryStage::Ended)
            }
            DeliveryStage::Ended => Ok(DeliveryStage::Ended),
        })
    }

    fn move_some(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<DeliveryStage, StoreError> {
        while let Some(mut ready) = self.ready.pop_front() {
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
                        self.ready.push_front(ready);
                        return Ok(DeliveryStage::Keywords(unflushed));
                    }
                }
            };
            if mailbox.records.find(filename::base(&ready.name)).is_some() {
                // Another process has delivered a file with that name since it was chosen.
                ready.rename(context.names, budget.wall());
            }
            let (subdir, name) = destination(mailbox, &ready, keywords);
            let target = subdir.file(mailbox.dir(), &name);
            rename_without_replacing(&ready.file.path, &target)
                .map_err(StoreError::io("delivering a message"))?;
            ready.file.forget();
            mailbox.watch.expect_arrival(subdir, &name);
            self.moved.push((subdir, name));
            budget.spend(COST_SYSCALL);
            if budget.is_spent() {
                return Ok(DeliveryStage::Move);
            }
        }
        self.flush(mailbox, context, budget)
    }

    fn flush(
        &self,
        mailbox: &Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<DeliveryStage, StoreError> {
        let mut flushes = Vec::new();
        for subdir in [Subdir::New, Subdir::Cur] {
            if self.moved.iter().any(|&(used, _)| used == subdir) {
                let target = FlushTarget::directory(&subdir.within(mailbox.dir()))
                    .map_err(StoreError::io("delivering a message"))?;
                flushes.push(context.flushes.submit(target));
                budget.spend(COST_OPEN);
            }
        }
        Ok(DeliveryStage::Flush(flushes))
    }

    /// Writes some of the lines, and submits their flush after the last.
    fn number(
        &mut self,
        from: usize,
        mut lines: Option<UidListLines>,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<DeliveryStage, StoreError> {
        if lines.is_none() {
            self.uids = next_uids(mailbox, self.moved.len())?;
        }
        let to = self.moved.len().min(from + LINES_AT_ONCE);
        let bases = self.moved[from..to].iter();
        let bases = bases.map(|(_, name)| filename::base(name));
        let more = self.uids[from..to].iter().copied().zip(bases);
        match &mut lines {
            Some(lines) => lines.append(more)?,
            None => lines = Some(mailbox.uid_list.begin_append(&self.dir, more)?),
        }
        budget.spend(COST_OPEN);
        budget.spend_records(RECORDS_PER_LINE * (to - from));
        Ok(match lines {
            Some(mut lines) if to == self.moved.len() => {
                mailbox.uid_list.end_append(&mut lines, context.flushes);
                DeliveryStage::FlushLines(lines)
            }
            lines => DeliveryStage::Number(to, lines),
        })
    }

    /// Adds some of the messages to the mailbox, now that all that belongs to them is on disk. What
    /// memory has no room for is found by the next process.
    fn announce(
        &mut self,
        from: usize,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> DeliveryStage {
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        for at in from..self.moved.len() {
            if budget.is_spent() {
                return DeliveryStage::Announce(at);
            }
            budget.spend_records(RECORDS_PER_MESSAGE);
            let (subdir, name) = &mut self.moved[at];
            let name = std::mem::take(name);
            if mailbox
                .add_delivered(self.uids[at], *subdir, &name)
                .is_err()
            {
                log::error!("{}: the mailbox is full", self.dir.display());
                break;
            }
        }
        DeliveryStage::Ended
    }

    /// Removes the files that are not messages: first those that other programs see, under the
    /// lock, then those in `tmp/`.
    fn undo(&mut self, budget: &mut Budget<'_>) -> Step<()> {
        while let Some((subdir, name)) = self.moved.pop() {
            self.remove_moved(subdir, &name);
            budget.spend(COST_SYSCALL);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        self.lock = None;
        while self.ready.pop_front().is_some() {
            budget.spend(COST_SYSCALL);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(())
    }

    /// Removes a file that was moved out of `tmp/` and is not in the uid list.
    fn remove_moved(&self, subdir: Subdir, name: &[u8]) {
        let path = subdir.file(&self.dir, name);
        if let Err(error) = fs::remove_file(&path) {
            log::warn!(
                "{}: cannot remove the file of a failed delivery: {error}",
                path.display()
            );
        }
    }
}

impl AbandonedWork<Store> for Delivery {
    fn has_work_left(&self) -> bool {
        match self.stage {
            DeliveryStage::Announce(_) => true,
            DeliveryStage::Ended => false,
            _ => !self.moved.is_empty() || !self.ready.is_empty(),
        }
    }

    fn abandon(&mut self) {
        if !self.is_committed() {
            self.stage = DeliveryStage::Undo;
        }
        if self.moved.is_empty() {
            self.lock = None;
        }
    }

    fn clean_up(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        let (mailbox, mut context) = store.parts(&self.handle);
        let _ = ready!(self.step(mailbox, &mut context, budget));
        Step::Done(())
    }
}

impl Drop for Delivery {
    /// Removes the files of a delivery that no store is left to clean up after. The lock is still
    /// held here.
    fn drop(&mut self) {
        if !self.is_committed() {
            for (subdir, name) in std::mem::take(&mut self.moved) {
                self.remove_moved(subdir, &name);
            }
        }
    }
}

/// Waits for all the flushes, and takes out those that are done. Ends with the first error.
pub(super) fn poll_all(flushes: &mut Vec<Flush>, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
    while let Some(flush) = flushes.last() {
        try_ready!(flush.poll(budget));
        flushes.pop();
    }
    Step::Done(Ok(()))
}

/// Chooses the directory and the name of a message. A message without flags goes to `new/`, where
/// other programs expect new messages, unless a session would only have to move it on.
fn destination(mailbox: &Mailbox, ready: &ReadyFile, keywords: KeywordSet) -> (Subdir, Vec<u8>) {
    let is_plain = ready.flags.is_empty() && keywords.is_empty();
    let has_info = memchr::memchr(b':', &ready.name).is_some();
    if is_plain && !has_info && !mailbox.has_writer() {
        return (Subdir::New, ready.name.clone());
    }
    let mut name = Vec::new();
    filename::with_flags(&ready.name, ready.flags, keywords, &mut name);
    (Subdir::Cur, name)
}
