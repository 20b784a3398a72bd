//! How far the records of a mailbox are known to agree with its directories.

use crate::store::maildir::directory_stamp::{DirectoryStamps, Observation};

/// What the last scans found out about the directories, and what has to be looked into next time.
#[derive(Debug, Default)]
pub(crate) struct SyncState {
    /// True once the mailbox was reconciled for the first time.
    pub(crate) loaded: bool,
    /// The stamps of the directories before the last scan.
    pub(crate) known: Option<DirectoryStamps>,
    /// True if the last scan was conclusive: while the stamps stay the same, nothing has changed.
    pub(crate) settled: bool,
    /// Since when the directories are known to have their present stamps.
    pub(crate) observation: Option<Observation>,
    /// How many messages the last scan did not find although they are not proven to be gone.
    pub(crate) missing: u32,
    /// How many messages are in `new/`.
    pub(crate) in_new: u32,
    /// True if some file could not be moved out of `new/`, so that trying again is useless.
    pub(crate) moving_failed: bool,
    /// Grows whenever a message's file is not where it should be.
    pub(crate) check_requests: u32,
    /// The values of `check_requests` and of [`WatchState::foreign_changes`] that the last scan has
    /// taken care of.
    ///
    /// [`WatchState::foreign_changes`]: super::watch_state::WatchState::foreign_changes
    pub(crate) checked: (u32, u64),
}
