//! One open mailbox directory, shared by all sessions of the process that look at it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::{Instant, SystemTime};

use super::mod_sequences::ModSequences;
use super::records::{NewRecord, RecordState, Records, RecordsFull};
use super::view::{Access, ViewState};
use crate::store::StoreError;
use crate::store::maildir::directory::{DirectoryStamp, DirectoryStamps, Observation, Subdir};
use crate::store::maildir::file_stamp::FileStamp;
use crate::store::maildir::filename;
use crate::store::maildir::keywords;
use crate::store::maildir::keywords::KeywordTable;
use crate::store::maildir::layout;
use crate::store::maildir::lock::ForeignLockAge;
use crate::store::sync::inotify::WatchState;
use crate::store::sync::reconcile::Reconcile;
use crate::store::sync::uid_list::UidListState;
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
    identity: DirectoryStamp,
    writable: bool,
    /// Deleted, replaced or renumbered: nothing in here is true any more.
    invalid: bool,
    pub(crate) records: Records,
    highest_mod_sequence: u64,
    recent_changes: FlagChangeLog,
    pub(crate) mod_sequences: ModSequences,
    views: Vec<Weak<ViewState>>,
    keywords: KeywordTable,
    keywords_stamp: Option<FileStamp>,
    keywords_version: u32,
    validity: Option<UidValidity>,
    pub(crate) uid_list: UidListState,
    pub(crate) sync_state: SyncState,
    pub(crate) watch: WatchState,
    pub(crate) foreign_lock: ForeignLockAge,
    /// Since when sessions wait for the lock to change flags.
    pub(crate) flag_lock_waits_since: Option<Instant>,
    /// The scan that is going on, if any.
    pub(crate) reconcile: Weak<RefCell<Reconcile>>,
}

/// How far the records are known to be what the directories hold.
#[derive(Debug, Default)]
pub(crate) struct SyncState {
    /// A whole pass was done once.
    pub(crate) loaded: bool,
    /// The stamps before the last scan.
    pub(crate) known: Option<DirectoryStamps>,
    /// The last scan left no doubt: with the same stamps nothing can have changed since.
    pub(crate) settled: bool,
    pub(crate) observation: Option<Observation>,
    /// Messages that were not found but are not proven gone.
    pub(crate) missing: u32,
    /// Messages in `new/`.
    pub(crate) in_new: u32,
    /// Some file could not be moved out of `new/`, and is not worth trying again.
    pub(crate) moving_failed: bool,
    /// Grows when a file turns out not to be where it should be.
    pub(crate) check_requests: u32,
    /// The suspicions and the changes heard of that the last scan has looked into.
    pub(crate) checked: (u32, u64),
}

/// The last changes of flags, oldest first.
#[derive(Debug, Default)]
struct FlagChangeLog {
    entries: VecDeque<(u64, u32)>,
    /// Changes up to this one are forgotten.
    forgotten: u64,
}

