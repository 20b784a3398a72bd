//! One open mailbox directory, shared by all sessions of the process that look at it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::{Instant, SystemTime};

use super::mod_sequences::ModSequences;
use super::records::{Found, Full, State, Table};
use super::view::{Access, ViewState};
use crate::store::StoreError;
use crate::store::maildir::directory::{DirStamp, Observation, Place, Stamps};
use crate::store::maildir::file_stamp::Stamp;
use crate::store::maildir::filename;
use crate::store::maildir::keywords;
use crate::store::maildir::keywords::KeywordTable;
use crate::store::maildir::layout;
use crate::store::maildir::lock::Waiting;
use crate::store::sync::inotify::Hearing;
use crate::store::sync::reconcile::Pass;
use crate::store::sync::uid_list::List;
use crate::types::{Flags, KeywordSet, Uid, UidValidity};

/// Changes of flags that are remembered one by one. A view that is further behind walks all
/// records.
const REMEMBERED_CHANGES: usize = 1024;

/// Tombstones that are kept whatever they cost, so that indexes seldom move.
const LEAST_TOMBSTONES: usize = 64;

/// The messages of one mailbox and their state.
#[derive(Debug)]
pub struct Mailbox {
    dir: PathBuf,
    /// Where the counter of UIDVALIDITY values is.
    root: PathBuf,
    /// Which directory it was when it was opened.
    identity: DirStamp,
    writable: bool,
    /// Deleted, replaced or renumbered: nothing in here is true any more.
    void: bool,
    pub(crate) table: Table,
    change: u64,
    recent_changes: ChangeLog,
    pub(crate) modseqs: ModSequences,
    views: Vec<Weak<ViewState>>,
    keywords: KeywordTable,
    keywords_stamp: Option<Stamp>,
    keywords_version: u32,
    validity: Option<UidValidity>,
    pub(crate) list: List,
    pub(crate) disk: Disk,
    pub(crate) hearing: Hearing,
    pub(crate) waiting: Waiting,
    /// Since when sessions wait for the lock to change flags.
    pub(crate) waits_since: Option<Instant>,
    /// The scan that is going on, if any.
    pub(crate) pass: Weak<RefCell<Pass>>,
}

/// How far the records are known to be what the directories hold.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// A whole pass was done once.
    pub(crate) loaded: bool,
    /// The stamps before the last scan.
    pub(crate) known: Option<Stamps>,
    /// The last scan left no doubt: with the same stamps nothing can have changed since.
    pub(crate) settled: bool,
    pub(crate) observation: Option<Observation>,
    /// Messages that were not found but are not proven gone.
    pub(crate) ghosts: u32,
    /// Messages in `new/`.
    pub(crate) in_new: u32,
    /// Some file could not be moved out of `new/`, and is not worth trying again.
    pub(crate) moving_failed: bool,
    /// Grows when a file turns out not to be where it should be.
    pub(crate) suspicions: u32,
    /// The suspicions and the changes heard of that the last scan has looked into.
    pub(crate) cleared: (u32, u64),
}

/// The last changes of flags, oldest first.
#[derive(Debug, Default)]
struct ChangeLog {
    entries: VecDeque<(u64, u32)>,
    /// Changes up to this one are forgotten.
    forgotten: u64,
}

