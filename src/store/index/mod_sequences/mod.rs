//! Mod-sequences (RFC 7162): when a message last changed, for clients that come back.
//!
//! # The problem
//!
//! A client that was away says which mod-sequence it has seen, and is told what has a greater one.
//! If a change is given a mod-sequence that is not greater than one told before, some client never
//! hears of it. And a Maildir is changed by programs that know nothing of mod-sequences.
//!
//! # The answer
//!
//! A mod-sequence is the [change](Mailbox::change) of the mailbox at which the message came or had
//! its flags changed, and changes are counted from the clock: microseconds since 1970, or one more
//! than the change before if that is greater. So what a process gives out is greater than all that
//! was given out before it, even if nothing is left of that.
//!
//! When a mailbox is closed its mod-sequences go into a `file`, together with the flags that belong
//! to them. When it is opened again, a message that has the same flags has the same mod-sequence,
//! and any other is taken for changed just now; a message that is not there any more is taken for
//! expunged just now. Flags that were changed and changed back meanwhile were seen by no client of
//! ours — unless our process died before it could write. So the file is removed with the first
//! change of flags after it was written: whoever opens the mailbox after a crash finds none.
//!
//! It is not written where no client has ever asked for a mod-sequence.
//!
//! Without the file all messages are taken for changed just now, and nothing is known of expunges:
//! clients are told too much, never too little.

mod file;
mod vanished;

use std::cell::Cell;
use std::path::Path;
use std::time::{Instant, SystemTime};

use super::mailbox::Mailbox;
use super::mod_sequences::file::{FILE, Run, Snapshot};
use super::mod_sequences::vanished::{REMEMBERED, Vanished};
use super::view::{MessageRef, View};
use crate::store::Store;
use crate::store::maildir::lock::{MailboxLock, Owner};
use crate::store::maildir::{directory, files};
use crate::types::{Flags, KeywordSet, NumberSet};

/// What a mailbox knows besides the change of each record.
#[derive(Debug, Default)]
pub(crate) struct ModSequences {
    /// No change has a lesser number from now on: the time of the clock.
    floor: u64,
    /// The last times we were told.
    times: Option<(Instant, SystemTime)>,
    /// What the file told, until the mailbox is loaded.
    carried: Option<Box<Snapshot>>,
    pub(crate) vanished: Vanished,
    /// The change at which the file was what the mailbox is.
    saved: Option<u64>,
    /// Some client knows mod-sequences of it: they are worth keeping.
    wanted: Cell<bool>,
}

impl ModSequences {
    /// Takes the time, so that changes are numbered after it.
    pub(crate) fn set_clock(&mut self, now: Instant, wall: SystemTime) {
        let time = wall.duration_since(SystemTime::UNIX_EPOCH);
        let micros = time.map_or(0, |time| time.as_micros());
        self.floor = self.floor.max(u64::try_from(micros).unwrap_or(0));
        self.times = Some((now, wall));
    }

    /// The number of the change after that one.
    pub(crate) fn next(&self, change: u64) -> u64 {
        (change + 1).max(self.floor)
    }

    /// What the file says of a message; only while the mailbox is being loaded.
    pub(crate) fn carried(&self, uid: u32, flags: Flags, keywords: KeywordSet) -> Option<u64> {
        self.carried.as_ref()?.mod_sequence(uid, flags, keywords)
    }
}

impl Mailbox {
    /// Before its directories are read for the first time: what comes to light after that must
    /// count as changed.
    pub(crate) fn read_mod_sequences(&mut self) {
        self.mod_sequences.carried = Snapshot::read(self.dir()).map(Box::new);
    }

    /// Before its messages are published for the first time, when its UIDVALIDITY is known.
    pub(crate) fn begin_mod_sequences(&mut self) {
        let validity = self.uid_validity().get();
        self.mod_sequences
            .carried
            .take_if(|carried| carried.validity != validity);
        if let Some(carried) = &self.mod_sequences.carried {
            let highest = carried.highest;
            self.raise_mod_sequence(highest);
        }
    }

    /// After its messages were published for the first time: what was carried over has served.
    pub(crate) fn end_mod_sequences(&mut self) {
        let Some(carried) = self.mod_sequences.carried.take() else {
            let change = self.next_mod_sequence();
            self.mod_sequences.vanished = Vanished::since(change);
            return;
        };
        self.mod_sequences.wanted.set(true);
        let known = carried.uids();
        let since = NumberSet::range(carried.uid_next, self.uid_next() - 1);
        let gone = known
            .with(&since)
            .without(&self.uids_counted(self.highest_mod_sequence()));
        let highest = carried.highest;
        self.mod_sequences.vanished = carried.vanished;
        if gone.len() > REMEMBERED as u64 {
            let change = self.next_mod_sequence();
            self.mod_sequences.vanished = Vanished::since(change);
        } else if !gone.is_empty() {
            let change = self.next_mod_sequence();
            gone.iter()
                .for_each(|uid| self.mod_sequences.vanished.push(change, uid));
        }
        self.mod_sequences.saved = Some(highest);
    }

