//! Copying messages to another mailbox: hard links, all or none.
//!
//! A message file is never changed, so a copy is another link to it, with its own flags in its own
//! name and, because the file is the same, the same date. Where no link can be made, or where the
//! file belongs to somebody else, the octets are copied. The base name stays if it can: it is what
//! other programs know the message by. It cannot if it is, or ever was, in the destination: a name
//! that comes back would be taken for the message that had it.

use std::collections::HashSet;
use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::deliver::{Delivery, ReadyFile, TemporaryFile};
use crate::budget::{Budget, COST_OPEN, COST_READ_16K, COST_SYNC, Step, Why};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::view::View;
use crate::store::maildir::files::{create_new, creation_mode};
use crate::store::maildir::{filename, layout};
use crate::store::sync::sync_mailbox::SyncMailbox;
use crate::store::sync::uid_list::FindUsedNames;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{Keyword, NumberSet, Uid};

/// How often a file may have moved under us before the copy fails.
const MOST_TRIES: u32 = 3;
/// OctetCopy copied at a time.
const CHUNK: usize = 64 * 1024;

/// Copies messages of a view.
#[derive(Debug)]
pub(crate) struct CopyMessages {
    source: MailboxHandle,
    /// What is left to copy.
    uids: NumberSet,
    last_uid: u32,
    destination: MailboxHandle,
    stage: CopyStage,
    tries: u32,
    copied: Vec<Uid>,
    ready: Vec<ReadyFile>,
}

#[derive(Debug)]
enum CopyStage {
    Load(SyncMailbox),
    Take,
    Octets(Box<OctetCopy>),
    /// A file was not where it should be.
    Resync(SyncMailbox),
    Names(Box<FindUsedNames>),
    Deliver(Box<Delivery>),
}

/// A copy octet by octet that is going on.
#[derive(Debug)]
struct OctetCopy {
    from: File,
    to: File,
    status: Metadata,
    done: CopiedFile,
}

