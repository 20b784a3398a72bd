//! A message's file: opening it for reading, or asking for its size and date.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::Record;
use crate::store::index::view::View;
use crate::store::index::view_state::MessageRef;
use crate::store::maildir::filename;
use crate::store::{Store, StoreError};
use crate::types::DateTime;

/// A message's open file.
#[derive(Debug)]
pub(crate) struct MessageFile {
    /// The file, which stays readable whatever happens to its name.
    pub(crate) file: File,
    /// The same as the result of [`Store::stat_message`].
    pub(crate) status: MessageStat,
}

/// What is known of a message's file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageStat {
    /// Octets in the file.
    pub(crate) length: u64,
    /// The internal date: the modification time of the file.
    pub(crate) date: DateTime,
    /// Octets with every line end as CRLF, measured before or from the file's name. Good enough for
    /// SEARCH and STATUS, not for a literal.
    pub(crate) size_hint: Option<u64>,
}

impl Store {
    /// Opens a message.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if another program has renamed or removed the file: step a
    /// [`SyncMailbox`](crate::store::SyncMailbox), then try once more.
    pub(crate) fn open_message(
        &mut self,
        view: &View,
        message: &MessageRef,
    ) -> Result<MessageFile, StoreError> {
        let mailbox = self.mailbox_mut(view.handle());
        let index = mailbox.index_of_existing(message).ok_or(StoreError::Gone)?;
        // If the file is a pipe, opening it must not wait for the other end.
        let no_wait = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(no_wait)
            .open(mailbox.path(index));
        let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
        let (status, file) = opened.map_err(|error| mailbox.file_error(error))?;
        if !status.is_file() {
            return Err(StoreError::Refused("this message is not a file"));
        }
        let status = mailbox.stat(index, &status);
        Ok(MessageFile { file, status })
    }

    /// Returns size and date of a message's file without opening it.
    ///
    /// # Errors
    /// The same as those of [`Self::open_message`].
    pub(crate) fn stat_message(
        &mut self,
        view: &View,
        message: &MessageRef,
    ) -> Result<MessageStat, StoreError> {
        let mailbox = self.mailbox_mut(view.handle());
        let index = mailbox.index_of_existing(message).ok_or(StoreError::Gone)?;
        let status =
            fs::metadata(mailbox.path(index)).map_err(|error| mailbox.file_error(error))?;
        Ok(mailbox.stat(index, &status))
    }

    /// Returns the RFC822.SIZE, if it was measured before ([`Self::remember_size`]).
    pub(crate) fn known_size(&self, view: &View, message: &MessageRef) -> Option<u64> {
        let mailbox = self.mailbox(view.handle());
        let index = mailbox.index_of(message)?;
        measured(mailbox.records.record(index))
    }

    /// Returns the RFC822.SIZE, if it was measured before or the file's name holds it
    /// ([`MessageStat::size_hint`]).
    pub(crate) fn size_hint(&self, view: &View, message: &MessageRef) -> Option<u64> {
        let mailbox = self.mailbox(view.handle());
        mailbox.size_hint(mailbox.index_of(message)?)
    }

    /// Stores a measured RFC822.SIZE for later, unless it is more than 4 GiB.
    pub(crate) fn remember_size(&mut self, view: &View, message: &MessageRef, size: u64) {
        let mailbox = self.mailbox_mut(view.handle());
        if let Some(index) = mailbox.index_of(message) {
            let record = mailbox.records.record_mut(index);
            record.size = u32::try_from(size).unwrap_or(Record::UNKNOWN_SIZE);
        }
    }
}

impl Mailbox {
    fn stat(&self, index: usize, status: &Metadata) -> MessageStat {
        MessageStat {
            length: status.len(),
            date: DateTime {
                unix: status.mtime(),
            },
            size_hint: self.size_hint(index),
        }
    }

    fn size_hint(&self, index: usize) -> Option<u64> {
        let named = || filename::sizes(self.records.base(index)).1;
        measured(self.records.record(index)).or_else(named)
    }

    /// Classifies the error of a file that should exist, and requests a scan if it does not.
    fn file_error(&mut self, error: io::Error) -> StoreError {
        if error.kind() == io::ErrorKind::NotFound {
            self.request_check();
        }
        StoreError::from_io("reading a message", error)
    }
}

fn measured(record: &Record) -> Option<u64> {
    (record.size != Record::UNKNOWN_SIZE).then_some(u64::from(record.size))
}
