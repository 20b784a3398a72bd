//! Reading and changing flags: one rename a message.
//!
//! The rename itself needs no lock. But a program that reads a directory of more entries than the
//! system returns at once may miss a file that is renamed in the meantime, and Dovecot gives a
//! message that it has missed a new UID when it turns up again. Dovecot reads with its lock held,
//! so that lock is taken if possible, for all changes of one step ([`FlagLock`]). If another
//! program does not release it, flags are changed all the same.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use crate::budget::{Budget, COST_OPEN, COST_SYSCALL, Step};
use crate::store::context::StoreContext;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::mailbox_keywords::{KeywordBits, UnflushedKeywords};
use crate::store::index::records::MAX_NAME;
use crate::store::index::view::View;
use crate::store::index::view_state::{Access, MessageRef};
use crate::store::maildir::filename;
use crate::store::maildir::files::rename_without_replacing;
use crate::store::maildir::lock::{LockOwner, MailboxLock};
use crate::store::maildir::subdir::Subdir;
use crate::store::sync::lock_wait::LockWait;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{FlagOperation, Flags, Keyword, KeywordSet};
use crate::{try_done, try_ready};

/// How soon the lock is tried again.
const RETRY: Duration = Duration::from_millis(5);
/// How long sessions wait for the lock before they change flags without it.
const PATIENCE: Duration = Duration::from_secs(2);
/// A session that waits after such a pause begins a new wait.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// A change of flags, with keywords as bits of the mailbox (see [`DefineKeywords`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlagChange {
    /// What to do with the flags below.
    pub(crate) operation: FlagOperation,
    /// System flags; `\Recent` is ignored.
    pub(crate) system: Flags,
    /// Keywords.
    pub(crate) keywords: KeywordSet,
}

impl FlagChange {
    /// Adds `\Seen`.
    pub(crate) const SEEN: Self = Self {
        operation: FlagOperation::Add,
        system: Flags::SEEN,
        keywords: KeywordSet::NONE,
    };

    /// Returns the flags after the change.
    fn apply(&self, system: Flags, keywords: KeywordSet) -> (Flags, KeywordSet) {
        let named = self.system.without(Flags::RECENT);
        match self.operation {
            FlagOperation::Replace => (named, self.keywords),
            FlagOperation::Add => (system.with(named), keywords.with(self.keywords)),
            FlagOperation::Remove => (system.without(named), keywords.without(self.keywords)),
        }
    }
}

/// The lock of a mailbox whose flags change, from the first change in a step of a job to the end of
/// the step: taking it costs several times as much as a rename. A step makes a value of its own and
/// drops it, so that nothing else ever waits for a job that does not run.
#[derive(Debug, Default)]
pub(crate) struct FlagLock {
    /// Whether this step has tried to take the lock. If it does not have it then, another program
    /// has had it for too long, and the step does without.
    is_tried: bool,
    _held: Option<MailboxLock>,
}

impl FlagLock {
    /// Releases the lock before the end of the step, for work that may take it itself.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// Takes the lock, unless this step has tried that before. Other processes get a break.
    fn take(
        &mut self,
        mailbox: &mut Mailbox,
        owner: &LockOwner,
        budget: &mut Budget<'_>,
    ) -> Result<(), StoreError> {
        if !self.is_tried {
            let turn = &mut mailbox.flag_lock_turn;
            turn.take(budget.now()).map_err(StoreError::Busy)?;
            self._held = try_lock(mailbox, owner, budget)?;
            self.is_tried = true;
        }
        Ok(())
    }
}

impl Store {
    /// Returns a message's flags, with `\Recent` if the message is recent to this session.
    pub(crate) fn flags(&self, view: &View, message: &MessageRef) -> (Flags, KeywordSet) {
        let mailbox = self.mailbox(view.handle());
        let Some(index) = mailbox.index_of(message) else {
            return (Flags::NONE, KeywordSet::NONE);
        };
        let record = mailbox.records.record(index);
        let session = if view.has_recent(message.uid) {
            Flags::RECENT
        } else {
            Flags::NONE
        };
        (record.flags.with(session), record.keywords)
    }

