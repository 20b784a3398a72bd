//! Copying messages to another mailbox: hard links, all messages or none.
//!
//! A message file never changes, so a copy is another link to it, with flags of its own in a name
//! of its own and, because the file is the same, the same date. Where no link can be made, or where
//! the file belongs to another user, the octets are copied. The base name stays if possible,
//! because other programs know the message by it. It cannot stay if it is, or ever was, in use in
//! the destination: programs would take the copy for the message that had the name.
//!
//! Each stage pays for each message. If the job fails, it removes its files step by step before it
//! ends; if its session ends, the store does that ([`abandoned`](crate::store::abandoned)).

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::deliver::{Delivery, ReadyFile, ReadyFiles, TemporaryFile};
use super::octet_copy::OctetCopy;
use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::ready;
use crate::store::abandoned::{AbandonedWork, Lasting};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::view::View;
use crate::store::maildir::files::{create_new, creation_mode};
use crate::store::maildir::{filename, layout};
use crate::store::sync::find_used_names::FindUsedNames;
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{Flags, Keyword, NumberSet, Uid, memory};

/// How many times in a row a file may have been renamed by other programs before the copy fails.
const MOST_TRIES: u32 = 3;
/// Octets of memory for octets that are copied.
const COPY_BUFFER: usize = 64 * 1024;
/// Looking for a name in a hash table takes as long as visiting this many records.
const RECORDS_PER_NAME: usize = 16;

/// Copies messages.
#[derive(Debug)]
pub(crate) struct CopyMessages {
    source: MailboxHandle,
    /// The messages to copy.
    uids: NumberSet,
    /// UID of the last message copied to `tmp/`.
    last_uid: u32,
    destination: MailboxHandle,
    stage: CopyStage,
    /// How many times in a row the next file was not where it should be.
    tries: u32,
    /// UIDs in the source of the messages in `ready`.
    copied: Vec<Uid>,
    /// The copies in the destination's `tmp/`.
    ready: Lasting<Store, ReadyFiles>,
}

/// The numbers in the stages are indexes of [`CopyMessages::ready`]: the next copy to work on.
#[derive(Debug)]
enum CopyStage {
    /// Loads the destination.
    Load(SyncMailbox),
    /// Links the next message to a name in `tmp/`.
    Link,
    /// Copies the octets of a message that cannot be linked.
    CopyOctets(Box<(OctetCopy, CopiedFile)>),
    /// Syncs the source, because a file was not where it should be.
    Resync(SyncMailbox),
    /// Gives new base names to the copies whose base names are in use, or were as far as is known.
    RenameUsed(Option<Box<FindUsedNames>>, usize),
    /// Collects the base names of the copies.
    CollectNames(Box<FindUsedNames>, usize),
    /// Finds out which of them were in use before.
    FindNames(Box<FindUsedNames>),
    Deliver(Lasting<Store, Delivery>),
    /// Removes the copies from `tmp/` because of this error.
    Undo(StoreError),
}

/// A copy of a message in `tmp/`.
#[derive(Debug)]
struct CopiedFile {
    /// UID of the message in the source.
    uid: Uid,
    ready: ReadyFile,
}

impl CopyMessages {
    /// Copies the messages with these UIDs that the view counts.
    pub(crate) fn new(source: &View, uids: NumberSet, destination: MailboxHandle) -> Self {
        let counted = uids
            .ranges()
            .iter()
            .map(|&(low, high)| (low, high.min(source.last_uid())));
        Self::of_uids(
            source.handle().clone(),
            counted.filter(|(low, high)| low <= high).collect(),
            destination,
        )
    }

    /// Copies the messages with these UIDs.
    pub(super) fn of_uids(
        source: MailboxHandle,
        uids: NumberSet,
        destination: MailboxHandle,
    ) -> Self {
        Self {
            stage: CopyStage::Load(SyncMailbox::to_grow(destination.clone())),
            source,
            uids,
            last_uid: 0,
            destination,
            tries: 0,
            copied: Vec::new(),
            ready: Lasting::new(ReadyFiles::default()),
        }
    }

