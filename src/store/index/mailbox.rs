//! One open mailbox directory, shared by all sessions of the process that have it open.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::{Instant, SystemTime};

use super::flag_change_log::FlagChangeLog;
use super::mailbox_keywords::{KeywordBits, MailboxKeywords, UnflushedKeywords};
use super::mod_sequences::ModSequences;
use super::records::Records;
use super::sync_state::SyncState;
use super::view_state::{Access, MessageRef, ViewState};
use super::watch_state::WatchState;
use crate::budget::{Budget, Step};
use crate::store::StoreError;
use crate::store::flush::{Flush, FlushQueue, poll_all};
use crate::store::maildir::directory_stamp::DirectoryStamp;
use crate::store::maildir::keywords::KeywordTable;
use crate::store::maildir::layout;
use crate::store::maildir::lock::{ForeignLockAge, LockTurn};
use crate::store::maildir::uid_list::UidListState;
use crate::types::{Keyword, UidValidity};

/// Fewer tombstones than this are kept whatever they cost, so that indexes move seldom.
const LEAST_TOMBSTONES: usize = 64;

/// The messages of one mailbox and their state.
#[derive(Debug)]
pub(crate) struct Mailbox {
    dir: PathBuf,
    /// The directory of the UIDVALIDITY counter.
    root: PathBuf,
    /// Stamp of the directory when it was opened, to tell it from one that replaced it.
    identity: DirectoryStamp,
    writable: bool,
    /// True if the mailbox was deleted, replaced or renumbered: nothing in this value holds any
    /// more.
    invalid: bool,
    pub(crate) records: Records,
    highest_mod_sequence: u64,
    pub(super) recent_flag_changes: FlagChangeLog,
    pub(crate) mod_sequences: ModSequences,
    views: Vec<Weak<ViewState>>,
    keywords: MailboxKeywords,
    validity: Option<UidValidity>,
    pub(crate) uid_list: UidListState,
    pub(crate) sync_state: SyncState,
    pub(crate) watch: WatchState,
    pub(crate) foreign_lock: ForeignLockAge,
    /// True if a job of this process has found the lock taken since deliveries took it.
    pub(crate) lock_is_wanted: bool,
    /// Since when sessions wait for the lock to change flags.
    pub(crate) flag_lock_waits_since: Option<Instant>,
    /// How the lock was taken to change flags.
    pub(crate) flag_lock_turn: LockTurn,
    /// Alive while a job is reconciling the mailbox with its directory.
    reconciling: Weak<()>,
    /// Flushes of directories that were created for the mailbox. Nothing of the mailbox is
    /// announced before they are done.
    pub(crate) creation: Vec<Flush>,
}

/// A value that changes with every change of a mailbox that a view can announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MailboxVersion {
    highest_mod_sequence: u64,
    keywords: u32,
    is_invalid: bool,
}