    /// Changes a message's flags. Returns false if the flags were the same before. `lock` is that
    /// of this step, in which only flags of this mailbox change.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if another process has the lock: wait. [`StoreError::Unflushed`] before
    /// the first change, while the saved mod-sequences are removed. [`StoreError::Gone`] if another
    /// program has renamed or removed the file: step a [`SyncMailbox`](crate::store::SyncMailbox),
    /// then try once more.
    pub(crate) fn change_flags(
        &mut self,
        view: &View,
        message: &MessageRef,
        change: &FlagChange,
        lock: &mut FlagLock,
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
        mailbox.discard_saved_mod_sequences();
        match mailbox.flush_discarded_mod_sequences(context.flushes, budget) {
            Step::Done(flushed) => flushed.map_err(StoreError::io("changing flags"))?,
            Step::Yield(_) => return Err(StoreError::Unflushed),
        }
        lock.take(mailbox, context.owner, budget)?;
        mailbox.mod_sequences.set_clock(budget.now(), budget.wall());
        budget.spend(COST_SYSCALL);
        rename_for(mailbox, index, flags, keywords)?;
        mailbox.note_flags(index, flags, keywords, Some(view.state()));
        Ok(true)
    }

    /// Returns the number of the first message without `\Seen`.
    pub(crate) fn first_unseen(&self, view: &View) -> Option<u32> {
        let mailbox = self.mailbox(view.handle());
        let index = unseen(mailbox, view).next()?;
        Some(mailbox.records.number_of(index, view.expunges_announced()))
    }

    /// Returns the number of messages without `\Seen`.
    pub(crate) fn count_unseen(&self, view: &View) -> u32 {
        unseen(self.mailbox(view.handle()), view).count() as u32
    }

    /// Returns the number of messages with `\Deleted`.
    pub(crate) fn count_deleted(&self, view: &View) -> u32 {
        let deleted = |flags: Flags| flags.contains(Flags::DELETED);
        with_flags(self.mailbox(view.handle()), view, deleted).count() as u32
    }
}

/// Returns the indexes of the messages without `\Seen` that the view counts.
fn unseen<'m>(mailbox: &'m Mailbox, view: &View) -> impl Iterator<Item = usize> + use<'m> {
    with_flags(mailbox, view, |flags| !flags.contains(Flags::SEEN))
}

/// Returns the indexes of the messages that the view counts and whose flags are `wanted`.
fn with_flags<'m, F: Fn(Flags) -> bool>(
    mailbox: &'m Mailbox,
    view: &View,
    are_wanted: F,
) -> impl Iterator<Item = usize> + use<'m, F> {
    let (announced, last_uid) = (view.expunges_announced(), view.last_uid());
    let published = mailbox.records.published().iter().enumerate();
    published
        .take_while(move |(_, record)| record.uid <= last_uid)
        .filter(move |(index, record)| {
            are_wanted(record.flags) && mailbox.records.counts(*index, announced)
        })
        .map(|(index, _)| index)
}

/// Takes the lock. Returns `None`, to go on without it, if it was not available for long enough.
fn try_lock(
    mailbox: &mut Mailbox,
    owner: &LockOwner,
    budget: &mut Budget<'_>,
) -> Result<Option<MailboxLock>, StoreError> {
    let (now, dir) = (budget.now(), mailbox.dir().to_path_buf());
    budget.spend(COST_OPEN);
    let times = (now, budget.wall());
    match MailboxLock::try_acquire(&dir, owner, &mut mailbox.foreign_lock, times) {
        Ok(None) if may_wait(mailbox, now) => {
            mailbox.lock_is_wanted = true;
            Err(StoreError::Busy(now + RETRY))
        }
        Ok(Some(lock)) => {
            mailbox.flag_lock_waits_since = None;
            Ok(Some(lock))
        }
        Ok(None) => Ok(None),
        Err(error) => {
            log::debug!(
                "{}: changing flags without the lock: {error}",
                dir.display()
            );
            Ok(None)
        }
    }
}

