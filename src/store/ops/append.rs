//! Delivering messages: written to `tmp/` as they arrive, flushed, and moved to their place under
//! the lock, all or none.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use super::deliver::{Delivery, ReadyFile, ReadyFiles, TemporaryFile};
use super::line_ends::LineEndConverter;
use crate::budget::{Budget, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::abandoned::{AbandonedWork, Lasting};
use crate::store::flush::{Flush, FlushTarget, poll_all};
use crate::store::maildir::files::{create_new, creation_mode};
use crate::store::maildir::{filename, layout};
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{DateTime, FlagList, Flags, NumberSet, UidValidity, memory};

/// Octets collected before they are written.
const BUFFER: usize = 64 * 1024;
/// Messages of one APPEND that may be on their way to the disk while the next is received. Each has
/// an open descriptor.
const UNFLUSHED: usize = 8;

/// Messages on their way into a mailbox, which become visible together. If the job is dropped
/// before it is done, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct AppendMessages {
    handle: MailboxHandle,
    /// The message that is being received.
    message: Option<IncomingMessage>,
    /// The messages before it, flushed to disk or on their way there.
    ready: Lasting<Store, ReadyFiles>,
    /// The flushes of their files that are not done yet.
    flushes: Vec<Flush>,
    stage: AppendStage,
}

#[derive(Debug)]
struct IncomingMessage {
    file: File,
    temporary: TemporaryFile,
    unique: String,
    flags: FlagList,
    date: Option<DateTime>,
    text: LineEndConverter,
}

