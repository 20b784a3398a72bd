//! One job's part in a [`DeliveryGroup`].

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use super::delivery_group::DeliveryGroup;
use super::parcel::{Parcel, SharedParcel};
use super::ready_file::ReadyFile;
use crate::budget::{Budget, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::abandoned::AbandonedWork;
use crate::store::index::mailbox::Mailbox;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::Uid;

/// Messages that are complete in `tmp/`. If they are not delivered, their files are removed in
/// steps. They need no lock for that: no other program knows them.
#[derive(Debug, Default)]
pub(in crate::store::ops) struct ReadyFiles {
    files: Vec<ReadyFile>,
    /// Octets of memory that they take.
    memory: usize,
}

impl ReadyFiles {
    /// Adds a message.
    pub(in crate::store::ops) fn push(&mut self, file: ReadyFile) {
        self.memory += file.memory();
        self.files.push(file);
    }

    /// Returns the messages.
    pub(in crate::store::ops) fn files(&self) -> &[ReadyFile] {
        &self.files
    }

    /// Returns the messages, to rename them.
    pub(in crate::store::ops) fn files_mut(&mut self) -> &mut [ReadyFile] {
        &mut self.files
    }
}

impl AbandonedWork<Store> for ReadyFiles {
    fn has_work_left(&self) -> bool {
        !self.files.is_empty()
    }

    fn memory(&self) -> usize {
        self.memory
    }

    fn clean_up(&mut self, _: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        while let Some(file) = self.files.pop() {
            self.memory = self.memory.saturating_sub(file.memory());
            drop(file);
            budget.spend(COST_SYSCALL);
            if budget.is_spent() && self.has_work_left() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(())
    }
}

/// Delivers messages that are complete in `tmp/`.
#[derive(Debug)]
pub(in crate::store::ops) struct Delivery {
    handle: MailboxHandle,
    /// The directory of the mailbox.
    dir: PathBuf,
    parcel: SharedParcel,
    /// The group that delivers the parcel, once it has it.
    group: Option<Rc<RefCell<DeliveryGroup>>>,
    /// Octets of memory that the messages have taken at first.
    memory: usize,
}

impl Delivery {
    /// Takes the messages out of `ready`.
    pub(in crate::store::ops) fn new(
        handle: MailboxHandle,
        mailbox: &Mailbox,
        ready: &mut ReadyFiles,
    ) -> Self {
        let ReadyFiles { files, memory } = std::mem::take(ready);
        Self {
            handle,
            dir: mailbox.dir().to_path_buf(),
            parcel: Rc::new(RefCell::new(Parcel::new(files))),
            group: None,
            memory,
        }
    }

    /// True if the messages are on disk, so that nothing is undone any more.
    pub(in crate::store::ops) fn is_committed(&self) -> bool {
        self.parcel.borrow().is_committed()
    }

    /// Steps the job until it is done. Ends with the UIDs of the messages, in their order.
    ///
    /// # Errors
    /// No message was delivered, and no file is left.
    pub(in crate::store::ops) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Vec<Uid>, StoreError>> {
        while !self.parcel.borrow().is_settled() {
            let group = match &self.group {
                Some(group) => Rc::clone(group),
                None => self.join(store),
            };
            let (mailbox, mut context) = store.parts(&self.handle);
            let mut group = group.borrow_mut();
            ready!(group.step(mailbox, &mut context, budget));
            // Without a flusher no step ends between writing lines and flushing them.
            if budget.is_spent() && !group.has_unflushed_lines() {
                return Step::Yield(Why::Budget);
            }
        }
        self.group = None;
        let mut parcel = self.parcel.borrow_mut();
        while parcel.ready.pop_front().is_some() {
            budget.spend(COST_SYSCALL);
            if budget.is_spent() && !parcel.ready.is_empty() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(parcel.take_outcome())
    }

    /// Gives the parcel to the group of the mailbox.
    fn join(&mut self, store: &mut Store) -> Rc<RefCell<DeliveryGroup>> {
        let group = store.delivery_group(&self.handle);
        group.borrow_mut().add(Rc::clone(&self.parcel));
        self.group = Some(Rc::clone(&group));
        group
    }
}

impl AbandonedWork<Store> for Delivery {
    fn has_work_left(&self) -> bool {
        let parcel = self.parcel.borrow();
        !parcel.is_settled() || !parcel.ready.is_empty()
    }

    fn memory(&self) -> usize {
        let group = self.group.as_ref();
        self.memory + group.map_or(0, |group| group.borrow().memory_of_each())
    }

    fn abandon(&mut self) {
        self.parcel.borrow_mut().withdraw(StoreError::Gone);
        if let Some(group) = &self.group {
            group.borrow_mut().leave_out_settled();
        }
    }

    fn clean_up(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        let _ = ready!(self.step(store, budget));
        Step::Done(())
    }
}

impl Drop for Delivery {
    /// Removes the files of a delivery that no store is left to clean up after. The lock is still
    /// held here.
    fn drop(&mut self) {
        let mut parcel = self.parcel.borrow_mut();
        parcel.withdraw(StoreError::Gone);
        if parcel.is_withdrawn() {
            while parcel.remove_last_moved(&self.dir) {}
        }
    }
}