fn may_wait(mailbox: &mut Mailbox, now: Instant) -> bool {
    let is_forgotten = |since: &Instant| now.saturating_duration_since(*since) > FORGOTTEN;
    let waits_since = &mut mailbox.flag_lock_waits_since;
    *waits_since = waits_since.filter(|since| !is_forgotten(since));
    let since = *waits_since.get_or_insert(now);
    now.saturating_duration_since(since) < PATIENCE
}

/// Renames a message's file so that its name shows these flags.
fn rename_for(
    mailbox: &mut Mailbox,
    index: usize,
    flags: Flags,
    keywords: KeywordSet,
) -> Result<(), StoreError> {
    let mut name = Vec::with_capacity(MAX_NAME);
    filename::with_flags(mailbox.records.name(index), flags, keywords, &mut name);
    if name.len() > MAX_NAME {
        return Err(StoreError::Limit("the message has no room for more flags"));
    }
    let target = Subdir::Cur.file(mailbox.dir(), &name);
    match rename_without_replacing(&mailbox.path(index), &target) {
        Ok(()) => {
            mailbox.renamed(index, Subdir::Cur, &name);
            Ok(())
        }
        Err(error) => {
            use io::ErrorKind::{AlreadyExists, NotFound};
            if matches!(error.kind(), NotFound | AlreadyExists) {
                mailbox.request_check();
                return Err(StoreError::Gone);
            }
            Err(StoreError::from_io("changing flags", error))
        }
    }
}

/// Gives letters to keywords that a mailbox does not have yet.
#[derive(Debug)]
pub(crate) struct DefineKeywords {
    handle: MailboxHandle,
    names: Vec<Keyword>,
    lock_wait: LockWait,
    /// The names while they are being flushed, and the lock.
    unflushed: Option<(UnflushedKeywords, MailboxLock)>,
}

impl DefineKeywords {
    pub(crate) fn new(handle: MailboxHandle, names: Vec<Keyword>) -> Self {
        Self {
            handle,
            names,
            lock_wait: LockWait::default(),
            unflushed: None,
        }
    }

    /// Steps the job until it is done. Ends with the bits of all the names. Takes no lock if the
    /// mailbox has them already.
    ///
    /// # Errors
    /// [`StoreError::Limit`] if the mailbox would have more than 26 keywords: then none of the
    /// names is defined.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<KeywordSet, StoreError>> {
        let (mailbox, context) = store.parts(&self.handle);
        if self.unflushed.is_none() {
            if let Some(known) = known(mailbox, &self.names) {
                return Step::Done(Ok(known));
            }
            let lock = try_ready!(self.lock_wait.step(mailbox, context.owner, budget));
            budget.spend(COST_OPEN);
            match try_done!(begin(mailbox, &self.names, &context, budget.wall())) {
                Ok(unflushed) => self.unflushed = Some((unflushed, lock)),
                Err(known) => return Step::Done(Ok(known)),
            }
        }
        if let Some((unflushed, _lock)) = &mut self.unflushed {
            try_ready!(mailbox.finish_keywords(unflushed, budget));
            self.unflushed = None;
        }
        Step::Done(known(mailbox, &self.names).ok_or(StoreError::InUse))
    }
}

/// Begins to write the names, under the lock, or returns their bits if the mailbox has them.
fn begin(
    mailbox: &mut Mailbox,
    names: &[Keyword],
    context: &StoreContext<'_>,
    wall: SystemTime,
) -> Result<Result<UnflushedKeywords, KeywordSet>, StoreError> {
    mailbox.read_keywords()?;
    if !mailbox.keywords().has_room_for(names) {
        let limit = "the mailbox cannot have more than 26 keywords";
        return Err(StoreError::Limit(limit));
    }
    Ok(match mailbox.define_keywords(names)? {
        KeywordBits::Known(known) => Err(known),
        KeywordBits::New(table) => Ok(mailbox.begin_keywords(table, wall, context.flushes)?),
    })
}

fn known(mailbox: &Mailbox, names: &[Keyword]) -> Option<KeywordSet> {
    let mut indexes = names.iter().map(|name| mailbox.keywords().index_of(name));
    indexes.try_fold(KeywordSet::NONE, |set, index| {
        Some(set.with(KeywordSet::of(index?)))
    })
}
