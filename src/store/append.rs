//! Delivering one message: streamed to `tmp/`, flushed, and moved to its place under the lock.

use std::time::SystemTime;

use super::{MailboxHandle, Store, StoreError};
use crate::budget::{Budget, Step};
use crate::types::{DateTime, FlagList, Uid, UidValidity};

/// A message on its way into a mailbox. Dropped before it is done, it leaves nothing behind.
#[derive(Debug)]
pub struct Append {
    handle: MailboxHandle,
}

impl Append {
    /// Starts a message in the mailbox's `tmp/`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn begin(
        store: &mut Store,
        handle: &MailboxHandle,
        flags: FlagList,
        date: Option<DateTime>,
        wall: SystemTime,
    ) -> Result<Self, StoreError> {
        let _ = (store, flags, date, wall);
        Ok(Self {
            handle: handle.clone(),
        })
    }

    /// Takes more of the message, as it came from the client.
    ///
    /// # Errors
    /// The disk is full or fails; the message is lost then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let _ = (bytes, &self.handle);
        Ok(())
    }

    /// Once all is written: to be stepped until done. Then the message is safe on disk, under that UID.
    ///
    /// # Errors
    /// Nothing was delivered.
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(UidValidity, Uid), StoreError>> {
        let _ = (store, budget);
        Step::Done(Err(StoreError::ReadOnly))
    }
}
