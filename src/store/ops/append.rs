//! Delivering messages: streamed to `tmp/`, flushed, and moved to their place under the lock, all
//! or none.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::time::SystemTime;

use super::deliver::{Delivery, ReadyFile, TemporaryFile};
use crate::budget::{Budget, COST_SYNC, Step, Why};
use crate::ready;
use crate::store::maildir::files::{create_new, creation_mode};
use crate::store::maildir::{filename, layout};
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{DateTime, FlagList, Flags, NumberSet, UidValidity};

/// Octets collected before they are written.
const BUFFER: usize = 64 * 1024;

/// Messages on their way into a mailbox, where they become visible together. Dropped before it is
/// done, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct AppendMessages {
    handle: MailboxHandle,
    /// The one that is being received.
    message: Option<IncomingMessage>,
    /// Those before it, flushed to disk.
    ready: Vec<ReadyFile>,
    stage: AppendStage,
}

#[derive(Debug)]
struct IncomingMessage {
    file: File,
    temporary: TemporaryFile,
    unique: String,
    flags: FlagList,
    date: Option<DateTime>,
    text: TextConverter,
}

#[derive(Debug)]
enum AppendStage {
    Flush,
    Load(SyncMailbox),
    Deliver(Box<Delivery>),
}

impl AppendMessages {
    /// Starts a message in the mailbox's `tmp/`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn begin(
        store: &mut Store,
        handle: &MailboxHandle,
        flags: FlagList,
        date: Option<DateTime>,
        wall: SystemTime,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            handle: handle.clone(),
            message: Some(IncomingMessage::begin(store, handle, flags, date, wall)?),
            ready: Vec::new(),
            stage: AppendStage::Flush,
        })
    }

    /// All of the message is written: flushes it to disk, and starts another one that is to be
    /// delivered with it.
    ///
    /// # Errors
    /// A file cannot be written or created; all messages are lost then.
    pub(crate) fn another(
        &mut self,
        store: &mut Store,
        flags: FlagList,
        date: Option<DateTime>,
        wall: SystemTime,
    ) -> Result<(), StoreError> {
        self.finish_message()?;
        self.message = Some(IncomingMessage::begin(
            store,
            &self.handle,
            flags,
            date,
            wall,
        )?);
        Ok(())
    }

    /// How many messages there are, with the one that is being received.
    pub(crate) fn count(&self) -> usize {
        self.ready.len() + usize::from(self.message.is_some())
    }

    /// Takes more of the message, as it came from the client.
    ///
    /// # Errors
    /// The disk is full or fails; all messages are lost then.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.message {
            Some(message) => message.write(bytes),
            None => Ok(()),
        }
    }

    fn finish_message(&mut self) -> Result<(), StoreError> {
        if let Some(message) = self.message.take() {
            self.ready.push(message.finish()?);
        }
        Ok(())
    }

    /// Once all is written: to be stepped until done. Then the messages are safe on disk, under
    /// those UIDs, in their order.
    ///
    /// # Errors
    /// Nothing was delivered.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(UidValidity, NumberSet), StoreError>> {
        loop {
            match &mut self.stage {
                AppendStage::Flush => {
                    if let Err(error) = self.finish_message() {
                        return Step::Done(Err(error));
                    }
                    self.stage = AppendStage::Load(SyncMailbox::new(self.handle.clone()));
                    budget.spend(COST_SYNC);
                    if budget.is_spent() {
                        return Step::Yield(Why::Budget);
                    }
                }
                AppendStage::Load(sync) => {
                    if !store.mailbox(&self.handle).sync_state.loaded {
                        if let Err(error) = ready!(sync.step(store, budget)) {
                            return Step::Done(Err(error));
                        }
                    }
                    let ready = std::mem::take(&mut self.ready);
                    let delivery = Delivery::new(store.mailbox(&self.handle), ready);
                    self.stage = AppendStage::Deliver(Box::new(delivery));
                }
                AppendStage::Deliver(delivery) => {
                    let (mailbox, mut context) = store.parts(&self.handle);
                    let delivered = ready!(delivery.step(mailbox, &mut context, budget));
                    let validity = mailbox.uid_validity();
                    return Step::Done(delivered.map(|uids| {
                        let uids = uids.iter().map(|uid| (uid.get(), uid.get()));
                        (validity, uids.collect())
                    }));
                }
            }
        }
    }
}

