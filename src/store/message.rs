//! A message's file: opened for reading, or only looked at.

use std::fs::File;

use super::view::{MessageRef, View};
use super::{Store, StoreError};
use crate::types::DateTime;

/// A message's file, open.
#[derive(Debug)]
pub struct MessageFile {
    /// Stays readable whatever happens to the name.
    pub file: File,
    /// Octets in the file.
    pub length: u64,
    /// Its internal date: the file's time of change.
    pub date: DateTime,
}

/// What is known of a message's file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageStat {
    /// Octets in the file.
    pub length: u64,
    /// Its internal date.
    pub date: DateTime,
    /// Octets with every line end as CRLF: measured before, or what the file's name says. Good enough for
    /// SEARCH and STATUS, never for a literal.
    pub size_hint: Option<u64>,
}

impl Store {
    /// Opens a message.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if somebody else changed or removed it: do a [`Sync`](super::Sync), try once more.
    pub fn open_message(
        &mut self,
        view: &View,
        message: &MessageRef,
    ) -> Result<MessageFile, StoreError> {
        let _ = (view, message);
        Err(StoreError::Gone)
    }

    /// Looks at a message's file without opening it.
    ///
    /// # Errors
    /// As [`Self::open_message`].
    pub fn stat_message(
        &mut self,
        view: &View,
        message: &MessageRef,
    ) -> Result<MessageStat, StoreError> {
        let _ = (view, message);
        Err(StoreError::Gone)
    }

    /// RFC822.SIZE, if it was measured before ([`Self::remember_size`]).
    pub fn known_size(&self, view: &View, message: &MessageRef) -> Option<u64> {
        let _ = (view, message);
        None
    }

    /// Keeps a measured RFC822.SIZE, whoever asks for it next.
    pub fn remember_size(&mut self, view: &View, message: &MessageRef, size: u64) {
        let _ = (view, message, size);
    }
}
