//! The messages of one job, on their way into a mailbox.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use super::ready_file::ReadyFile;
use crate::store::StoreError;
use crate::store::maildir::subdir::Subdir;
use crate::types::Uid;

/// A parcel, shared by its job and by the group that delivers it.
pub(super) type SharedParcel = Rc<RefCell<Parcel>>;

/// Messages that are delivered all or none.
#[derive(Debug)]
pub(super) struct Parcel {
    /// Files that are in `tmp/`.
    pub(super) ready: VecDeque<ReadyFile>,
    /// Files that were moved out of `tmp/`; empty names for those that are messages.
    pub(super) moved: Vec<(Subdir, Vec<u8>)>,
    /// The UIDs that they get.
    pub(super) uids: Vec<Uid>,
    state: ParcelState,
}

#[derive(Debug)]
enum ParcelState {
    OnItsWay,
    /// The messages are not delivered because of this error: the files that were moved are removed.
    Withdrawn(StoreError),
    /// Everything is on disk.
    Committed,
    /// The messages are in memory, too.
    Delivered,
}

impl Parcel {
    pub(super) fn new(ready: Vec<ReadyFile>) -> Self {
        Self {
            ready: ready.into(),
            moved: Vec::new(),
            uids: Vec::new(),
            state: ParcelState::OnItsWay,
        }
    }

    /// True if the messages are neither on disk nor withdrawn.
    pub(super) fn is_on_its_way(&self) -> bool {
        matches!(self.state, ParcelState::OnItsWay)
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(self.state, ParcelState::Withdrawn(_))
    }

    /// True if the messages are on disk, so that nothing is undone any more.
    pub(super) fn is_committed(&self) -> bool {
        matches!(self.state, ParcelState::Committed | ParcelState::Delivered)
    }

    /// True if nothing is left to do that needs the lock.
    pub(super) fn is_settled(&self) -> bool {
        match self.state {
            ParcelState::OnItsWay | ParcelState::Committed => false,
            ParcelState::Withdrawn(_) => self.moved.is_empty(),
            ParcelState::Delivered => true,
        }
    }

    /// Withdraws the messages, unless they are on disk or withdrawn already.
    pub(super) fn withdraw(&mut self, error: StoreError) {
        if self.is_on_its_way() {
            self.state = ParcelState::Withdrawn(error);
        }
    }

    /// Takes note that everything is on disk.
    pub(super) fn commit(&mut self) {
        if self.is_on_its_way() {
            self.state = ParcelState::Committed;
        }
    }

    /// Takes note that the messages are in memory.
    pub(super) fn deliver(&mut self) {
        if self.is_committed() {
            self.state = ParcelState::Delivered;
        }
    }

    /// Returns the UIDs of the messages, in their order, or why they were withdrawn. Called once,
    /// when the parcel is settled.
    pub(super) fn take_outcome(&mut self) -> Result<Vec<Uid>, StoreError> {
        match &self.state {
            ParcelState::Withdrawn(error) => Err(error.clone()),
            _ => Ok(std::mem::take(&mut self.uids)),
        }
    }

    /// Removes the last of the files that were moved out of `tmp/` to the mailbox in `dir`. Returns
    /// false if there is none.
    pub(super) fn remove_last_moved(&mut self, dir: &Path) -> bool {
        let Some((subdir, name)) = self.moved.pop() else {
            return false;
        };
        let path = subdir.file(dir, &name);
        if let Err(error) = fs::remove_file(&path) {
            log::warn!(
                "{}: cannot remove the file of a failed delivery: {error}",
                path.display()
            );
        }
        true
    }
}