impl IncomingMessage {
    fn begin(
        store: &mut Store,
        handle: &MailboxHandle,
        flags: FlagList,
        date: Option<DateTime>,
        wall: SystemTime,
    ) -> Result<Self, StoreError> {
        let (mailbox, context) = store.parts(handle);
        if !mailbox.is_writable() {
            return Err(StoreError::ReadOnly);
        }
        let unique = context.names.next(wall);
        let path = mailbox.dir().join(layout::TMP).join(&unique);
        let created = creation_mode(&path).and_then(|mode| create_new(&path, mode));
        let file = created.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Invalidated,
            _ => StoreError::from_io("delivering a message", error),
        })?;
        Ok(Self {
            file,
            temporary: TemporaryFile { path },
            unique,
            flags,
            date,
            text: TextConverter::default(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.text.add(bytes);
        if self.text.buffer.len() >= BUFFER {
            self.write_out()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<(), StoreError> {
        let written = self.file.write_all(&self.text.buffer);
        self.text.buffer.clear();
        written.map_err(StoreError::io("delivering a message"))
    }

    /// Flushes it to disk, with its date, and closes the file.
    fn finish(mut self) -> Result<ReadyFile, StoreError> {
        self.text.end();
        self.write_out()?;
        let failed = StoreError::io("delivering a message");
        if let Some(time) = self.date.and_then(DateTime::system_time) {
            let times = FileTimes::new().set_accessed(time).set_modified(time);
            self.file.set_times(times).map_err(&failed)?;
        }
        self.file.sync_all().map_err(failed)?;
        let name = filename::with_sizes(&self.unique, self.text.stored, self.text.on_the_wire);
        Ok(ReadyFile {
            file: self.temporary,
            name: name.into_bytes(),
            flags: self.flags.system.without(Flags::RECENT),
            keywords: self.flags.keywords,
        })
    }
}

/// Turns CRLF into LF, as Maildirs have it, and counts octets in both forms.
#[derive(Debug, Default)]
struct TextConverter {
    buffer: Vec<u8>,
    /// A CR that may belong to the LF that comes next.
    has_cr: bool,
    /// The last octet was a CR, in the stored form.
    after_cr: bool,
    stored: u64,
    /// Each LF that has no CR before it counts as two.
    on_the_wire: u64,
}

impl TextConverter {
    fn add(&mut self, mut bytes: &[u8]) {
        while let Some(&first) = bytes.first() {
            if self.has_cr {
                self.has_cr = false;
                if first != b'\n' {
                    self.put(b"\r");
                }
            }
            let end = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
            self.put(&bytes[..end]);
            self.has_cr = end < bytes.len();
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.has_cr) {
            self.put(b"\r");
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else {
            return;
        };
        let bare = memchr::memchr_iter(b'\n', bytes).filter(|&at| {
            if at == 0 {
                !self.after_cr
            } else {
                bytes[at - 1] != b'\r'
            }
        });
        self.on_the_wire += bytes.len() as u64 + bare.count() as u64;
        self.stored += bytes.len() as u64;
        self.after_cr = last == b'\r';
        self.buffer.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(chunks: &[&[u8]]) -> (Vec<u8>, u64, u64) {
        let mut text = TextConverter::default();
        for chunk in chunks {
            text.add(chunk);
        }
        text.end();
        (text.buffer, text.stored, text.on_the_wire)
    }

    #[test]
    fn stores_line_feeds_and_counts_both_ways() {
        let cases: [(&[u8], &[u8], u64); 8] = [
            (b"", b"", 0),
            (b"a\r\nb\r\n", b"a\nb\n", 6),
            (b"a\nb", b"a\nb", 4),
            (b"\n", b"\n", 2),
            (b"a\rb\r", b"a\rb\r", 4),
            (b"a\r\r\nb", b"a\r\nb", 4),
            (b"\r\n\r\n", b"\n\n", 4),
            (b"\0\xff\r\n", b"\0\xff\n", 4),
        ];
        for (input, output, wire) in cases {
            let whole = stored(&[input]);
            assert_eq!(
                whole,
                (output.to_vec(), output.len() as u64, wire),
                "{input:?}"
            );
            let octets: Vec<&[u8]> = input.chunks(1).collect();
            assert_eq!(stored(&octets), whole, "byte by byte: {input:?}");
        }
    }
}
