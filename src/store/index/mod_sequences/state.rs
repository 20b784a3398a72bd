//! What a mailbox knows about mod-sequences besides that of each record.

use std::cell::Cell;
use std::time::{Instant, SystemTime};

use super::file::Snapshot;
use super::vanished::Vanished;
use crate::store::flush::Flush;
use crate::types::{Flags, KeywordSet};

/// The mod-sequence state of a mailbox.
#[derive(Debug, Default)]
pub(crate) struct ModSequences {
    /// The next change gets at least this number: the time of the clock.
    floor: u64,
    /// The latest times that a job has passed in.
    pub(super) times: Option<(Instant, SystemTime)>,
    /// The content of the file, until the mailbox is loaded.
    pub(super) loading: Option<Box<Snapshot>>,
    pub(crate) vanished: Vanished,
    /// The greatest mod-sequence when the file was written; `None` if there is no file that may be
    /// used.
    pub(super) saved: Option<u64>,
    /// How far the removal of the file is.
    pub(super) removal: FileRemoval,
    /// True if a client has asked for a mod-sequence: the file is worth writing.
    pub(super) wanted: Cell<bool>,
}

/// How far the removal of the file is, which may be back after a power cut if it is not flushed.
#[derive(Debug, Default)]
pub(super) enum FileRemoval {
    /// There is nothing to flush.
    #[default]
    Flushed,
    /// The file is removed, and the directory is to be flushed.
    Unflushed,
    Flushing(Flush),
}

impl ModSequences {
    /// Sets the clock that the numbers of the following changes are taken from.
    pub(crate) fn set_clock(&mut self, now: Instant, wall: SystemTime) {
        let time = wall.duration_since(SystemTime::UNIX_EPOCH);
        let micros = time.map_or(0, |time| time.as_micros());
        self.floor = self.floor.max(u64::try_from(micros).unwrap_or(0));
        self.times = Some((now, wall));
    }

    /// Returns the mod-sequence of the change after that one.
    pub(crate) fn next(&self, mod_sequence: u64) -> u64 {
        (mod_sequence + 1).max(self.floor)
    }

    /// Returns the mod-sequence that the file has for a message with these flags. Only while the
    /// mailbox is being loaded.
    pub(crate) fn saved(&self, uid: u32, flags: Flags, keywords: KeywordSet) -> Option<u64> {
        self.loading.as_ref()?.mod_sequence(uid, flags, keywords)
    }
}