impl Mailbox {
    /// Opens the mailbox in a directory that is there.
    pub(crate) fn open(dir: PathBuf, root: PathBuf, read_only: bool) -> Result<Self, StoreError> {
        let identity = DirStamp::at(&dir).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound,
            _ => StoreError::from_io("opening the mailbox", error),
        })?;
        let may_write = rustix::fs::access(&dir, rustix::fs::Access::WRITE_OK).is_ok();
        let writable = !read_only && may_write;
        if writable {
            layout::create_parts(&dir).map_err(StoreError::io("opening the mailbox"))?;
        }
        Ok(Self {
            dir,
            root,
            identity,
            writable,
            void: false,
            table: Table::default(),
            change: 1,
            recent_changes: ChangeLog::default(),
            modseqs: ModSequences::default(),
            views: Vec::new(),
            keywords: KeywordTable::default(),
            keywords_stamp: None,
            keywords_version: 0,
            validity: None,
            list: List::default(),
            disk: Disk::default(),
            hearing: Hearing::default(),
            waiting: Waiting::default(),
            waits_since: None,
            pass: Weak::new(),
        })
    }

    /// The value that its UIDs belong to. Known once a [`SyncMailbox`](crate::store::SyncMailbox)
    /// was done; 1 before.
    pub fn uid_validity(&self) -> UidValidity {
        self.validity
            .unwrap_or_else(|| UidValidity::new(1).expect("1 is not 0"))
    }

    /// The UID that the next message will have at least.
    pub fn uid_next(&self) -> u32 {
        let behind_last = self.table.last_listed_uid().saturating_add(1);
        self.list.next().max(behind_last)
    }

    /// The names of its keywords: what bit *n* of a [`KeywordSet`] stands for has index *n*.
    pub fn keywords(&self) -> &KeywordTable {
        &self.keywords
    }

    /// False if nothing in it may be changed, by option or by its permissions.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// Grows with every change of the mailbox: the greatest mod-sequence (RFC 7162 §3.1.2.1).
    pub fn change(&self) -> u64 {
        self.change
    }

    /// Where it lies.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The user's Maildir, or the board itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// True if nothing that is known of it holds any more.
    pub(crate) fn is_void(&self) -> bool {
        self.void
    }

    pub(crate) fn make_void(&mut self) {
        self.void = true;
    }

    /// True if its directory is the one that was opened.
    pub(crate) fn is_still_there(&self) -> bool {
        DirStamp::at(&self.dir).is_ok_and(|now| now.is_same_directory(&self.identity))
    }

    /// True if no list has told a UIDVALIDITY yet.
    pub(crate) fn has_no_validity(&self) -> bool {
        self.validity.is_none()
    }

    /// The list was damaged before any session was told a number: all of them begin anew.
    pub(crate) fn forget_validity(&mut self) {
        self.validity = None;
    }

    /// Takes the UIDVALIDITY that the disk tells. False if another one was told to a session
    /// already.
    pub(crate) fn accept_validity(&mut self, validity: UidValidity) -> bool {
        let is_free = !self.disk.loaded || self.validity.is_none();
        if is_free {
            self.validity = Some(validity);
        }
        self.validity == Some(validity)
    }

    /// Reads the names of the keywords, if they are others than before.
    pub(crate) fn read_keywords(&mut self) -> Result<(), StoreError> {
        let failed = StoreError::io("reading the keywords");
        let stamp = Stamp::at(&self.dir.join(keywords::FILE)).map_err(&failed)?;
        if stamp == self.keywords_stamp && stamp.is_some() {
            return Ok(());
        }
        let (table, stamp) = KeywordTable::read(&self.dir).map_err(failed)?;
        self.keywords_stamp = stamp;
        self.set_keywords(table);
        Ok(())
    }

    pub(crate) fn set_keywords(&mut self, table: KeywordTable) {
        if table != self.keywords {
            self.keywords = table;
            self.keywords_version += 1;
        }
    }

    /// Writes other names of keywords. The mailbox is locked, and the names were read under the
    /// lock.
    pub(crate) fn write_keywords(
        &mut self,
        table: KeywordTable,
        wall: SystemTime,
    ) -> Result<(), StoreError> {
        let written = table.write(&self.dir, wall);
        self.keywords_stamp = Some(written.map_err(StoreError::io("writing the keywords"))?);
        self.set_keywords(table);
        Ok(())
    }

    pub(crate) fn keywords_version(&self) -> u32 {
        self.keywords_version
    }

    pub(crate) fn add_view(&mut self, view: &Rc<ViewState>) {
        self.views.retain(|view| view.strong_count() > 0);
        self.views.push(Rc::downgrade(view));
    }

    fn live_views(&self) -> impl Iterator<Item = Rc<ViewState>> {
        self.views.iter().filter_map(Weak::upgrade)
    }

    /// True if some session has it open for writing.
    pub(crate) fn has_writer(&self) -> bool {
        self.live_views()
            .any(|view| view.access == Access::ReadWrite)
    }

    /// True if some session has it open.
    pub(crate) fn has_viewer(&self) -> bool {
        self.views.iter().any(|view| view.strong_count() > 0)
    }

    /// Counts a change; returns its number.
    pub(crate) fn bump(&mut self) -> u64 {
        self.change = self.modseqs.next(self.change);
        self.change
    }

    /// Changes up to that one were counted before the mailbox was opened.
    pub(crate) fn raise_change(&mut self, change: u64) {
        self.change = self.change.max(change);
    }

    /// Marks a published message as expunged.
    pub(crate) fn bury(&mut self, index: usize) {
        let change = self.modseqs.next(self.change);
        if self.table.bury(index, change) {
            self.change = change;
            let uid = self.table.record(index).uid;
            self.modseqs.vanished.push(change, uid);
        }
    }

    /// Sets flags that the disk already has; `by` is the view that wanted it so, if it was one of
    /// ours.
    pub(crate) fn note_flags(
        &mut self,
        index: usize,
        flags: Flags,
        keywords: KeywordSet,
        by: Option<&ViewState>,
    ) {
        let change = self.modseqs.next(self.change);
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
        self.disown_saved_modseqs();
    }

    /// Indexes, ascending, of the messages alive whose flags others than `view` changed after
    /// `told`.
    pub(crate) fn flags_changed_after(&self, told: u64, view: u32) -> Vec<usize> {
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

    /// The least change of flags that the view's session has yet to be told of.
    pub(crate) fn first_untold_flags(&self, view: &ViewState) -> Option<u64> {
        let told = view.flagged.get();
        if told == self.change {
            return None;
        }
        let changed = self.flags_changed_after(told, view.id);
        let records = changed.into_iter().map(|index| self.table.record(index));
        let known = records.filter(|record| record.uid <= view.last_uid.get());
        known.map(|record| record.changed).min()
    }

    /// Drops tombstones that every view knows of. Not while a scan is going on, which remembers
    /// indexes.
    pub(crate) fn forget_told_tombstones(&mut self) {
        if self.table.has_many_tombstones(LEAST_TOMBSTONES) && !self.is_being_scanned() {
            let told = self.live_views().map(|view| view.buried.get()).min();
            self.table
                .compact(told.unwrap_or(self.change), LEAST_TOMBSTONES);
        }
    }

    fn is_being_scanned(&self) -> bool {
        let pass = self.pass.upgrade();
        pass.is_some_and(|pass| pass.try_borrow().map_or(true, |pass| !pass.has_ended()))
    }

    /// Where a record's file is.
    pub(crate) fn place(&self, index: usize) -> Place {
        if self.table.record(index).state.has(State::IN_NEW) {
            Place::New
        } else {
            Place::Cur
        }
    }

    /// The path of a record's file.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.place(index).file(&self.dir, self.table.name(index))
    }

    /// Takes note that we have renamed a record's file.
    pub(crate) fn renamed(&mut self, index: usize, place: Place, name: &[u8]) {
        let (from, old) = (self.place(index), self.table.name(index).to_vec());
        self.hearing.expect_rename((from, &old), (place, name));
        // The arena is bounded far beyond what a directory can hold.
        let _ = self.table.rename(index, name);
        let state = &mut self.table.record_mut(index).state;
        state.set(State::IN_NEW, place == Place::New);
        state.set(State::GHOST, false);
        state.set(State::SEEN, true);
        state.set(State::OURS, true);
        if (from, place) == (Place::New, Place::Cur) {
            self.disk.in_new = self.disk.in_new.saturating_sub(1);
        }
    }

    /// Adds a message that we have delivered, and have written into the list.
    pub(crate) fn delivered(&mut self, uid: Uid, place: Place, name: &[u8]) -> Result<(), Full> {
        let base = filename::base(name);
        let met = self
            .table
            .find(base)
            .filter(|index| self.table.tail().contains(index));
        let index = match met {
            // A scan has met the file before it was in the list, and knows best what it is called.
            Some(index) => index,
            None => {
                let (flags, keywords) = filename::flags(name);
                let state = State::SEEN.with(State::IN_NEW, place == Place::New);
                let base_length = base.len();
                self.table.push(&Found {
                    uid: 0,
                    name,
                    base_length,
                    flags,
                    keywords,
                    state,
                })?
            }
        };
        let record = self.table.record_mut(index);
        record.uid = uid.get();
        record.state.set(State::RECENT, true);
        self.disk.in_new += u32::from(place == Place::New);
        if self.is_being_scanned() {
            // What happened to the file since it was put there may be behind the scan.
            self.suspect();
        }
        self.publish(false);
        Ok(())
    }

    /// Lets views see what of the tail is certain, in the order of UIDs; see [`Table::settle`].
    pub(crate) fn publish(&mut self, drop_unseen: bool) {
        let published = self
            .table
            .settle(|record| crate::store::sync::uid_list::verdict(record.state, drop_unseen));
        let mut fresh = None;
        for index in published {
            let record = self.table.record(index);
            let carried = (self.modseqs).carried(record.uid, record.flags, record.keywords);
            let modseq = carried.unwrap_or_else(|| *fresh.get_or_insert_with(|| self.bump()));
            self.table.record_mut(index).changed = modseq;
        }
    }

    /// A file was not where it should be: the next [`SyncMailbox`](crate::store::SyncMailbox) must
    /// look.
    pub(crate) fn suspect(&mut self) {
        self.disk.suspicions = self.disk.suspicions.wrapping_add(1);
    }

    /// Bytes of memory that it costs.
    pub fn memory(&self) -> usize {
        self.table.memory() + size_of::<Self>()
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
