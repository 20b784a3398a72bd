//! Writing the file when a mailbox is closed: in steps, because each of 100 000 messages may differ
//! from the one before.
//!
//! The new file is flushed before it gets its name, the directory is not: an old file that is back
//! after a power cut is as good as it was, because it would have been removed if flags had changed.

use super::file::{FILE, Run, Snapshot, SnapshotWriter};
use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::ready;
use crate::store::context::StoreContext;
use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::atomic_replace::FlushingReplacement;
use crate::store::maildir::files;
use crate::store::maildir::lock::{LockOwner, MailboxLock};

/// Runs written between two checks of the budget.
const BATCH: usize = 64;
/// Writing a run takes as long as visiting this many records.
const RECORDS_PER_RUN: usize = 4;

/// Writes the file of a mailbox that no session uses. Dropped before it is done, it leaves the old
/// file.
#[derive(Debug)]
pub(crate) struct SaveModSequences {
    lock: MailboxLock,
    stage: SaveStage,
}

#[derive(Debug)]
enum SaveStage {
    /// The runs are being collected, from the records up to that index.
    Collect(Snapshot, usize),
    Write(Box<SnapshotWriter>),
    Flush(FlushingReplacement),
    Ended,
}

impl SaveModSequences {
    /// Begins to write the file, if a client has asked for mod-sequences, they have changed since
    /// the file was written, and the lock is free. Otherwise returns `None`: without the file
    /// clients only have a little more to compare.
    pub(crate) fn begin(mailbox: &mut Mailbox, owner: &LockOwner) -> Option<Self> {
        let is_known =
            mailbox.sync_state.loaded && !mailbox.is_invalid() && !mailbox.has_no_validity();
        let is_saved = mailbox.mod_sequences.saved == Some(mailbox.highest_mod_sequence());
        if !mailbox.mod_sequences.wanted.get() || !is_known || is_saved {
            return None;
        }
        let times = mailbox.mod_sequences.times?;
        if !mailbox.is_writable() || !mailbox.is_still_there() {
            return None;
        }
        let dir = mailbox.dir().to_path_buf();
        match MailboxLock::try_acquire(&dir, owner, &mut mailbox.foreign_lock, times) {
            Ok(lock) => Some(Self {
                lock: lock?,
                stage: SaveStage::Collect(head(mailbox), 0),
            }),
            Err(error) => {
                log::debug!(
                    "{}: cannot lock the mailbox to save its mod-sequences: {error}",
                    dir.display()
                );
                None
            }
        }
    }

    /// Steps the job until it is done. The mailbox must not change meanwhile.
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        while !matches!(self.stage, SaveStage::Ended) {
            // If other programs cannot see that the holder lives, the work goes on all the same.
            let _ = self.lock.touch((budget.now(), budget.wall()));
            match ready!(self.advance(mailbox, context, budget)) {
                Ok(next) => self.stage = next,
                Err(error) => {
                    let dir = mailbox.dir();
                    log::warn!("{}: cannot save the mod-sequences: {error}", dir.display());
                    let _ = files::remove(&dir.join(FILE));
                    self.stage = SaveStage::Ended;
                }
            }
            if budget.is_spent() && !matches!(self.stage, SaveStage::Ended) {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(())
    }

    fn advance(
        &mut self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<std::io::Result<SaveStage>> {
        let stage = std::mem::replace(&mut self.stage, SaveStage::Ended);
        Step::Done(match stage {
            SaveStage::Collect(mut snapshot, from) => {
                let to = mailbox.records.published().len();
                let end = to.min(from + BATCH);
                budget.spend_records(end - from + 1);
                collect(mailbox, from..end, &mut snapshot);
                if end < to {
                    Ok(SaveStage::Collect(snapshot, end))
                } else {
                    budget.spend(COST_OPEN);
                    SnapshotWriter::begin(mailbox.dir(), snapshot)
                        .map(|writer| SaveStage::Write(Box::new(writer)))
                }
            }
            SaveStage::Write(mut writer) => {
                budget.spend_records(BATCH * RECORDS_PER_RUN);
                match writer.write_runs(BATCH) {
                    Ok(false) => Ok(SaveStage::Write(writer)),
                    Ok(true) => writer
                        .end()
                        .map(|written| SaveStage::Flush(written.submit(context.flushes))),
                    Err(error) => Err(error),
                }
            }
            SaveStage::Flush(mut written) => match written.poll_renamed(budget) {
                Step::Done(renamed) => renamed.map(|_| {
                    mailbox.mod_sequences.saved = Some(mailbox.highest_mod_sequence());
                    SaveStage::Ended
                }),
                Step::Yield(why) => {
                    self.stage = SaveStage::Flush(written);
                    return Step::Yield(why);
                }
            },
            SaveStage::Ended => Ok(SaveStage::Ended),
        })
    }
}

/// Returns a snapshot of the mailbox without runs.
fn head(mailbox: &Mailbox) -> Snapshot {
    Snapshot {
        validity: mailbox.uid_validity().get(),
        uid_next: mailbox.uid_next(),
        highest: mailbox.highest_mod_sequence(),
        vanished: mailbox.mod_sequences.vanished.clone(),
        runs: Vec::new(),
    }
}

/// Adds the messages at these indexes to a snapshot.
fn collect(mailbox: &Mailbox, indexes: std::ops::Range<usize>, snapshot: &mut Snapshot) {
    let records = mailbox.records.published()[indexes].iter();
    for record in records.filter(|record| !record.is_expunged()) {
        snapshot.push(Run {
            first: record.uid,
            last: record.uid,
            mod_sequence: record.mod_sequence,
            flags: record.flags,
            keywords: record.keywords,
        });
    }
}