impl Mailbox {
    /// Opens the mailbox in an existing directory.
    pub(crate) fn open(
        dir: PathBuf,
        root: PathBuf,
        read_only: bool,
        flushes: &FlushQueue,
    ) -> Result<Self, StoreError> {
        let identity = DirectoryStamp::at(&dir).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound,
            _ => StoreError::from_io("opening the mailbox", error),
        })?;
        let may_write = rustix::fs::access(&dir, rustix::fs::Access::WRITE_OK).is_ok();
        let writable = !read_only && may_write;
        let mut mailbox = Self {
            dir,
            root,
            identity,
            writable,
            invalid: false,
            records: Records::default(),
            highest_mod_sequence: 1,
            recent_flag_changes: FlagChangeLog::default(),
            mod_sequences: ModSequences::default(),
            views: Vec::new(),
            keywords: MailboxKeywords::default(),
            validity: None,
            uid_list: UidListState::default(),
            sync_state: SyncState::default(),
            watch: WatchState::default(),
            foreign_lock: ForeignLockAge::default(),
            lock_is_wanted: false,
            flag_lock_waits_since: None,
            flag_lock_turn: LockTurn::default(),
            reconciling: Weak::new(),
            creation: Vec::new(),
        };
        mailbox.create_parts(flushes)?;
        Ok(mailbox)
    }

    /// Creates those of the directories `new/`, `cur/` and `tmp/` that are missing, if the mailbox
    /// may be written to.
    pub(crate) fn create_parts(&mut self, flushes: &FlushQueue) -> Result<(), StoreError> {
        let failed = StoreError::io("opening the mailbox");
        if self.writable && layout::create_parts(&self.dir).map_err(&failed)? {
            let flush = flushes.submit_directory(&self.dir).map_err(failed)?;
            self.creation.push(flush);
        }
        Ok(())
    }

    /// Waits until the directories that were created for the mailbox are flushed.
    ///
    /// # Errors
    /// A flush has failed.
    pub(crate) fn finish_creation(
        &mut self,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        poll_all(&mut self.creation, budget).map_err(StoreError::io("creating the mailbox"))
    }

    /// Returns the directory of the mailbox.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the user's Maildir, or the directory of the bulletin board itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// False if the mailbox must not be changed, by option or by its permissions.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    /// True if the mailbox was deleted, replaced or renumbered.
    pub(crate) fn is_invalid(&self) -> bool {
        self.invalid
    }

    /// Marks the mailbox as deleted, replaced or renumbered.
    pub(crate) fn invalidate(&mut self) {
        self.invalid = true;
    }

    /// True if its directory still is the one that was opened.
    pub(crate) fn is_still_there(&self) -> bool {
        DirectoryStamp::at(&self.dir).is_ok_and(|now| now.is_same_directory(&self.identity))
    }

    /// Returns a value that changes with every change that a view can announce.
    pub(crate) fn version(&self) -> MailboxVersion {
        MailboxVersion {
            highest_mod_sequence: self.highest_mod_sequence,
            keywords: self.keywords_version(),
            is_invalid: self.invalid,
        }
    }

    /// Returns the bytes of memory that the mailbox takes.
    pub(crate) fn memory(&self) -> usize {
        self.records.memory() + size_of::<Self>()
    }
}

/// UIDVALIDITY and UIDs.
impl Mailbox {
    /// Returns the UIDVALIDITY, or 1 before the first [`SyncMailbox`](crate::store::SyncMailbox).
    pub(crate) fn uid_validity(&self) -> UidValidity {
        self.validity
            .unwrap_or_else(|| UidValidity::new(1).expect("1 is not 0"))
    }

    /// Returns the least UID that the next message can get.
    pub(crate) fn uid_next(&self) -> u32 {
        let behind_last = self.records.last_listed_uid().saturating_add(1);
        self.uid_list.next_uid().max(behind_last)
    }

    /// True if no uid list has set the UIDVALIDITY yet.
    pub(crate) fn has_no_validity(&self) -> bool {
        self.validity.is_none()
    }

    /// Discards the UIDVALIDITY after the uid list was found damaged. Only legal before a UID was
    /// announced to any session.
    pub(crate) fn forget_validity(&mut self) {
        self.validity = None;
    }

    /// Takes over the UIDVALIDITY of the uid list on disk. Returns false if another one was
    /// announced to a session already.
    pub(crate) fn accept_validity(&mut self, validity: UidValidity) -> bool {
        let is_free = !self.sync_state.loaded || self.validity.is_none();
        if is_free {
            self.validity = Some(validity);
        }
        self.validity == Some(validity)
    }
}

/// Mod-sequences.
impl Mailbox {
    /// Returns the greatest mod-sequence of the mailbox (RFC 7162 §3.1.2.1). It grows with every
    /// change.
    pub(crate) fn highest_mod_sequence(&self) -> u64 {
        self.highest_mod_sequence
    }

    /// Returns the mod-sequence of the next change, without counting one.
    pub(super) fn peek_mod_sequence(&self) -> u64 {
        self.mod_sequences.next(self.highest_mod_sequence)
    }

    /// Counts a change and returns its mod-sequence.
    pub(crate) fn next_mod_sequence(&mut self) -> u64 {
        self.highest_mod_sequence = self.peek_mod_sequence();
        self.highest_mod_sequence
    }

    /// Takes note that mod-sequences up to this one are in use.
    pub(super) fn raise_mod_sequence(&mut self, mod_sequence: u64) {
        self.highest_mod_sequence = self.highest_mod_sequence.max(mod_sequence);
    }
}

