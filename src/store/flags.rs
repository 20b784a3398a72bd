//! Reading and changing flags: one rename a message.

use super::view::{MessageRef, View};
use super::{MailboxHandle, Store, StoreError};
use crate::budget::{Budget, Step};
use crate::types::{Flags, Keyword, KeywordSet};

/// How a STORE changes flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagOperation {
    /// `FLAGS`: these and no others.
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// A change of flags, with keywords as bits of the mailbox (see [`DefineKeywords`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagChange {
    /// What to do with the flags below.
    pub operation: FlagOperation,
    /// System flags; `\Recent` is ignored.
    pub system: Flags,
    /// Keywords.
    pub keywords: KeywordSet,
}

impl Store {
    /// A message's flags, `\Recent` among them if it is so to this session.
    pub fn flags(&self, view: &View, message: &MessageRef) -> (Flags, KeywordSet) {
        let _ = (view, message);
        (Flags::NONE, KeywordSet::NONE)
    }

    /// Changes a message's flags. True if they were different before.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if somebody else changed or removed it: do a [`Sync`](super::Sync), try once more.
    pub fn change_flags(
        &mut self,
        view: &View,
        message: &MessageRef,
        change: &FlagChange,
    ) -> Result<bool, StoreError> {
        let _ = (view, message, change);
        Err(StoreError::Gone)
    }

    /// The number of the first message that is not seen.
    pub fn first_unseen(&self, view: &View) -> Option<u32> {
        let _ = view;
        None
    }

    /// How many messages are not seen.
    pub fn count_unseen(&self, view: &View) -> u32 {
        let _ = view;
        0
    }
}

/// Makes keywords known to a mailbox.
#[derive(Debug)]
pub struct DefineKeywords {
    handle: MailboxHandle,
    names: Vec<Keyword>,
}

impl DefineKeywords {
    /// To be stepped until done.
    pub fn new(handle: MailboxHandle, names: Vec<Keyword>) -> Self {
        Self { handle, names }
    }

    /// Ends with the bits of all the names. Takes no lock if they are known already.
    ///
    /// # Errors
    /// [`StoreError::Limit`] if the mailbox would have more than 26.
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<KeywordSet, StoreError>> {
        let _ = (store, budget, &self.handle, &self.names);
        Step::Done(Err(StoreError::ReadOnly))
    }
}
