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
use crate::store::maildir::directory::{Place, flush_directory, rename_onto_nothing};
use crate::store::maildir::filename;
use crate::store::maildir::filename::UniqueNames;
use crate::store::maildir::lock::MailboxLock;
use crate::store::sync::lock_wait::Locking;
use crate::store::sync::reconcile::next_uids;
use crate::store::sync::scan::fresh_base;
use crate::store::sync::uid_list::{Listed, ReadList, RewriteList};
use crate::store::{StoreError, Tools};
use crate::types::{Flags, Keyword, KeywordSet, Uid};

/// A file in `tmp/`, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone if it was delivered.
        let _ = fs::remove_file(&self.path);
    }
}

/// A message that lies ready.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) file: Temporary,
    /// What it is to be called, with the info part it had elsewhere, if any.
    pub(crate) name: Vec<u8>,
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<Keyword>,
}

impl Ready {
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
    stage: Stage,
    lock: Option<MailboxLock>,
    /// The mailbox.
    dir: PathBuf,
    ready: Vec<Ready>,
    /// Those that are in their place, but not in the list.
    moved: Vec<(Place, Vec<u8>)>,
}

#[derive(Debug)]
enum Stage {
    Lock(Locking),
    Read(ReadList),
    Rewrite(RewriteList),
    Move,
    Flush,
    Number,
}

impl Delivery {
    pub(crate) fn new(mailbox: &Mailbox, ready: Vec<Ready>) -> Self {
        Self {
            stage: Stage::Lock(Locking::default()),
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
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Vec<Uid>, StoreError>> {
        loop {
            match ready!(self.advance(mailbox, tools, budget)) {
                Ok(Next::Stage(next)) => self.stage = *next,
                Ok(Next::Done(uids)) => {
                    self.lock = None;
                    return Step::Done(Ok(uids));
                }
                Err(error) => {
                    self.take_back();
                    mailbox.suspect();
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
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Next, StoreError>> {
        let next = match &mut self.stage {
            Stage::Lock(locking) => {
                ready!(locking.step(mailbox, tools.owner, budget)).map(|lock| {
                    self.lock = Some(lock);
                    Stage::Read(ReadList::default())
                })
            }
            Stage::Read(reading) => ready!(reading.step(mailbox, budget)).map(|listed| {
                let is_fit = listed == Listed::Whole && !mailbox.list_needs_rewrite();
                if is_fit {
                    Stage::Move
                } else {
                    Stage::Rewrite(RewriteList::default())
                }
            }),
            Stage::Rewrite(rewriting) => {
                ready!(rewriting.step(mailbox, tools, budget)).map(|()| Stage::Move)
            }
            Stage::Move => self.move_some(mailbox, tools, budget),
            Stage::Flush => self.flush(mailbox, budget),
            Stage::Number => return Step::Done(self.number(mailbox, budget).map(Next::Done)),
        };
        Step::Done(next.map(|stage| Next::Stage(Box::new(stage))))
    }

    fn move_some(
        &mut self,
        mailbox: &mut Mailbox,
        tools: &mut Tools<'_>,
        budget: &mut Budget<'_>,
    ) -> Result<Stage, StoreError> {
        while let Some(ready) = self.ready.get_mut(self.moved.len()) {
            let keywords = if ready.keywords.is_empty() {
                KeywordSet::NONE
            } else {
                // What there is no letter left for cannot be kept.
                mailbox.define(&ready.keywords, budget)?
            };
            if mailbox.table.find(filename::base(&ready.name)).is_some() {
                // Another process has delivered under that name since the name was chosen.
                ready.rename(tools.names, budget.wall());
            }
            let (place, name) = destination(mailbox, ready, keywords);
            let target = place.file(mailbox.dir(), &name);
            rename_onto_nothing(&ready.file.path, &target)
                .map_err(StoreError::io("delivering a message"))?;
            mailbox.hearing.expect_arrival(place, &name);
            self.moved.push((place, name));
            budget.spend(COST_SYSCALL);
            if budget.is_spent() {
                return Ok(Stage::Move);
            }
        }
        Ok(Stage::Flush)
    }

    fn flush(&self, mailbox: &Mailbox, budget: &mut Budget<'_>) -> Result<Stage, StoreError> {
        for place in [Place::New, Place::Cur] {
            if self.moved.iter().any(|&(used, _)| used == place) {
                flush_directory(&place.within(mailbox.dir()))
                    .map_err(StoreError::io("delivering a message"))?;
                budget.spend(COST_SYNC);
            }
        }
        Ok(Stage::Number)
    }

    fn number(
        &mut self,
        mailbox: &mut Mailbox,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Uid>, StoreError> {
        let uids = next_uids(mailbox, self.moved.len())?;
        let bases = self.moved.iter().map(|(_, name)| filename::base(name));
        let lines = uids.iter().copied().zip(bases);
        mailbox.list.append(&self.dir, lines)?;
        budget.spend(COST_SYNC);
        mailbox.modseqs.set_clock(budget.now(), budget.wall());
        for (&uid, (place, name)) in uids.iter().zip(self.moved.drain(..)) {
            let full = |_| StoreError::Limit("the mailbox is full");
            mailbox.delivered(uid, place, &name).map_err(full)?;
        }
        Ok(uids)
    }

    /// Removes what is in its place and not in the list.
    fn take_back(&mut self) {
        for (place, name) in self.moved.drain(..) {
            if let Err(error) = fs::remove_file(place.file(&self.dir, &name)) {
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
enum Next {
    Stage(Box<Stage>),
    Done(Vec<Uid>),
}

/// A message without flags goes to `new/`, where others expect the news; unless a session would
/// only have to move it on.
fn destination(mailbox: &Mailbox, ready: &Ready, keywords: KeywordSet) -> (Place, Vec<u8>) {
    let is_plain = ready.flags.is_empty() && keywords.is_empty();
    let has_info = memchr::memchr(b':', &ready.name).is_some();
    if is_plain && !has_info && !mailbox.has_writer() {
        return (Place::New, ready.name.clone());
    }
    let mut name = Vec::new();
    filename::with_flags(&ready.name, ready.flags, keywords, &mut name);
    (Place::Cur, name)
}