    /// The UIDs of all messages that are there, told to anybody or not, and of those that somebody
    /// counts who knows of all deaths up to `told`.
    fn uids_counted(&self, announced: u64) -> NumberSet {
        let counted =
            (0..self.records.len()).filter(|&index| self.records.counts(index, announced));
        let records = counted.map(|index| self.records.record(index));
        let numbered = records.filter(|record| !record.is_unassigned());
        numbered.map(|record| (record.uid, record.uid)).collect()
    }

    /// Flags have changed: what the file says is no longer to be believed, not even if they change
    /// back. Another process may have written one meanwhile, so it is always tried.
    pub(crate) fn discard_saved_mod_sequences(&mut self) {
        self.mod_sequences.saved = None;
        if !self.is_writable() {
            return;
        }
        let removed = std::fs::remove_file(self.dir().join(FILE));
        if removed.is_ok() {
            // Else the file might be back after a power cut.
            let _ = directory::flush_directory(self.dir());
        }
    }

    /// Writes the file, if it is worth it and the lock is to be had at once: without it clients
    /// have a little more to compare.
    pub(crate) fn save_mod_sequences(&mut self, owner: &Owner) {
        let is_wanted = self.mod_sequences.wanted.get();
        let is_known = self.sync_state.loaded && !self.is_invalid() && !self.has_no_validity();
        let is_saved = self.mod_sequences.saved == Some(self.highest_mod_sequence());
        let Some(times) = self
            .mod_sequences
            .times
            .filter(|_| is_wanted && is_known && !is_saved)
        else {
            return;
        };
        if !self.is_writable() || !self.is_still_there() {
            return;
        }
        let dir = self.dir().to_path_buf();
        match MailboxLock::try_acquire(&dir, owner, &mut self.foreign_lock, times) {
            Ok(Some(_lock)) => self.write_mod_sequences(&dir),
            Ok(None) => {}
            Err(error) => log::debug!("{}: mod-sequences not kept: {error}", dir.display()),
        }
    }

    fn write_mod_sequences(&mut self, dir: &Path) {
        match self.snapshot().write(dir) {
            Ok(()) => self.mod_sequences.saved = Some(self.highest_mod_sequence()),
            Err(error) => {
                log::warn!("{}: mod-sequences not kept: {error}", dir.display());
                let _ = files::remove(&dir.join(FILE));
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            validity: self.uid_validity().get(),
            uid_next: self.uid_next(),
            highest: self.highest_mod_sequence(),
            vanished: self.mod_sequences.vanished.clone(),
            runs: Vec::new(),
        };
        let published = self.records.published().iter();
        for record in published.filter(|record| !record.is_expunged()) {
            snapshot.push(Run {
                first: record.uid,
                last: record.uid,
                mod_sequence: record.mod_sequence,
                flags: record.flags,
                keywords: record.keywords,
            });
        }
        snapshot
    }
}

impl Store {
    /// The mod-sequence of a message: greater than those of all changes of the mailbox before its
    /// last one.
    pub fn mod_sequence(&self, view: &View, message: &MessageRef) -> u64 {
        let mailbox = self.mailbox(view.handle());
        mailbox.mod_sequences.wanted.set(true);
        let index = mailbox.index_of(message);
        index.map_or(1, |index| mailbox.records.record(index).mod_sequence)
    }

    /// The mod-sequence up to which a view was told of all changes: the mailbox's greatest one, or
    /// less if expunges are being held back, or others have just changed flags: a client that loses
    /// its connection now must hear of them when it comes back (RFC 7162 §3.2).
    pub fn announced_mod_sequence(&self, view: &View) -> u64 {
        let mailbox = self.mailbox(view.handle());
        mailbox.mod_sequences.wanted.set(true);
        let death = mailbox
            .records
            .first_expunge_after(view.expunges_announced(), view.last_uid());
        let untold = [death, mailbox.first_unannounced_flags(view.state())];
        let first = untold.into_iter().flatten().min();
        first.map_or_else(|| mailbox.highest_mod_sequence(), |change| change - 1)
    }

    /// True if the view was not told of all expunges.
    pub fn has_pending_expunges(&self, view: &View) -> bool {
        let table = &self.mailbox(view.handle()).records;
        table
            .first_expunge_after(view.expunges_announced(), view.last_uid())
            .is_some()
    }

    /// Which of the messages that a client knows were expunged after that mod-sequence, as far as
    /// the view was told of it. If that is forgotten: all that are not there (RFC 7162 §3.2.6).
    pub fn vanished(&self, view: &View, after: u64, known: &NumberSet) -> NumberSet {
        let mailbox = self.mailbox(view.handle());
        let history = mailbox
            .mod_sequences
            .vanished
            .between(after, view.expunges_announced());
        if let Some(vanished) = history {
            return vanished.intersection(known);
        }
        let assigned = NumberSet::range(1, mailbox.uid_next() - 1);
        known
            .intersection(&assigned)
            .without(&mailbox.uids_counted(view.expunges_announced()))
    }

    /// Writes down what is only in memory, before the end.
    fn save_all(&mut self) {
        for slot in self.slots.iter_mut().flatten() {
            slot.mailbox.save_mod_sequences(&self.owner);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.save_all();
    }
}
