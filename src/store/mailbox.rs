//! One open mailbox directory, shared by all sessions of the process that look at it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use super::table::{State, Table};
use super::view::{Access, ViewState};
use crate::types::{Flags, Keyword, KeywordSet, UidValidity};

/// Changes of flags that are remembered one by one. A view that is further behind walks all records.
const REMEMBERED_CHANGES: usize = 1024;

/// Tombstones that are kept whatever they cost, so that indexes seldom move.
const LEAST_TOMBSTONES: usize = 64;

/// The messages of one mailbox and their state.
#[derive(Debug)]
pub struct Mailbox {
    dir: PathBuf,
    writable: bool,
    pub(super) table: Table,
    change: u64,
    recent_changes: ChangeLog,
    views: Vec<Weak<ViewState>>,
    keywords: Vec<Keyword>,
    keywords_version: u32,
    validity: Option<UidValidity>,
    next_uid: u32,
}

/// The last changes of flags, oldest first.
#[derive(Debug, Default)]
struct ChangeLog {
    entries: VecDeque<(u64, u32)>,
    /// Changes up to this one are forgotten.
    forgotten: u64,
}

impl Mailbox {
    pub(super) fn new(dir: PathBuf, writable: bool) -> Self {
        Self {
            dir,
            writable,
            table: Table::default(),
            change: 1,
            recent_changes: ChangeLog::default(),
            views: Vec::new(),
            keywords: Vec::new(),
            keywords_version: 0,
            validity: None,
            next_uid: 1,
        }
    }

    /// The value that its UIDs belong to. Known once a [`Sync`](super::Sync) was done; 1 before.
    pub fn uid_validity(&self) -> UidValidity {
        self.validity
            .or(UidValidity::new(1))
            .unwrap_or_else(|| unreachable!("1 is not 0"))
    }

    /// The UID that the next message will have at least.
    pub fn uid_next(&self) -> u32 {
        self.next_uid.max(self.table.last_listed_uid() + 1)
    }

    /// The names of its keywords: bit *n* of a [`KeywordSet`] is the *n*-th.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// False if nothing in it may be changed, by option or by its permissions.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Grows with every change of the mailbox.
    pub fn change(&self) -> u64 {
        self.change
    }

    /// How many messages there are now, whatever views were told.
    pub fn count(&self) -> u32 {
        self.table.live() as u32
    }

    /// Where it lies.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn keywords_version(&self) -> u32 {
        self.keywords_version
    }

    pub(super) fn add_view(&mut self, view: &Rc<ViewState>) {
        self.views.retain(|view| view.strong_count() > 0);
        self.views.push(Rc::downgrade(view));
    }

    fn live_views(&self) -> impl Iterator<Item = Rc<ViewState>> {
        self.views.iter().filter_map(Weak::upgrade)
    }

    /// True if some session has it open for writing.
    pub(super) fn has_writer(&self) -> bool {
        self.live_views()
            .any(|view| view.access == Access::ReadWrite)
    }

    /// True if some session has it open.
    pub(super) fn has_viewer(&self) -> bool {
        self.views.iter().any(|view| view.strong_count() > 0)
    }

    /// Counts a change; returns its number.
    pub(super) fn bump(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    /// Marks a published message as expunged.
    pub(super) fn bury(&mut self, index: usize) {
        let change = self.change + 1;
        if self.table.bury(index, change) {
            self.change = change;
        }
    }

    /// Sets flags that the disk already has; `by` is the view that wanted it so, if it was one of ours.
    pub(super) fn note_flags(
        &mut self,
        index: usize,
        flags: Flags,
        keywords: KeywordSet,
        by: Option<&ViewState>,
    ) {
        let change = self.change + 1;
        let record = self.table.record_mut(index);
        if (record.flags, record.keywords) == (flags, keywords) {
            return;
        }
        // Its own session knows the flags now, but not what others did to them before.
        let origin = match by {
            Some(view) if record.changed <= view.flagged.get() || record.origin == view.id => {
                view.id
            }
            _ => 0,
        };
        (record.flags, record.keywords) = (flags, keywords);
        (record.changed, record.origin) = (change, origin);
        let uid = record.uid;
        self.change = change;
        self.recent_changes.push(change, uid);
    }

    /// Indexes, ascending, of the messages alive whose flags others than `view` changed after `told`.
    pub(super) fn flags_changed_after(&self, told: u64, view: u32) -> Vec<usize> {
        let published = self.table.published();
        let mut indexes: Vec<usize> = match self.recent_changes.after(told) {
            Some(uids) => uids
                .filter_map(|uid| self.table.find_uid(uid).ok())
                .collect(),
            None => (0..published.len()).collect(),
        };
        indexes.sort_unstable();
        indexes.dedup();
        indexes.retain(|&index| {
            let record = &published[index];
            !record.is_dead() && record.changed > told && record.origin != view
        });
        indexes
    }

    /// Drops tombstones that every view knows of.
    pub(super) fn forget_told_tombstones(&mut self) {
        let told = self.live_views().map(|view| view.buried.get()).min();
        self.table
            .compact(told.unwrap_or(self.change), LEAST_TOMBSTONES);
    }

    /// True if a message lies in `new/` that a session with the right to would move.
    pub(super) fn has_files_in_new(&self) -> bool {
        let mut records = self.table.published().iter();
        records.any(|record| record.state.has(State::IN_NEW) && !record.is_dead())
    }
}

impl ChangeLog {
    fn push(&mut self, change: u64, uid: u32) {
        if self.entries.len() == REMEMBERED_CHANGES {
            self.forgotten = self.entries.pop_front().map_or(0, |(change, _)| change);
        }
        self.entries.push_back((change, uid));
    }

    /// The UIDs changed after `told`; `None` if it does not go back that far.
    fn after(&self, told: u64) -> Option<impl Iterator<Item = u32>> {
        let from = self.entries.partition_point(|&(change, _)| change <= told);
        (told >= self.forgotten).then(|| self.entries.range(from..).map(|&(_, uid)| uid))
    }
}
