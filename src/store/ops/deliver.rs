//! The last part of APPEND and COPY: files that lie ready in `tmp/` become messages, all or none.
//!
//! Under the lock, the job
//!
//! 1. reads the uid list to its end, and rewrites it if it cannot be appended to,
//! 2. renames the files from `tmp/` to `new/` or `cur/`,
//! 3. flushes the directories, and waits for that,
//! 4. appends the lines to the uid list, flushes it, and waits for that.
//!
//! The lock is held all the time, and other sessions go on meanwhile. Only then the messages are
//! announced. A process that dies before that leaves files without a UID, which the next sync
//! numbers, or lines without a file, which are stale. If the job fails, it removes the files again.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::StoreError;
use crate::store::context::StoreContext;
use crate::store::flush::{Flush, FlushTarget};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::mailbox_keywords::{KeywordBits, UnflushedKeywords};
use crate::store::maildir::filename::{self, UniqueNames, fresh_base};
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::lock::MailboxLock;
use crate::store::maildir::subdir::Subdir;
use crate::store::maildir::uid_list::{UidListLines, UidListRead};
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::read_uid_list::ReadUidList;
use crate::store::sync::reconcile::next_uids;
use crate::store::sync::rewrite_uid_list::RewriteUidList;
use crate::types::{Flags, Keyword, KeywordSet, Uid};

/// A file in `tmp/`, removed when this value is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    pub(super) path: PathBuf,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // The file is not there any more if it was delivered.
        let _ = fs::remove_file(&self.path);
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

/// Delivers messages that are complete in `tmp/`.
#[derive(Debug)]
pub(super) struct Delivery {
    stage: DeliveryStage,
    lock: Option<MailboxLock>,
    /// The directory of the mailbox.
    dir: PathBuf,
    ready: Vec<ReadyFile>,
    /// Files that were moved out of `tmp/` and are not in the uid list yet.
    moved: Vec<(Subdir, Vec<u8>)>,
}

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
    Number,
    /// The lines with these UIDs are being flushed.
    FlushLines(Vec<Uid>, UidListLines),
}

impl Delivery {
    pub(super) fn new(mailbox: &Mailbox, ready: Vec<ReadyFile>) -> Self {
        Self {
            stage: DeliveryStage::Lock(LockWait::default()),
            lock: None,
            dir: mailbox.dir().to_path_buf(),
            ready,
            moved: Vec::new(),
        }
    }

    /// Steps the job until it is done. Ends with the UIDs of the messages, in their order.
    pub(super) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Vec<Uid>, StoreError>> {
        loop {
            match ready!(self.advance(mailbox, context, budget)) {
                Ok(DeliveryNext::Stage(next)) => self.stage = *next,
                Ok(DeliveryNext::Done(uids)) => {
                    self.lock = None;
                    return Step::Done(Ok(uids));
                }
                Err(error) => {
                    self.remove_moved();
                    mailbox.request_check();
                    self.lock = None;
                    return Step::Done(Err(error));
                }
            }
            // Without a flusher no step ends between writing lines and flushing them.
            let has_lines = matches!(self.stage, DeliveryStage::FlushLines(..));
            if budget.is_spent() && !has_lines {
                return Step::Yield(Why::Budget);
            }
        }
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<DeliveryNext, StoreError>> {
        let next = match &mut self.stage {
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
                .map(|()| DeliveryStage::Number),
            DeliveryStage::Number => self.number(mailbox, context, budget),
            DeliveryStage::FlushLines(uids, lines) => {
                let flushed = ready!(mailbox.uid_list.finish_append(lines, budget));
                let uids = std::mem::take(uids);
                let added = flushed.and_then(|()| self.announce(mailbox, uids, budget));
                return Step::Done(added.map(DeliveryNext::Done));
            }
        };
        Step::Done(next.map(|stage| DeliveryNext::Stage(Box::new(stage))))
    }

    fn move_some(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<DeliveryStage, StoreError> {
        while let Some(ready) = self.ready.get_mut(self.moved.len()) {
            let keywords = if ready.keywords.is_empty() {
                KeywordSet::NONE
            } else {
                // Keywords that no letter is left for are dropped.
                match mailbox.define_keywords(&ready.keywords)? {
                    KeywordBits::Known(keywords) => keywords,
                    KeywordBits::New(table) => {
                        let unflushed =
                            mailbox.begin_keywords(table, budget.wall(), context.flushes)?;
                        budget.spend(COST_OPEN);
                        return Ok(DeliveryStage::Keywords(unflushed));
                    }
                }
            };
            if mailbox.records.find(filename::base(&ready.name)).is_some() {
                // Another process has delivered a file with that name since it was chosen.
                ready.rename(context.names, budget.wall());
            }
            let (subdir, name) = destination(mailbox, ready, keywords);
            let target = subdir.file(mailbox.dir(), &name);
            rename_without_replacing(&ready.file.path, &target)
                .map_err(StoreError::io("delivering a message"))?;
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

    fn number(
        &self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<DeliveryStage, StoreError> {
        let uids = next_uids(mailbox, self.moved.len())?;
        let bases = self.moved.iter().map(|(_, name)| filename::base(name));
        let lines = uids.iter().copied().zip(bases);
        let written = mailbox.uid_list.append(&self.dir, lines, context.flushes)?;
        budget.spend(COST_OPEN);
        Ok(DeliveryStage::FlushLines(uids, written))
    }

    /// Adds the messages to the mailbox, now that all that belongs to them is on disk.
    fn announce(
        &mut self,
        mailbox: &mut Mailbox,
        uids: Vec<Uid>,
        budget: &Budget<'_>,
    ) -> Result<Vec<Uid>, StoreError> {
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        for (&uid, (subdir, name)) in uids.iter().zip(self.moved.drain(..)) {
            let full = |_| StoreError::Limit("the mailbox is full");
            mailbox.add_delivered(uid, subdir, &name).map_err(full)?;
        }
        Ok(uids)
    }

    /// Removes the files that were moved out of `tmp/` and are not in the uid list.
    fn remove_moved(&mut self) {
        for (subdir, name) in self.moved.drain(..) {
            let path = subdir.file(&self.dir, &name);
            if let Err(error) = fs::remove_file(&path) {
                log::warn!(
                    "{}: cannot remove the file of a failed delivery: {error}",
                    path.display()
                );
            }
        }
    }
}

impl Drop for Delivery {
    /// Removes the files of a delivery whose session has ended. The lock is still held here.
    fn drop(&mut self) {
        self.remove_moved();
    }
}

/// What comes after a stage.
enum DeliveryNext {
    Stage(Box<DeliveryStage>),
    Done(Vec<Uid>),
}

/// Waits for all the flushes, and takes out those that are done. Ends with the first error.
pub(super) fn poll_all(flushes: &mut Vec<Flush>, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
    while let Some(flush) = flushes.last() {
        if let Err(error) = ready!(flush.poll(budget)) {
            return Step::Done(Err(error));
        }
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