/// A message that was copied to `tmp/`.
#[derive(Debug)]
struct CopiedFile {
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
        Self::of(
            source.handle().clone(),
            counted.filter(|(low, high)| low <= high).collect(),
            destination,
        )
    }

    pub(crate) fn of(source: MailboxHandle, uids: NumberSet, destination: MailboxHandle) -> Self {
        Self {
            stage: CopyStage::Load(SyncMailbox::new(destination.clone())),
            source,
            uids,
            last_uid: 0,
            destination,
            tries: 0,
            copied: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// To be stepped until done. Ends with the UIDs in the source and in the destination, pair by
    /// pair.
    ///
    /// # Errors
    /// Nothing was copied.
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
                    ready!(sync.step(store, budget)).map(|()| CopyStage::Take)
                }
                CopyStage::Take => self.take(store, budget),
                CopyStage::Octets(octets) => match octets.copy_some(budget) {
                    Ok(false) => return Step::Yield(Why::Budget),
                    Ok(true) => Ok(self.octets_done()),
                    Err(error) => Err(error),
                },
                CopyStage::Names(finding) => {
                    let mailbox = store.mailbox(&self.destination);
                    let found = ready!(finding.step(mailbox, budget));
                    found.map(|listed| self.rename_those(&listed, store, budget))
                }
                CopyStage::Deliver(delivery) => {
                    let (mailbox, mut context) = store.parts(&self.destination);
                    let uids = ready!(delivery.step(mailbox, &mut context, budget));
                    let copied = std::mem::take(&mut self.copied);
                    return Step::Done(uids.map(|uids| copied.into_iter().zip(uids).collect()));
                }
            };
            match next {
                Ok(next) => self.stage = next,
                Err(error) => {
                    self.ready.clear();
                    return Step::Done(Err(error));
                }
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
    }

    /// Nothing is put into the destination, not even for a moment, if it must not be written to.
    fn begin(&self, store: &Store) -> Result<CopyStage, StoreError> {
        if store.mailbox(&self.destination).is_writable() {
            Ok(CopyStage::Take)
        } else {
            Err(StoreError::ReadOnly)
        }
    }

    /// Copies the next message to the destination's `tmp/`.
    fn take(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Result<CopyStage, StoreError> {
        let source = store.mailbox(&self.source);
        if source.is_invalid() {
            return Err(StoreError::Invalidated);
        }
        let Some(index) = self.next_index(source) else {
            return Ok(self.names(store));
        };
        let record = source.records.record(index);
        let uid = Uid::new(record.uid)
            .filter(|_| !record.is_expunged())
            .ok_or(StoreError::Gone)?;
        let from = source.path(index);
        let (name, flags) = (source.records.name(index).to_vec(), record.flags);
        let keywords = keyword_names(source, index);
        budget.spend(2 * COST_OPEN);
        let (destination, context) = store.parts(&self.destination);
        let unique = context.names.next(budget.wall());
        let path = destination.dir().join(layout::TMP).join(unique);
        let (begun, file) = match begin_copy(&from, path) {
            Ok(begun) => begun,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.tries < MOST_TRIES => {
                self.tries += 1;
                store.mailbox_mut(&self.source).request_check();
                return Ok(CopyStage::Resync(SyncMailbox::new(self.source.clone())));
            }
            Err(error) => return Err(StoreError::from_io("copying a message", error)),
        };
        self.tries = 0;
        let done = CopiedFile {
            uid,
            ready: ReadyFile {
                file,
                name,
                flags,
                keywords,
            },
        };
        match begun {
            CopyStart::Linked => {
                self.keep(done);
                Ok(CopyStage::Take)
            }
            CopyStart::Octets(from, to, status) => Ok(CopyStage::Octets(Box::new(OctetCopy {
                from,
                to,
                status,
                done,
            }))),
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

    fn keep(&mut self, taken: CopiedFile) {
        self.last_uid = taken.uid.get();
        self.copied.push(taken.uid);
        self.ready.push(taken.ready);
    }

    fn octets_done(&mut self) -> CopyStage {
        if let CopyStage::Octets(octets) = std::mem::replace(&mut self.stage, CopyStage::Take) {
            self.keep(octets.done);
        }
        CopyStage::Take
    }

    /// All are taken: which names must not be used?
    fn names(&self, store: &Store) -> CopyStage {
        let mailbox = store.mailbox(&self.destination);
        let bases = self
            .ready
            .iter()
            .map(|ready| filename::base(&ready.name).to_vec());
        CopyStage::Names(Box::new(FindUsedNames::new(mailbox, bases.collect())))
    }

    /// Gives fresh names to those whose base is taken, and hands all over to be delivered.
    fn rename_those(
        &mut self,
        listed: &HashSet<Vec<u8>>,
        store: &mut Store,
        budget: &Budget<'_>,
    ) -> CopyStage {
        let (mailbox, context) = store.parts(&self.destination);
        for ready in &mut self.ready {
            let base = filename::base(&ready.name);
            if listed.contains(base) || mailbox.records.find(base).is_some() {
                ready.rename(context.names, budget.wall());
            }
        }
        let ready = std::mem::take(&mut self.ready);
        CopyStage::Deliver(Box::new(Delivery::new(mailbox, ready)))
    }
}

fn keyword_names(mailbox: &Mailbox, index: usize) -> Vec<Keyword> {
    let set = mailbox.records.record(index).keywords;
    set.iter()
        .filter_map(|bit| mailbox.keywords().get(bit).cloned())
        .collect()
}

/// What came of the first try.
enum CopyStart {
    Linked,
    Octets(File, File, Metadata),
}

/// Links a message to a new name in `tmp/`, or opens both if it has to be copied octet by octet.
fn begin_copy(from: &Path, path: PathBuf) -> io::Result<(CopyStart, TemporaryFile)> {
    let status = fs::symlink_metadata(from)?;
    let is_ours = status.is_file() && status.uid() == rustix::process::geteuid().as_raw();
    if is_ours {
        match fs::hard_link(from, &path) {
            Ok(()) => return Ok((CopyStart::Linked, TemporaryFile { path })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // Too many links, another file system, or one without links.
            Err(_) => {}
        }
    }
    let file = File::open(from)?;
    let status = file.metadata()?;
    if !status.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let to = create_new(&path, creation_mode(&path)?)?;
    Ok((CopyStart::Octets(file, to, status), TemporaryFile { path }))
}

impl OctetCopy {
    /// True when all is copied and flushed.
    fn copy_some(&mut self, budget: &mut Budget<'_>) -> Result<bool, StoreError> {
        let failed = StoreError::io("copying a message");
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = self.from.read(&mut chunk).map_err(&failed)?;
            if length == 0 {
                break;
            }
            self.to.write_all(&chunk[..length]).map_err(&failed)?;
            budget.spend(COST_READ_16K * (CHUNK / 16384) as u32);
            if budget.is_spent() {
                return Ok(false);
            }
        }
        let date = self.status.modified().map_err(&failed)?;
        self.to
            .set_times(FileTimes::new().set_modified(date))
            .map_err(&failed)?;
        self.to.sync_all().map_err(failed)?;
        budget.spend(COST_SYNC);
        Ok(true)
    }
}
