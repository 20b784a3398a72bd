//! Reading and changing flags: one rename a message.
//!
//! A rename needs no lock for its own sake. But whoever reads a directory of more entries than the
//! system hands over at once may miss a file that is renamed meanwhile, and Dovecot gives a message
//! that it has missed a new number when it turns up again. It reads with its lock held, so that is
//! taken for each change, if it is to be had: where somebody will not let go of it flags are
//! changed all the same.

use std::io;
use std::time::{Duration, Instant};

use crate::budget::{Budget, COST_OPEN, COST_SYNC, COST_SYSCALL, Step};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::MAX_NAME;
use crate::store::index::view::{Access, MessageRef, View};
use crate::store::maildir::directory::{Subdir, rename_onto_nothing};
use crate::store::maildir::filename;
use crate::store::maildir::lock::{MailboxLock, Owner};
use crate::store::sync::lock_wait::LockWait;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{FlagOperation, Flags, Keyword, KeywordSet};

/// How soon a lock is tried again.
const RETRY: Duration = Duration::from_millis(5);
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// After that time of silence a wait is another one.
const FORGOTTEN: Duration = Duration::from_secs(60);

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

impl FlagChange {
    /// The message was read.
    pub const SEEN: Self = Self {
        operation: FlagOperation::Add,
        system: Flags::SEEN,
        keywords: KeywordSet::NONE,
    };

    /// The flags that come of it.
    fn apply(&self, system: Flags, keywords: KeywordSet) -> (Flags, KeywordSet) {
        let named = self.system.without(Flags::RECENT);
        match self.operation {
            FlagOperation::Replace => (named, self.keywords),
            FlagOperation::Add => (system.with(named), keywords.with(self.keywords)),
            FlagOperation::Remove => (system.without(named), keywords.without(self.keywords)),
        }
    }
}

impl Store {
    /// A message's flags, `\Recent` among them if it is so to this session.
    pub fn flags(&self, view: &View, message: &MessageRef) -> (Flags, KeywordSet) {
        let mailbox = self.mailbox(view.handle());
        let Some(index) = mailbox.index_of(message) else {
            return (Flags::NONE, KeywordSet::NONE);
        };
        let record = mailbox.records.record(index);
        let is_recent = view.has_recent(message.uid);
        let session = if is_recent {
            Flags::RECENT
        } else {
            Flags::NONE
        };
        (record.flags.with(session), record.keywords)
    }

    /// Changes a message's flags. True if they were different before.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the lock is taken: wait. [`StoreError::Gone`] if somebody else
    /// changed or removed it: do a [`SyncMailbox`](crate::store::SyncMailbox), try once more.
    pub fn change_flags(
        &mut self,
        view: &View,
        message: &MessageRef,
        change: &FlagChange,
        budget: &mut Budget<'_>,
    ) -> Result<bool, StoreError> {
        let (mailbox, context) = self.parts(view.handle());
        if mailbox.is_invalid() {
            return Err(StoreError::Invalidated);
        }
        if view.access() == Access::ReadOnly || !mailbox.is_writable() {
            return Err(StoreError::ReadOnly);
        }
        let index = mailbox.index_of_existing(message).ok_or(StoreError::Gone)?;
        let record = mailbox.records.record(index);
        let before = (record.flags, record.keywords);
        let (flags, keywords) = change.apply(before.0, before.1);
        if (flags, keywords) == before {
            return Ok(false);
        }
        let _lock = mailbox.try_lock_for_flags(context.owner, budget)?;
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        budget.spend(COST_SYSCALL);
        mailbox.rename_for(index, flags, keywords)?;
        mailbox.note_flags(index, flags, keywords, Some(view.state()));
        Ok(true)
    }

    /// The number of the first message that is not seen.
    pub fn first_unseen(&self, view: &View) -> Option<u32> {
        let mailbox = self.mailbox(view.handle());
        let index = unseen(mailbox, view).next()?;
        Some(mailbox.records.number_of(index, view.expunges_announced()))
    }

    /// How many messages are not seen.
    pub fn count_unseen(&self, view: &View) -> u32 {
        unseen(self.mailbox(view.handle()), view).count() as u32
    }

    /// How many messages are to be removed by the next EXPUNGE.
    pub fn count_deleted(&self, view: &View) -> u32 {
        let deleted = |flags: Flags| flags.contains(Flags::DELETED);
        flagged(self.mailbox(view.handle()), view, deleted).count() as u32
    }
}

/// Indexes of the messages that the view counts and that are not seen.
fn unseen<'m>(mailbox: &'m Mailbox, view: &View) -> impl Iterator<Item = usize> + use<'m> {
    flagged(mailbox, view, |flags| !flags.contains(Flags::SEEN))
}

/// Indexes of the messages that the view counts and whose flags are such.
fn flagged<'m, F: Fn(Flags) -> bool>(
    mailbox: &'m Mailbox,
    view: &View,
    are_such: F,
) -> impl Iterator<Item = usize> + use<'m, F> {
    let (announced, last_uid) = (view.expunges_announced(), view.last_uid());
    let published = mailbox.records.published().iter().enumerate();
    published
        .take_while(move |(_, record)| record.uid <= last_uid)
        .filter(move |(index, record)| {
            are_such(record.flags) && mailbox.records.counts(*index, announced)
        })
        .map(|(index, _)| index)
}