    /// True if the copies are on disk, so that they stay even if the session ends.
    pub(crate) fn is_committed(&self) -> bool {
        match &self.stage {
            CopyStage::Deliver(delivery) => delivery.work().is_committed(),
            _ => false,
        }
    }

    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        let stage = match &self.stage {
            CopyStage::CopyOctets(_) => COPY_BUFFER,
            CopyStage::CollectNames(finding, _) | CopyStage::FindNames(finding) => finding.memory(),
            CopyStage::RenameUsed(finding, _) => finding.as_ref().map_or(0, |names| names.memory()),
            CopyStage::Deliver(delivery) => delivery.work().memory(),
            CopyStage::Load(sync) | CopyStage::Resync(sync) => sync.memory(),
            CopyStage::Link | CopyStage::Undo(_) => 0,
        };
        // At the end each UID becomes a pair.
        let copied = 3 * memory::of_list(&self.copied);
        self.uids.memory() + copied + self.ready.work().memory() + stage
    }

    /// Steps the job until it is done. Ends with the UIDs in the source and in the destination,
    /// pair by pair.
    ///
    /// # Errors
    /// No message was copied.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<Vec<(Uid, Uid)>, StoreError>> {
        loop {
            let next = match &mut self.stage {
                CopyStage::Load(_) if store.mailbox(&self.destination).sync_state.loaded => {
                    self.begin(store)
                }
                CopyStage::Load(sync) => {
                    ready!(sync.step(store, budget)).and_then(|()| self.begin(store))
                }
                CopyStage::Resync(sync) => {
                    ready!(sync.step(store, budget)).map(|()| CopyStage::Link)
                }
                CopyStage::Link => self.link_next(store, budget),
                CopyStage::CopyOctets(copy) => {
                    ready!(copy.0.step(&store.flushes, budget)).map(|()| self.octets_copied(store))
                }
                CopyStage::CollectNames(..) => Ok(self.collect_names(store, budget)),
                CopyStage::FindNames(finding) => {
                    let mailbox = store.mailbox(&self.destination);
                    let found = ready!(finding.step(mailbox, budget));
                    found.map(|()| self.found_names())
                }
                CopyStage::RenameUsed(..) => Ok(self.rename_used(store, budget)),
                CopyStage::Deliver(delivery) => {
                    let delivery = delivery.get(&store.abandoned);
                    let uids = ready!(delivery.step(store, budget));
                    let copied = std::mem::take(&mut self.copied);
                    return Step::Done(uids.map(|uids| copied.into_iter().zip(uids).collect()));
                }
                CopyStage::Undo(_) => {
                    ready!(self.ready.get(&store.abandoned).clean_up(store, budget));
                    let undone = std::mem::replace(&mut self.stage, CopyStage::Link);
                    return Step::Done(Err(match undone {
                        CopyStage::Undo(error) => error,
                        _ => StoreError::Gone,
                    }));
                }
            };
            match next {
                Ok(next) => self.stage = next,
                Err(error) => self.stage = CopyStage::Undo(error),
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Fails if the destination must not be written to, before anything is put into it.
    fn begin(&self, store: &Store) -> Result<CopyStage, StoreError> {
        if store.mailbox(&self.destination).is_writable() {
            Ok(CopyStage::Link)
        } else {
            Err(StoreError::ReadOnly)
        }
    }

    /// Links the next message to a name in the destination's `tmp/`.
    fn link_next(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<CopyStage, StoreError> {
        let source = store.mailbox(&self.source);
        if source.is_invalid() {
            return Err(StoreError::Invalidated);
        }
        let Some(index) = self.next_index(source) else {
            return Ok(CopyStage::RenameUsed(None, 0));
        };
        let original = Original::of(source, index)?;
        budget.spend(2 * COST_OPEN);
        let (destination, context) = store.parts(&self.destination);
        let unique = context.names.next(budget.wall());
        let path = destination.dir().join(layout::TMP).join(unique);
        let (start, file) = match begin_copy(&original.path, path) {
            Ok(begun) => begun,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.tries < MOST_TRIES => {
                self.tries += 1;
                store.mailbox_mut(&self.source).request_check();
                return Ok(CopyStage::Resync(SyncMailbox::new(self.source.clone())));
            }
            Err(error) => return Err(StoreError::from_io("copying a message", error)),
        };
        self.tries = 0;
        let copied = original.copied_to(file);
        match start {
            CopyStart::Linked => {
                self.keep(copied, store);
                Ok(CopyStage::Link)
            }
            CopyStart::Opened(from, to, status) => {
                let copy = OctetCopy::new(from, to, status);
                Ok(CopyStage::CopyOctets(Box::new((copy, copied))))
            }
        }
    }

    fn next_index(&self, source: &Mailbox) -> Option<usize> {
        let mut index = source
            .records
            .find_uid(self.last_uid + 1)
            .unwrap_or_else(|next| next);
        loop {
            let uid = source.records.published().get(index)?.uid;
            let wanted = self.uids.next_from(uid)?;
            if wanted == uid {
                return Some(index);
            }
            index = source.records.find_uid(wanted).unwrap_or_else(|next| next);
        }
    }

    fn keep(&mut self, copied: CopiedFile, store: &Store) {
        self.last_uid = copied.uid.get();
        self.copied.push(copied.uid);
        self.ready.get(&store.abandoned).push(copied.ready);
    }

    fn octets_copied(&mut self, store: &Store) -> CopyStage {
        if let CopyStage::CopyOctets(copy) = std::mem::replace(&mut self.stage, CopyStage::Link) {
            self.keep(copy.1, store);
        }
        CopyStage::Link
    }

    fn collect_names(&mut self, store: &Store, budget: &mut Budget<'_>) -> CopyStage {
        let begun = std::mem::replace(&mut self.stage, CopyStage::Link);
        let CopyStage::CollectNames(mut finding, from) = begun else {
            return begun;
        };
        let ready = self.ready.get(&store.abandoned).files();
        for (at, copy) in (from..).zip(&ready[from..]) {
            if budget.is_spent() {
                return CopyStage::CollectNames(finding, at);
            }
            budget.spend_records(RECORDS_PER_NAME);
            finding.want(filename::base(&copy.name));
        }
        CopyStage::FindNames(finding)
    }

    fn found_names(&mut self) -> CopyStage {
        match std::mem::replace(&mut self.stage, CopyStage::Link) {
            CopyStage::FindNames(finding) => CopyStage::RenameUsed(Some(finding), 0),
            stage => stage,
        }
    }

    /// All messages are in `tmp/`. Gives new base names to those whose base names messages have, or
    /// stale lines of the uid list. Looks at the messages first: those that are expunged meanwhile
    /// have stale lines then.
    fn rename_used(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> CopyStage {
        let begun = std::mem::replace(&mut self.stage, CopyStage::Link);
        let CopyStage::RenameUsed(finding, from) = begun else {
            return begun;
        };
        let ready = self.ready.get(&store.abandoned).files_mut();
        let (mailbox, context) = store.parts(&self.destination);
        for (at, copy) in (from..).zip(&mut ready[from..]) {
            if budget.is_spent() {
                return CopyStage::RenameUsed(finding, at);
            }
            budget.spend_records(RECORDS_PER_NAME);
            let base = filename::base(&copy.name);
            let was_used = finding.as_ref().is_some_and(|found| found.has_found(base));
            if was_used || mailbox.records.find(base).is_some() {
                copy.rename(context.names, budget.wall());
            }
        }
        let begun = || FindUsedNames::begin(mailbox, ready.len());
        match finding.map_or_else(begun, |_| None) {
            Some(finding) => CopyStage::CollectNames(Box::new(finding), 0),
            None => self.deliver(store),
        }
    }

    fn deliver(&mut self, store: &Store) -> CopyStage {
        let ready = self.ready.get(&store.abandoned);
        let mailbox = store.mailbox(&self.destination);
        let delivery = Delivery::new(self.destination.clone(), mailbox, ready);
        CopyStage::Deliver(Lasting::new(delivery))
    }
}

fn keyword_names(mailbox: &Mailbox, index: usize) -> Vec<Keyword> {
    let set = mailbox.records.record(index).keywords;
    set.iter()
        .filter_map(|bit| mailbox.keywords().get(bit).cloned())
        .collect()
}

/// What the copy of a message takes over from the original.
struct Original {
    uid: Uid,
    path: PathBuf,
    name: Vec<u8>,
    flags: Flags,
    keywords: Vec<Keyword>,
}

impl Original {
    fn of(source: &Mailbox, index: usize) -> Result<Self, StoreError> {
        let record = source.records.record(index);
        let uid = Uid::new(record.uid)
            .filter(|_| !record.is_expunged())
            .ok_or(StoreError::Gone)?;
        Ok(Self {
            uid,
            path: source.path(index),
            name: source.records.name(index).to_vec(),
            flags: record.flags,
            keywords: keyword_names(source, index),
        })
    }

    fn copied_to(self, file: TemporaryFile) -> CopiedFile {
        CopiedFile {
            uid: self.uid,
            ready: ReadyFile {
                file,
                name: self.name,
                flags: self.flags,
                keywords: self.keywords,
            },
        }
    }
}

/// How the copy of a message begins.
enum CopyStart {
    /// The copy is a hard link, and complete.
    Linked,
    /// The original and the copy are open, to copy the octets.
    Opened(File, File, Metadata),
}

/// Links a message to a new name in `tmp/`, or opens both files if the octets have to be copied.
fn begin_copy(from: &Path, path: PathBuf) -> io::Result<(CopyStart, TemporaryFile)> {
    let status = fs::symlink_metadata(from)?;
    let is_ours = status.is_file() && status.uid() == rustix::process::geteuid().as_raw();
    if is_ours {
        match fs::hard_link(from, &path) {
            Ok(()) => return Ok((CopyStart::Linked, TemporaryFile { path })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // Too many links, another file system, or a file system without links.
            Err(_) => {}
        }
    }
    let file = File::open(from)?;
    let status = file.metadata()?;
    if !status.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let to = create_new(&path, creation_mode(&path)?)?;
    Ok((CopyStart::Opened(file, to, status), TemporaryFile { path }))
}
