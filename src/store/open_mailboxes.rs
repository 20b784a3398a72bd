//! The [`Store`]: the mailboxes of the process that are open, or were open recently.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use super::abandoned::AbandonedQueue;
use super::context::StoreContext;
use super::flush::{Flush, FlushQueue, FlushRequest, FlushResult};
use super::index::mailbox::{Mailbox, MailboxVersion};
use super::maildir::filename::UniqueNames;
use super::maildir::lock::LockOwner;
use super::maildir::uid_validity::UidValidities;
use super::ops::deliver::DeliveryGroup;
use super::ops::folders::{create_root, locate};
use super::sync::inotify::InotifyWatches;
use super::sync::reconcile::Reconcile;
use super::{Account, MailboxHandle, Settings, StoreError};
use crate::types::MailboxRef;

/// All mailboxes of the process.
#[derive(Debug)]
pub struct Store {
    pub(super) settings: Settings,
    pub(super) owner: LockOwner,
    pub(super) flushes: FlushQueue,
    names: UniqueNames,
    validities: UidValidities,
    pub(super) slots: Vec<Option<Slot>>,
    by_dir: HashMap<PathBuf, usize>,
    /// How many times [`Self::open`] was called. The clock of the eviction order.
    opens: u64,
    last_view_id: u32,
    /// `None` if the kernel does not report changes.
    pub(super) inotify: Option<InotifyWatches>,
    /// Slots whose mailboxes may have changed since [`Store::take_changed`].
    pub(super) touched: BTreeSet<usize>,
    /// What jobs have left to do whose sessions have ended.
    pub(super) abandoned: AbandonedQueue<Self>,
    /// The roots of the mailbox trees that are being renamed, each as long as its job lives.
    pub(super) renamed_trees: Vec<Weak<PathBuf>>,
}

/// A mailbox in memory.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) handle: MailboxHandle,
    pub(super) mailbox: Mailbox,
    /// The value of [`Store::opens`] when the mailbox was last opened.
    pub(super) last_open: u64,
    /// The version of the mailbox that [`Store::take_changed`] saw last.
    pub(super) seen_version: MailboxVersion,
    /// The job that is reconciling the mailbox with its directory, shared by the sessions that wait
    /// for it.
    pub(super) reconcile: Weak<RefCell<Reconcile>>,
    /// The deliveries to the mailbox that are under way, shared by the sessions that deliver.
    deliveries: Weak<RefCell<DeliveryGroup>>,
}

impl Slot {
    /// True if a session, or a job, holds a handle of the mailbox.
    pub(super) fn is_held(&self) -> bool {
        self.handle.is_shared()
    }
}

impl Store {
    /// Returns a store with no mailbox open.
    pub fn new(settings: Settings) -> Self {
        Self {
            owner: LockOwner {
                pid: settings.pid,
                host: settings.host.clone(),
                booted: settings.booted,
            },
            flushes: FlushQueue::default(),
            names: UniqueNames::new(&settings.host, settings.pid),
            validities: UidValidities::default(),
            slots: Vec::new(),
            by_dir: HashMap::new(),
            opens: 0,
            last_view_id: 0,
            inotify: None,
            touched: BTreeSet::new(),
            abandoned: AbandonedQueue::default(),
            renamed_trees: Vec::new(),
            settings,
        }
    }

    /// Returns the settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens a mailbox. Its messages are known after a [`SyncMailbox`](super::SyncMailbox).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the mailbox does not exist.
    pub(crate) fn open(
        &mut self,
        account: &Account,
        name: &MailboxRef,
    ) -> Result<MailboxHandle, StoreError> {
        let new_root = self.create_inbox(account, name)?;
        let (dir, root) = locate(account, name)?;
        self.opens += 1;
        if let Some(handle) = self.open_again(&dir) {
            return Ok(handle);
        }
        let read_only = self.settings.read_only;
        let mut mailbox = Mailbox::open(dir.clone(), root, read_only, &self.flushes)?;
        mailbox.creation.extend(new_root);
        self.evict();
        let number = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        let handle = MailboxHandle::new(number);
        let mut slot = Slot {
            handle: handle.clone(),
            seen_version: mailbox.version(),
            mailbox,
            last_open: self.opens,
            reconcile: Weak::new(),
            deliveries: Weak::new(),
        };
        if let Some(inotify) = &mut self.inotify {
            inotify.watch(&mut slot.mailbox, number);
        }
        if number == self.slots.len() {
            self.slots.push(Some(slot));
        } else {
            self.slots[number] = Some(slot);
        }
        self.by_dir.insert(dir, number);
        Ok(handle)
    }

    /// Creates a user's INBOX when it is first opened. Returns its flush then.
    fn create_inbox(
        &self,
        account: &Account,
        name: &MailboxRef,
    ) -> Result<Option<Flush>, StoreError> {
        if self.settings.read_only || !name.is_inbox() {
            return Ok(None);
        }
        create_root(&account.root, &self.flushes).map_err(StoreError::io("creating INBOX"))
    }

