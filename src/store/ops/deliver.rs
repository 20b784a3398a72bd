//! The last part of APPEND and COPY: files that lie ready in `tmp/` become messages, all or none.
//!
//! Under the lock: the list is read to its end and made fit to be appended to, the files are
//! renamed to where they belong, the directories flushed, the lines written and flushed; only then
//! anybody is told. Whoever is cut off in between leaves files that the next pass numbers, or lines
//! without a file, which are dead ones. Whoever fails takes the files back.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::budget::{Budget, COST_SYNC, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::directory::{Subdir, flush_directory, rename_onto_nothing};
use crate::store::maildir::filename;
use crate::store::maildir::filename::UniqueNames;
use crate::store::maildir::lock::MailboxLock;
use crate::store::sync::lock_wait::LockWait;
use crate::store::sync::reconcile::next_uids;
use crate::store::sync::scan::fresh_base;
use crate::store::sync::uid_list::{ReadUidList, RewriteUidList, UidListRead};
use crate::store::{StoreContext, StoreError};
use crate::types::{Flags, Keyword, KeywordSet, Uid};

/// A file in `tmp/`, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    pub(crate) path: PathBuf,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It is gone if it was delivered.
        let _ = fs::remove_file(&self.path);
    }
}

/// A message that lies ready.
#[derive(Debug)]
pub(crate) struct ReadyFile {
    pub(crate) file: TemporaryFile,
    /// What it is to be called, with the info part it had elsewhere, if any.
    pub(crate) name: Vec<u8>,
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<Keyword>,
}

impl ReadyFile {
    /// Gives it a base that no file has.
    pub(crate) fn rename(&mut self, names: &mut UniqueNames, wall: SystemTime) {
        let base = filename::base(&self.name);
        let mut fresh = fresh_base(names, base, wall);
        fresh.extend_from_slice(&self.name[base.len()..]);
        self.name = fresh;
    }
}

/// Delivers messages that lie ready.
#[derive(Debug)]
pub(crate) struct Delivery {
    stage: DeliveryStage,
    lock: Option<MailboxLock>,
    /// The mailbox.
    dir: PathBuf,
    ready: Vec<ReadyFile>,
    /// Those that are in their place, but not in the list.
    moved: Vec<(Subdir, Vec<u8>)>,
}

#[derive(Debug)]
enum DeliveryStage {
    Lock(LockWait),
    Read(ReadUidList),
    Rewrite(RewriteUidList),
    Move,
    Flush,
    Number,
}

impl Delivery {
    pub(crate) fn new(mailbox: &Mailbox, ready: Vec<ReadyFile>) -> Self {
        Self {
            stage: DeliveryStage::Lock(LockWait::default()),
            lock: None,
            dir: mailbox.dir().to_path_buf(),
            ready,
            moved: Vec::new(),
        }
    }

    /// Ends with the UIDs of the messages, in their order.
    pub(crate) fn step(
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
                    self.take_back();
                    mailbox.request_check();
                    self.lock = None;
                    return Step::Done(Err(error));
                }
            }
            if budget.is_spent() {
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
            DeliveryStage::Read(reading) => ready!(reading.step(mailbox, budget)).map(|listed| {
                let is_fit = listed == UidListRead::Whole && !mailbox.uid_list_needs_rewrite();
                if is_fit {
                    DeliveryStage::Move
                } else {
                    DeliveryStage::Rewrite(RewriteUidList::default())
                }
            }),
            DeliveryStage::Rewrite(rewriting) => {
                ready!(rewriting.step(mailbox, context, budget)).map(|()| DeliveryStage::Move)
            }
            DeliveryStage::Move => self.move_some(mailbox, context, budget),
            DeliveryStage::Flush => self.flush(mailbox, budget),
            DeliveryStage::Number => {
                return Step::Done(self.number(mailbox, budget).map(DeliveryNext::Done));
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
                // What there is no letter left for cannot be kept.
                mailbox.define(&ready.keywords, budget)?
            };
            if mailbox.records.find(filename::base(&ready.name)).is_some() {
                // Another process has delivered under that name since the name was chosen.
                ready.rename(context.names, budget.wall());
            }
            let (subdir, name) = destination(mailbox, ready, keywords);
            let target = subdir.file(mailbox.dir(), &name);
            rename_onto_nothing(&ready.file.path, &target)
                .map_err(StoreError::io("delivering a message"))?;
            mailbox.watch.expect_arrival(subdir, &name);
            self.moved.push((subdir, name));
            budget.spend(COST_SYSCALL);
            if budget.is_spent() {
                return Ok(DeliveryStage::Move);
            }
        }
        Ok(DeliveryStage::Flush)
    }

    fn flush(
        &self,
        mailbox: &Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<DeliveryStage, StoreError> {
        for subdir in [Subdir::New, Subdir::Cur] {
            if self.moved.iter().any(|&(used, _)| used == subdir) {
                flush_directory(&subdir.within(mailbox.dir()))
                    .map_err(StoreError::io("delivering a message"))?;
                budget.spend(COST_SYNC);
            }
        }
        Ok(DeliveryStage::Number)
    }

    fn number(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Uid>, StoreError> {
        let uids = next_uids(mailbox, self.moved.len())?;
        let bases = self.moved.iter().map(|(_, name)| filename::base(name));
        let lines = uids.iter().copied().zip(bases);
        mailbox.uid_list.append(&self.dir, lines)?;
        budget.spend(COST_SYNC);
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        for (&uid, (subdir, name)) in uids.iter().zip(self.moved.drain(..)) {
            let full = |_| StoreError::Limit("the mailbox is full");
            mailbox.delivered(uid, subdir, &name).map_err(full)?;
        }
        Ok(uids)
    }

    /// Removes what is in its place and not in the list.
    fn take_back(&mut self) {
        for (subdir, name) in self.moved.drain(..) {
            if let Err(error) = fs::remove_file(subdir.file(&self.dir, &name)) {
                log::warn!(
                    "{}: cannot take back a message: {error}",
                    self.dir.display()
                );
            }
        }
    }
}

impl Drop for Delivery {
    /// Whoever waited for it has left; the lock is still held here.
    fn drop(&mut self) {
        self.take_back();
    }
}

/// What comes after a stage.
enum DeliveryNext {
    Stage(Box<DeliveryStage>),
    Done(Vec<Uid>),
}

/// A message without flags goes to `new/`, where others expect the news; unless a session would
/// only have to move it on.
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