impl Mailbox {
    /// Opens the mailbox in a directory that is there.
    pub(crate) fn open(dir: PathBuf, root: PathBuf, read_only: bool) -> Result<Self, StoreError> {
        let identity = DirectoryStamp::at(&dir).map_err(|error| match error.kind() {
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
            invalid: false,
            records: Records::default(),
            highest_mod_sequence: 1,
            recent_changes: FlagChangeLog::default(),
            mod_sequences: ModSequences::default(),
            views: Vec::new(),
            keywords: KeywordTable::default(),
            keywords_stamp: None,
            keywords_version: 0,
            validity: None,
            uid_list: UidListState::default(),
            sync_state: SyncState::default(),
            watch: WatchState::default(),
            foreign_lock: ForeignLockAge::default(),
            flag_lock_waits_since: None,
            reconcile: Weak::new(),
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
        let behind_last = self.records.last_listed_uid().saturating_add(1);
        self.uid_list.next().max(behind_last)
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
    pub fn highest_mod_sequence(&self) -> u64 {
        self.highest_mod_sequence
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
    pub(crate) fn is_invalid(&self) -> bool {
        self.invalid
    }

    pub(crate) fn invalidate(&mut self) {
        self.invalid = true;
    }

    /// True if its directory is the one that was opened.
    pub(crate) fn is_still_there(&self) -> bool {
        DirectoryStamp::at(&self.dir).is_ok_and(|now| now.is_same_directory(&self.identity))
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
        let is_free = !self.sync_state.loaded || self.validity.is_none();
        if is_free {
            self.validity = Some(validity);
        }
        self.validity == Some(validity)
    }

    /// Reads the names of the keywords, if they are others than before.
    pub(crate) fn read_keywords(&mut self) -> Result<(), StoreError> {
        let failed = StoreError::io("reading the keywords");
        let stamp = FileStamp::at(&self.dir.join(keywords::FILE)).map_err(&failed)?;
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

    fn open_views(&self) -> impl Iterator<Item = Rc<ViewState>> {
        self.views.iter().filter_map(Weak::upgrade)
    }

    /// True if some session has it open for writing.
    pub(crate) fn has_writer(&self) -> bool {
        self.open_views()
            .any(|view| view.access == Access::ReadWrite)
    }

    /// True if some session has it open.
    pub(crate) fn has_viewer(&self) -> bool {
        self.views.iter().any(|view| view.strong_count() > 0)
    }

    /// Counts a change; returns its number.
    pub(crate) fn next_mod_sequence(&mut self) -> u64 {
        self.highest_mod_sequence = self.mod_sequences.next(self.highest_mod_sequence);
        self.highest_mod_sequence
    }

    /// Changes up to that one were counted before the mailbox was opened.
    pub(crate) fn raise_mod_sequence(&mut self, change: u64) {
        self.highest_mod_sequence = self.highest_mod_sequence.max(change);
    }

    /// Marks a published message as expunged.
    pub(crate) fn expunge(&mut self, index: usize) {
        let change = self.mod_sequences.next(self.highest_mod_sequence);
        if self.records.expunge(index, change) {
            self.highest_mod_sequence = change;
            let uid = self.records.record(index).uid;
            self.mod_sequences.vanished.push(change, uid);
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
        let change = self.mod_sequences.next(self.highest_mod_sequence);
        let record = self.records.record_mut(index);
        if (record.flags, record.keywords) == (flags, keywords) {
            return;
        }
        // Its own session knows the flags now, but not what others did to them before.
        let origin = match by {
            Some(view)
                if record.mod_sequence <= view.flagged.get() || record.changed_by == view.id =>
            {
                view.id
            }
            _ => 0,
        };
        (record.flags, record.keywords) = (flags, keywords);
        (record.mod_sequence, record.changed_by) = (change, origin);
        let uid = record.uid;
        self.highest_mod_sequence = change;
        self.recent_changes.push(change, uid);
        self.discard_saved_mod_sequences();
    }

    /// Indexes, ascending, of the messages alive whose flags others than `view` changed after
    /// `told`.
    pub(crate) fn flags_changed_after(&self, announced: u64, view: u32) -> Vec<usize> {
        let published = self.records.published();
        let mut indexes: Vec<usize> = match self.recent_changes.after(announced) {
            Some(uids) => uids
                .filter_map(|uid| self.records.find_uid(uid).ok())
                .collect(),
            None => (0..published.len()).collect(),
        };
        indexes.sort_unstable();
        indexes.dedup();
        indexes.retain(|&index| {
            let record = &published[index];
            !record.is_expunged() && record.mod_sequence > announced && record.changed_by != view
        });
        indexes
    }

    /// The least change of flags that the view's session has yet to be told of.
    pub(crate) fn first_unannounced_flags(&self, view: &ViewState) -> Option<u64> {
        let announced = view.flagged.get();
        if announced == self.highest_mod_sequence {
            return None;
        }
        let changed = self.flags_changed_after(announced, view.id);
        let records = changed.into_iter().map(|index| self.records.record(index));
        let known = records.filter(|record| record.uid <= view.last_uid.get());
        known.map(|record| record.mod_sequence).min()
    }

    /// Drops tombstones that every view knows of. Not while a scan is going on, which remembers
    /// indexes.
    pub(crate) fn drop_announced_tombstones(&mut self) {
        if self.records.has_many_tombstones(LEAST_TOMBSTONES) && !self.is_being_scanned() {
            let announced = self
                .open_views()
                .map(|view| view.expunges_announced.get())
                .min();
            self.records.compact(
                announced.unwrap_or(self.highest_mod_sequence),
                LEAST_TOMBSTONES,
            );
        }
    }

    fn is_being_scanned(&self) -> bool {
        let reconcile = self.reconcile.upgrade();
        reconcile.is_some_and(|reconcile| {
            reconcile
                .try_borrow()
                .map_or(true, |reconcile| !reconcile.has_ended())
        })
    }

    /// Where a record's file is.
    pub(crate) fn subdir(&self, index: usize) -> Subdir {
        if self.records.record(index).state.has(RecordState::IN_NEW) {
            Subdir::New
        } else {
            Subdir::Cur
        }
    }

    /// The path of a record's file.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        self.subdir(index).file(&self.dir, self.records.name(index))
    }

    /// Takes note that we have renamed a record's file.
    pub(crate) fn renamed(&mut self, index: usize, subdir: Subdir, name: &[u8]) {
        let (from, old) = (self.subdir(index), self.records.name(index).to_vec());
        self.watch.expect_rename((from, &old), (subdir, name));
        // The arena is bounded far beyond what a directory can hold.
        let _ = self.records.rename(index, name);
        let state = &mut self.records.record_mut(index).state;
        state.set(RecordState::IN_NEW, subdir == Subdir::New);
        state.set(RecordState::MISSING, false);
        state.set(RecordState::FOUND, true);
        state.set(RecordState::RENAMED_BY_US, true);
        if (from, subdir) == (Subdir::New, Subdir::Cur) {
            self.sync_state.in_new = self.sync_state.in_new.saturating_sub(1);
        }
    }

    /// Adds a message that we have delivered, and have written into the list.
    pub(crate) fn delivered(
        &mut self,
        uid: Uid,
        subdir: Subdir,
        name: &[u8],
    ) -> Result<(), RecordsFull> {
        let base = filename::base(name);
        let met = self
            .records
            .find(base)
            .filter(|index| self.records.tail().contains(index));
        let index = match met {
            // A scan has met the file before it was in the list, and knows best what it is called.
            Some(index) => index,
            None => {
                let (flags, keywords) = filename::flags(name);
                let state = RecordState::FOUND.with(RecordState::IN_NEW, subdir == Subdir::New);
                let base_length = base.len();
                self.records.push(&NewRecord {
                    uid: 0,
                    name,
                    base_length,
                    flags,
                    keywords,
                    state,
                })?
            }
        };
        let record = self.records.record_mut(index);
        record.uid = uid.get();
        record.state.set(RecordState::RECENT, true);
        self.sync_state.in_new += u32::from(subdir == Subdir::New);
        if self.is_being_scanned() {
            // What happened to the file since it was put there may be behind the scan.
            self.request_check();
        }
        self.publish(false);
        Ok(())
    }

    /// Lets views see what of the tail is certain, in the order of UIDs; see [`Records::settle`].
    pub(crate) fn publish(&mut self, drop_unseen: bool) {
        let published = self
            .records
            .settle_tail(|record| crate::store::sync::uid_list::verdict(record.state, drop_unseen));
        let mut fresh = None;
        for index in published {
            let record = self.records.record(index);
            let carried = (self.mod_sequences).carried(record.uid, record.flags, record.keywords);
            let mod_sequence =
                carried.unwrap_or_else(|| *fresh.get_or_insert_with(|| self.next_mod_sequence()));
            self.records.record_mut(index).mod_sequence = mod_sequence;
        }
    }

    /// A file was not where it should be: the next [`SyncMailbox`](crate::store::SyncMailbox) must
    /// look.
    pub(crate) fn request_check(&mut self) {
        self.sync_state.check_requests = self.sync_state.check_requests.wrapping_add(1);
    }

    /// Bytes of memory that it costs.
    pub fn memory(&self) -> usize {
        self.records.memory() + size_of::<Self>()
    }
}

impl FlagChangeLog {
    fn push(&mut self, change: u64, uid: u32) {
        if self.entries.len() == REMEMBERED_CHANGES {
            self.forgotten = self.entries.pop_front().map_or(0, |(change, _)| change);
        }
        self.entries.push_back((change, uid));
    }

    /// The UIDs changed after `told`; `None` if it does not go back that far.
    fn after(&self, announced: u64) -> Option<impl Iterator<Item = u32>> {
        let from = self
            .entries
            .partition_point(|&(change, _)| change <= announced);
        (announced >= self.forgotten).then(|| self.entries.range(from..).map(|&(_, uid)| uid))
    }
}