    /// Returns the mailbox in that directory, if the store holds it and the directory is the same.
    fn open_again(&mut self, dir: &Path) -> Option<MailboxHandle> {
        let number = *self.by_dir.get(dir)?;
        let slot = self.slots[number].as_mut()?;
        if slot.mailbox.is_invalid() || !slot.mailbox.is_still_there() {
            self.invalidate(dir);
            return None;
        }
        slot.last_open = self.opens;
        Some(slot.handle.clone())
    }

    /// Removes a mailbox from the store.
    pub(super) fn drop_slot(&mut self, number: usize) {
        let Some(mut slot) = self.slots[number].take() else {
            return;
        };
        if self.by_dir.get(slot.mailbox.dir()) == Some(&number) {
            self.by_dir.remove(slot.mailbox.dir());
        }
        if let Some(inotify) = &mut self.inotify {
            inotify.unwatch(&mut slot.mailbox);
        }
    }

    /// Marks the mailbox in that directory as invalid, so that the sessions that have it open stop
    /// using it.
    pub(super) fn invalidate(&mut self, dir: &Path) {
        if let Some(number) = self.by_dir.remove(dir) {
            self.touched.insert(number);
            if let Some(slot) = &mut self.slots[number] {
                slot.mailbox.invalidate();
            }
        }
    }

    /// Returns the octets of memory that the mailboxes take.
    pub(crate) fn memory(&self) -> usize {
        let slots = self.slots.iter().flatten();
        slots.map(|slot| slot.mailbox.memory()).sum()
    }

    /// Returns the mailbox of a handle.
    pub(crate) fn mailbox(&self, handle: &MailboxHandle) -> &Mailbox {
        let slot = self.slots[handle.slot()].as_ref();
        &slot
            .expect("a slot is not emptied while a handle exists")
            .mailbox
    }

    pub(super) fn mailbox_mut(&mut self, handle: &MailboxHandle) -> &mut Mailbox {
        self.parts(handle).0
    }

    /// Returns the mailbox of a handle, and what a job needs of the store besides.
    pub(super) fn parts(&mut self, handle: &MailboxHandle) -> (&mut Mailbox, StoreContext<'_>) {
        self.touched.insert(handle.slot());
        let slot = self.slots[handle.slot()].as_mut();
        let slot = slot.expect("a slot is not emptied while a handle exists");
        let context = StoreContext {
            flushes: &self.flushes,
            owner: &self.owner,
            names: &mut self.names,
            validities: &mut self.validities,
        };
        (&mut slot.mailbox, context)
    }

    /// Leaves the flushes to a flusher from now on: the server takes the requests and hands their
    /// results back.
    pub(crate) fn use_flusher(&self) {
        self.flushes.use_flusher();
    }

    /// Notes which session runs or ends from now on, and its owner, as the server numbers them:
    /// what its jobs have flushed uses up the owner's share of the flusher, and the owner pays for
    /// the work that they leave.
    pub(crate) fn set_session(&self, session: usize, owner: usize) {
        self.flushes.set_session(session, owner);
        self.abandoned.set_owner(owner);
    }

    /// Takes the flushes that jobs have submitted since the last call.
    pub(crate) fn take_flush_requests(&self) -> Vec<FlushRequest> {
        self.flushes.take_requests()
    }

    /// Takes in the result of a flush. Returns the sessions that wait for it.
    pub(crate) fn complete_flush(&self, number: u64, result: FlushResult) -> Vec<usize> {
        self.flushes.complete(number, result)
    }

    /// Returns the job that is reconciling the mailbox, if there is one.
    pub(super) fn reconcile(&self, handle: &MailboxHandle) -> Option<Rc<RefCell<Reconcile>>> {
        self.slots[handle.slot()].as_ref()?.reconcile.upgrade()
    }

    /// Lets other sessions that sync the mailbox join this job.
    pub(super) fn set_reconcile(
        &mut self,
        handle: &MailboxHandle,
        reconcile: &Rc<RefCell<Reconcile>>,
    ) {
        if let Some(slot) = &mut self.slots[handle.slot()] {
            slot.reconcile = Rc::downgrade(reconcile);
        }
    }

    /// Returns the deliveries to the mailbox that are under way, or a group for the first of them.
    pub(super) fn delivery_group(&mut self, handle: &MailboxHandle) -> Rc<RefCell<DeliveryGroup>> {
        let slot = self.slots[handle.slot()].as_mut();
        let slot = slot.expect("a slot is not emptied while a handle exists");
        slot.deliveries.upgrade().unwrap_or_else(|| {
            let group = Rc::default();
            slot.deliveries = Rc::downgrade(&group);
            group
        })
    }

    pub(super) fn next_view_id(&mut self) -> u32 {
        self.last_view_id = self.last_view_id.checked_add(1).unwrap_or(1);
        self.last_view_id
    }
}