#[derive(Debug)]
enum AppendStage {
    /// Waits until all files are flushed.
    Flush,
    Load(SyncMailbox),
    Deliver(Lasting<Store, Delivery>),
    /// Removes the messages from `tmp/` because of this error.
    Undo(StoreError),
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
            ready: Lasting::new(ReadyFiles::default()),
            flushes: Vec::new(),
            stage: AppendStage::Flush,
        })
    }

    /// Ends the present message and submits its flush, and starts another one that is delivered
    /// together with it. Called when [`Self::poll_room`] is done.
    ///
    /// # Errors
    /// A file cannot be written or created; then all messages are lost.
    pub(crate) fn another(
        &mut self,
        store: &mut Store,
        flags: FlagList,
        date: Option<DateTime>,
        wall: SystemTime,
    ) -> Result<(), StoreError> {
        self.finish_message(store)?;
        self.message = Some(IncomingMessage::begin(
            store,
            &self.handle,
            flags,
            date,
            wall,
        )?);
        Ok(())
    }

    /// Waits until only few of the messages before are not flushed yet, so that a client that sends
    /// faster than the disk writes does not take all descriptors.
    ///
    /// # Errors
    /// A flush has failed; then all messages are lost.
    pub(crate) fn poll_room(&mut self, budget: &mut Budget<'_>) -> Step<Result<(), StoreError>> {
        while self.flushes.len() >= UNFLUSHED {
            if let Err(error) = ready!(self.flushes[0].poll(budget)) {
                return Step::Done(Err(StoreError::from_io("delivering a message", error)));
            }
            self.flushes.remove(0);
        }
        Step::Done(Ok(()))
    }

    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        let message = self.message.as_ref();
        let stage = match &self.stage {
            AppendStage::Deliver(delivery) => delivery.work().memory(),
            AppendStage::Load(sync) => sync.memory(),
            AppendStage::Flush | AppendStage::Undo(_) => 0,
        };
        message.map_or(0, IncomingMessage::memory) + self.ready.work().memory() + stage
    }

    /// True if the messages are on disk, so that they stay even if the session ends.
    pub(crate) fn is_committed(&self) -> bool {
        match &self.stage {
            AppendStage::Deliver(delivery) => delivery.work().is_committed(),
            AppendStage::Flush | AppendStage::Load(_) | AppendStage::Undo(_) => false,
        }
    }

    /// Returns the number of messages, including the one that is being received.
    pub(crate) fn count(&self) -> usize {
        self.ready.work().files().len() + usize::from(self.message.is_some())
    }

    /// Adds octets to the message, as the client sent them.
    ///
    /// # Errors
    /// The disk is full or fails; then all messages are lost.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.message {
            Some(message) => message.write(bytes),
            None => Ok(()),
        }
    }

    fn finish_message(&mut self, store: &Store) -> Result<(), StoreError> {
        if let Some(message) = self.message.take() {
            let (ready, target) = message.finish()?;
            self.ready.get(&store.abandoned).push(ready);
            self.flushes.push(store.flushes.submit(target));
        }
        Ok(())
    }

    /// Steps the delivery until it is done. Called once all messages are written. Ends when the
    /// messages are safe on disk, with the UIDVALIDITY and their UIDs, in their order.
    ///
    /// # Errors
    /// No message was delivered.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(UidValidity, NumberSet), StoreError>> {
        loop {
            match &mut self.stage {
                AppendStage::Flush => {
                    if let Err(error) = self.finish_message(store) {
                        self.stage = AppendStage::Undo(error);
                        continue;
                    }
                    if let Err(error) = ready!(poll_all(&mut self.flushes, budget)) {
                        let error = StoreError::from_io("delivering a message", error);
                        self.stage = AppendStage::Undo(error);
                        continue;
                    }
                    self.stage = AppendStage::Load(SyncMailbox::to_grow(self.handle.clone()));
                    budget.spend(COST_SYSCALL);
                    if budget.is_spent() {
                        return Step::Yield(Why::Budget);
                    }
                }
                AppendStage::Load(sync) => {
                    if !store.mailbox(&self.handle).sync_state.loaded {
                        if let Err(error) = ready!(sync.step(store, budget)) {
                            self.stage = AppendStage::Undo(error);
                            continue;
                        }
                    }
                    let ready = self.ready.get(&store.abandoned);
                    let mailbox = store.mailbox(&self.handle);
                    let delivery = Delivery::new(self.handle.clone(), mailbox, ready);
                    self.stage = AppendStage::Deliver(Lasting::new(delivery));
                }
                AppendStage::Deliver(delivery) => {
                    let delivery = delivery.get(&store.abandoned);
                    let delivered = ready!(delivery.step(store, budget));
                    let validity = store.mailbox(&self.handle).uid_validity();
                    return Step::Done(delivered.map(|uids| {
                        let uids = uids.iter().map(|uid| (uid.get(), uid.get()));
                        (validity, uids.collect())
                    }));
                }
                AppendStage::Undo(_) => {
                    ready!(self.ready.get(&store.abandoned).clean_up(store, budget));
                    let undone = std::mem::replace(&mut self.stage, AppendStage::Flush);
                    return Step::Done(Err(match undone {
                        AppendStage::Undo(error) => error,
                        _ => StoreError::Gone,
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
            text: LineEndConverter::default(),
        })
    }

    fn memory(&self) -> usize {
        let path = self.temporary.path.as_os_str().len();
        let keywords = self.flags.keywords.iter();
        let keywords = keywords
            .map(|keyword| keyword.as_str().len())
            .sum::<usize>();
        let keywords = keywords + memory::of_list(&self.flags.keywords);
        self.text.buffer.capacity() + path + self.unique.capacity() + keywords
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

    /// Writes the rest of the message and its date. Returns what has to be flushed before the
    /// message may be delivered.
    fn finish(mut self) -> Result<(ReadyFile, FlushTarget), StoreError> {
        self.text.end();
        self.write_out()?;
        let failed = StoreError::io("delivering a message");
        if let Some(time) = self.date.and_then(DateTime::system_time) {
            let times = FileTimes::new().set_accessed(time).set_modified(time);
            self.file.set_times(times).map_err(failed)?;
        }
        let name = filename::with_sizes(&self.unique, self.text.stored, self.text.on_the_wire);
        let ready = ReadyFile {
            file: self.temporary,
            name: name.into_bytes(),
            flags: self.flags.system.without(Flags::RECENT),
            keywords: self.flags.keywords,
        };
        Ok((ready, FlushTarget::file(Arc::new(self.file))))
    }
}
