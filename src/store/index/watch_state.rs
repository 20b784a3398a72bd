//! What the kernel has reported about one mailbox, and which of its reports are still to come.
//!
//! The kernel reports every change, including our own, before the system call that makes it
//! returns. So a mailbox keeps a short list of the reports that its own changes will cause. Any
//! other report means that another program was there.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use inotify::WatchDescriptor;

use crate::store::maildir::subdir::Subdir;

/// The directories of a mailbox that are watched.
pub(crate) const WATCHED: [Subdir; 2] = [Subdir::New, Subdir::Cur];
/// How many reports of own changes may be outstanding. If there are more, the mailbox is scanned
/// again.
const MOST_EXPECTED: usize = 8192;

/// The state of a mailbox's inotify watches.
#[derive(Debug, Default)]
pub(crate) struct WatchState {
    /// The watches of the directories, as far as they exist.
    pub(crate) descriptors: Vec<WatchDescriptor>,
    /// Counts the changes that were not made by this process.
    foreign_changes: u64,
    /// Until when the absence of reports is believed.
    trusted_until: Option<Instant>,
    /// The outstanding reports of own changes, oldest first, as hashes.
    expected: VecDeque<u64>,
    hasher: RandomState,
}

/// What can happen to a name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NameEvent {
    /// A file was renamed away from the name.
    MovedAway,
    /// A file got the name.
    Appeared,
    /// The file of the name was removed.
    Removed,
}

impl WatchState {
    /// Returns a number that grows with every change that another program has made.
    pub(crate) fn foreign_changes(&self) -> u64 {
        self.foreign_changes
    }

    /// True if the kernel reports the changes of both directories.
    pub(crate) fn is_watching(&self) -> bool {
        self.descriptors.len() == WATCHED.len()
    }

    /// True if the kernel reports changes and the mailbox was checked not long ago.
    pub(crate) fn is_trusted(&self, now: Instant) -> bool {
        self.is_watching() && self.trusted_until.is_some_and(|until| now < until)
    }

    pub(crate) fn trust_until(&mut self, until: Instant) {
        self.trusted_until = Some(until);
    }

    /// Expects the report that this process renamed a file within the mailbox.
    pub(crate) fn expect_rename(&mut self, from: (Subdir, &[u8]), to: (Subdir, &[u8])) {
        self.expect(NameEvent::MovedAway, from.0, from.1);
        self.expect(NameEvent::Appeared, to.0, to.1);
    }

    /// Expects the report that this process moved a file into the mailbox.
    pub(crate) fn expect_arrival(&mut self, subdir: Subdir, name: &[u8]) {
        self.expect(NameEvent::Appeared, subdir, name);
    }

    /// Expects the report that this process removed a file.
    pub(crate) fn expect_removal(&mut self, subdir: Subdir, name: &[u8]) {
        self.expect(NameEvent::Removed, subdir, name);
    }

    fn expect(&mut self, event: NameEvent, subdir: Subdir, name: &[u8]) {
        if !self.is_watching() {
            return;
        }
        if self.expected.len() == MOST_EXPECTED {
            self.expected.clear();
            self.foreign_changes += 1;
        }
        let expected = self.hasher.hash_one((event, subdir.name(), name));
        self.expected.push_back(expected);
    }

    /// Takes a report. Returns true if another program caused it.
    pub(crate) fn report(&mut self, event: NameEvent, subdir: Subdir, name: &[u8]) -> bool {
        let reported = self.hasher.hash_one((event, subdir.name(), name));
        match self
            .expected
            .iter()
            .position(|&expected| expected == reported)
        {
            Some(at) => {
                // The kernel keeps the order: the reports before this one will not come any more.
                self.expected.drain(..=at);
                false
            }
            None => {
                self.foreign_changes += 1;
                true
            }
        }
    }

    /// Takes note that a change may have happened that the kernel did not report.
    pub(crate) fn lose_reports(&mut self) {
        self.expected.clear();
        self.foreign_changes += 1;
    }

    /// Counts a change of another program, because earlier ones were not watched.
    pub(crate) fn begin_watching(&mut self) {
        self.foreign_changes += 1;
    }

    /// Takes note that a directory is gone or was moved, and its watch with it.
    pub(crate) fn lose_watch(&mut self, descriptor: &WatchDescriptor) {
        self.descriptors.retain(|known| known != descriptor);
        self.trusted_until = None;
        self.lose_reports();
    }
}