/// Keyword names.
impl Mailbox {
    /// Returns the names of the keywords: bit *n* of a [`KeywordSet`](crate::types::KeywordSet)
    /// stands for the name of index
    /// *n*.
    pub(crate) fn keywords(&self) -> &KeywordTable {
        self.keywords.table()
    }

    /// Returns a number that grows with every change of the keyword names.
    pub(crate) fn keywords_version(&self) -> u32 {
        self.keywords.version()
    }

    /// Reads the keyword names again, if their file has changed.
    pub(crate) fn read_keywords(&mut self) -> Result<(), StoreError> {
        self.keywords.read(&self.dir)
    }

    /// Uses other keyword names, in memory only.
    pub(crate) fn set_keywords(&mut self, table: KeywordTable) {
        self.keywords.set(table);
    }

    /// Writes other keyword names, and submits their flush. The caller has locked the mailbox and
    /// has read the names under that lock.
    pub(crate) fn begin_keywords(
        &self,
        table: Box<KeywordTable>,
        wall: SystemTime,
        flushes: &FlushQueue,
    ) -> Result<UnflushedKeywords, StoreError> {
        MailboxKeywords::begin_write(&self.dir, table, wall, flushes)
    }

    /// Waits until the keyword names are on disk, and uses them. The caller still holds the lock.
    pub(crate) fn finish_keywords(
        &mut self,
        unflushed: &mut UnflushedKeywords,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        self.keywords.finish_write(unflushed, budget)
    }

    /// Finds the bits of these keywords, as far as letters are left. The caller has locked the
    /// mailbox, and writes the names if there are new ones.
    pub(crate) fn define_keywords(&mut self, names: &[Keyword]) -> Result<KeywordBits, StoreError> {
        self.keywords.define(&self.dir, names)
    }
}

/// Views and the messages that they count.
impl Mailbox {
    pub(super) fn add_view(&mut self, view: &Rc<ViewState>) {
        self.views.retain(|view| view.strong_count() > 0);
        self.views.push(Rc::downgrade(view));
    }

    fn open_views(&self) -> impl Iterator<Item = Rc<ViewState>> {
        self.views.iter().filter_map(Weak::upgrade)
    }

    /// True if a session has the mailbox open for writing.
    pub(crate) fn has_writer(&self) -> bool {
        self.open_views()
            .any(|view| view.access == Access::ReadWrite)
    }

    /// True if a session has the mailbox open.
    pub(crate) fn has_viewer(&self) -> bool {
        self.views.iter().any(|view| view.strong_count() > 0)
    }

    /// Returns the index of a message's record, which may be a tombstone.
    pub(crate) fn index_of(&self, message: &MessageRef) -> Option<usize> {
        self.records.find_message(message.uid.get(), message.number)
    }

    /// Returns the index of a message's record, unless it is a tombstone.
    pub(crate) fn index_of_existing(&self, message: &MessageRef) -> Option<usize> {
        let index = self.index_of(message)?;
        (!self.records.record(index).is_expunged()).then_some(index)
    }

    /// Marks a published message as expunged.
    pub(crate) fn expunge(&mut self, index: usize) {
        let change = self.peek_mod_sequence();
        if self.records.expunge(index, change) {
            self.highest_mod_sequence = change;
            let uid = self.records.record(index).uid;
            self.mod_sequences.vanished.push(change, uid);
        }
    }

    /// Drops the tombstones that all views have announced, except during a scan, which remembers
    /// indexes.
    pub(super) fn drop_announced_tombstones(&mut self) {
        if self.records.has_many_tombstones(LEAST_TOMBSTONES) && !self.is_being_reconciled() {
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

    /// Takes note that a job reconciles the mailbox as long as `token` is alive.
    pub(crate) fn set_reconciling(&mut self, token: &Rc<()>) {
        self.reconciling = Rc::downgrade(token);
    }

    /// True while a job reconciles the mailbox with its directory.
    pub(super) fn is_being_reconciled(&self) -> bool {
        self.reconciling.strong_count() > 0
    }
}