impl Mailbox {
    /// Where the record of a message stands, gone or not.
    pub(crate) fn index_of(&self, message: &MessageRef) -> Option<usize> {
        self.records.find_message(message.uid.get(), message.number)
    }

    /// The same for one that is not known to be gone.
    pub(crate) fn index_of_existing(&self, message: &MessageRef) -> Option<usize> {
        let index = self.index_of(message)?;
        (!self.records.record(index).is_expunged()).then_some(index)
    }

    /// Takes the lock, or does without it if it was not to be had for long enough.
    fn try_lock_for_flags(
        &mut self,
        owner: &Owner,
        budget: &mut Budget<'_>,
    ) -> Result<Option<MailboxLock>, StoreError> {
        let (now, dir) = (budget.now(), self.dir().to_path_buf());
        budget.spend(COST_OPEN);
        match MailboxLock::try_acquire(&dir, owner, &mut self.foreign_lock, (now, budget.wall())) {
            Ok(None) if self.may_wait(now) => Err(StoreError::Busy(now + RETRY)),
            Ok(Some(lock)) => {
                self.flag_lock_waits_since = None;
                Ok(Some(lock))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                log::debug!("{}: flags change without the lock: {error}", dir.display());
                Ok(None)
            }
        }
    }

    fn may_wait(&mut self, now: Instant) -> bool {
        let forgotten = |since: &Instant| now.saturating_duration_since(*since) > FORGOTTEN;
        self.flag_lock_waits_since = self.flag_lock_waits_since.filter(|since| !forgotten(since));
        let since = *self.flag_lock_waits_since.get_or_insert(now);
        now.saturating_duration_since(since) < PATIENCE
    }

    /// Renames a message's file so that its name tells these flags.
    fn rename_for(
        &mut self,
        index: usize,
        flags: Flags,
        keywords: KeywordSet,
    ) -> Result<(), StoreError> {
        let mut name = Vec::with_capacity(MAX_NAME);
        filename::with_flags(self.records.name(index), flags, keywords, &mut name);
        if name.len() > MAX_NAME {
            return Err(StoreError::Limit("the message has no room for more flags"));
        }
        match rename_onto_nothing(&self.path(index), &Subdir::Cur.file(self.dir(), &name)) {
            Ok(()) => {
                self.renamed(index, Subdir::Cur, &name);
                Ok(())
            }
            Err(error) => {
                use io::ErrorKind::{AlreadyExists, NotFound};
                if matches!(error.kind(), NotFound | AlreadyExists) {
                    self.request_check();
                    return Err(StoreError::Gone);
                }
                Err(StoreError::from_io("changing flags", error))
            }
        }
    }
}

/// Makes keywords known to a mailbox.
#[derive(Debug)]
pub(crate) struct DefineKeywords {
    handle: MailboxHandle,
    names: Vec<Keyword>,
    lock_wait: LockWait,
}

impl DefineKeywords {
    /// To be stepped until done.
    pub(crate) fn new(handle: MailboxHandle, names: Vec<Keyword>) -> Self {
        Self {
            handle,
            names,
            lock_wait: LockWait::default(),
        }
    }

    /// Ends with the bits of all the names. Takes no lock if they are known already.
    ///
    /// # Errors
    /// [`StoreError::Limit`] if the mailbox would have more than 26: none of the names is made
    /// known then.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<KeywordSet, StoreError>> {
        let (mailbox, context) = store.parts(&self.handle);
        if let Some(known) = known(mailbox, &self.names) {
            return Step::Done(Ok(known));
        }
        let locked = ready!(self.lock_wait.step(mailbox, context.owner, budget));
        budget.spend(COST_SYNC);
        Step::Done(locked.and_then(|_lock| {
            mailbox.read_keywords()?;
            if !mailbox.keywords().has_room_for(&self.names) {
                let limit = "the mailbox cannot have more than 26 keywords";
                return Err(StoreError::Limit(limit));
            }
            mailbox.define(&self.names, budget)
        }))
    }
}

fn known(mailbox: &Mailbox, names: &[Keyword]) -> Option<KeywordSet> {
    let mut indexes = names.iter().map(|name| mailbox.keywords().index_of(name));
    indexes.try_fold(KeywordSet::NONE, |set, index| {
        Some(set.with(KeywordSet::of(index?)))
    })
}

impl Mailbox {
    /// The bits of these keywords, new ones being written down as far as there is room. The mailbox
    /// is locked.
    pub(crate) fn define(
        &mut self,
        names: &[Keyword],
        budget: &Budget<'_>,
    ) -> Result<KeywordSet, StoreError> {
        self.read_keywords()?;
        let mut table = self.keywords().clone();
        let indexes = names.iter().filter_map(|name| table.define(name));
        let set = indexes.fold(KeywordSet::NONE, |set, index| {
            set.with(KeywordSet::of(index))
        });
        if table != *self.keywords() {
            self.write_keywords(table, budget.wall())?;
        }
        Ok(set)
    }
}
