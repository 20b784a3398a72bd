//! The only room that touches the file system: Maildirs as Dovecot keeps them.
//!
//! A [`Store`] holds every mailbox that is open or was so lately; a [`View`] is what one session
//! knows of one of them. Whatever takes long is a value to be stepped with a
//! [`Budget`](crate::budget::Budget):
//!
//! | to | step |
//! | --- | --- |
//! | hear what others did to the mailbox | [`SyncMailbox`] |
//! | deliver a message | [`AppendMessages`] |
//! | copy messages | [`CopyMessages`] |
//! | move messages | [`MoveMessages`] |
//! | remove the deleted ones | [`ExpungeMessages`] |
//! | make a keyword known | [`DefineKeywords`] |
//! | change the tree | [`DeleteMailbox`], [`RenameMailbox`], [`SubscribeMailbox`] |
//!
//! The order of a session's day: [`Store::open`], a [`SyncMailbox`], [`Store::view`]; then, for
//! each command, a `SyncMailbox`, the work, and [`Store::updates`] at the one place where message
//! numbers may move.

mod error;
mod index;
mod maildir;
mod ops;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use self::error::StoreError;
pub(crate) use self::index::cursor::Cursor;
pub(crate) use self::index::mailbox::Mailbox;
pub(crate) use self::index::view::{Access, MessageRef, Updates, View};
pub(crate) use self::maildir::layout;
#[cfg(test)]
pub(crate) use self::maildir::{filename, lock};
pub(crate) use self::ops::append::AppendMessages;
pub(crate) use self::ops::copy::CopyMessages;
pub(crate) use self::ops::expunge::ExpungeMessages;
pub(crate) use self::ops::flags::{DefineKeywords, FlagChange};
pub(crate) use self::ops::folders::{DeleteMailbox, RenameMailbox, SubscribeMailbox};
pub(crate) use self::ops::move_::{MoveMessages, MoveOutcome};
pub(crate) use self::ops::open::MessageStat;
pub(crate) use self::sync::sync_mailbox::SyncMailbox;

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::maildir::filename::UniqueNames;
use self::maildir::lock::Owner;
use self::maildir::uid_validity::UidValidities;
use self::ops::folders;
use self::sync::changes;
use self::sync::inotify::InotifyWatches;
use crate::types::MailboxRef;

/// How the store is to behave; the same for all mailboxes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Nothing is ever written, neither file nor lock.
    pub read_only: bool,
    /// Name of this host: part of file names, and told to Dovecot in locks.
    pub host: String,
    /// Number of this process, likewise.
    pub pid: u32,
    /// How many mailboxes that nobody has open are kept in memory.
    pub warm_mailboxes: usize,
    /// How many bytes they may have in all.
    pub warm_bytes: usize,
}

impl Settings {
    /// The ordinary settings for a process.
    pub fn new(host: impl Into<String>, pid: u32) -> Self {
        Self {
            read_only: false,
            host: host.into(),
            pid,
            warm_mailboxes: 64,
            warm_bytes: 16 << 20,
        }
    }
}

/// One user's trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's Maildir.
    pub root: PathBuf,
    /// The directory of bulletin boards, if there are any.
    pub bboards: Option<PathBuf>,
}

/// A hold on an open mailbox: as long as one is out, the mailbox stays in the store.
#[derive(Debug, Clone)]
pub struct MailboxHandle(Rc<Token>);

#[derive(Debug)]
struct Token {
    slot: usize,
}

impl PartialEq for MailboxHandle {
    /// Two handles are equal if they hold the same mailbox.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MailboxHandle {}

impl Hash for MailboxHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.slot.hash(state);
    }
}

#[derive(Debug)]
struct Slot {
    token: Rc<Token>,
    mailbox: Mailbox,
    /// When it was last opened, counted in opens.
    used: u64,
    /// Its state when [`Store::take_changed`] looked at it last.
    state: changes::MailboxVersion,
}

impl Slot {
    fn is_held(&self) -> bool {
        Rc::strong_count(&self.token) > 1
    }
}

/// All mailboxes of the process.
#[derive(Debug)]
pub struct Store {
    settings: Settings,
    owner: Owner,
    names: UniqueNames,
    validities: UidValidities,
    slots: Vec<Option<Slot>>,
    by_dir: HashMap<PathBuf, usize>,
    opens: u64,
    last_view_id: u32,
    inotify: Option<InotifyWatches>,
    /// Slots whose mailboxes may have changed since [`Store::take_changed`].
    touched: BTreeSet<usize>,
}

/// What jobs need of the store besides the mailbox they work on.
pub(crate) struct StoreContext<'s> {
    owner: &'s Owner,
    names: &'s mut UniqueNames,
    validities: &'s mut UidValidities,
}

impl Store {
    /// An empty store.
    pub fn new(settings: Settings) -> Self {
        Self {
            owner: Owner {
                pid: settings.pid,
                host: settings.host.clone(),
            },
            names: UniqueNames::new(&settings.host, settings.pid),
            validities: UidValidities::default(),
            slots: Vec::new(),
            by_dir: HashMap::new(),
            opens: 0,
            last_view_id: 0,
            inotify: None,
            touched: BTreeSet::new(),
            settings,
        }
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens a mailbox. What is in it is known once a [`SyncMailbox`] was done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub fn open(
        &mut self,
        account: &Account,
        name: &MailboxRef,
    ) -> Result<MailboxHandle, StoreError> {
        let (dir, root) = folders::locate(account, name, self.settings.read_only)?;
        self.opens += 1;
        if let Some(handle) = self.open_already(&dir) {
            return Ok(handle);
        }
        let mailbox = Mailbox::open(dir.clone(), root, self.settings.read_only)?;
        self.evict();
        let number = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        let token = Rc::new(Token { slot: number });
        let handle = MailboxHandle(token.clone());
        let slot = Some(Slot {
            token,
            state: mailbox.state(),
            mailbox,
            used: self.opens,
        });
        if number == self.slots.len() {
            self.slots.push(slot);
        } else {
            self.slots[number] = slot;
        }
        self.by_dir.insert(dir, number);
        self.watch_mailbox(&handle);
        Ok(handle)
    }

    /// The mailbox in that directory, if it is in the store and still what it was.
    fn open_already(&mut self, dir: &Path) -> Option<MailboxHandle> {
        let number = *self.by_dir.get(dir)?;
        let slot = self.slots[number].as_mut()?;
        if slot.mailbox.is_invalid() || !slot.mailbox.is_still_there() {
            self.invalidate(dir);
            return None;
        }
        slot.used = self.opens;
        Some(MailboxHandle(slot.token.clone()))
    }

    /// Forgets mailboxes that nobody holds: those that were used least lately, until the rest fits.
    pub fn evict(&mut self) {
        let idle = |slot: &Slot| (!slot.is_held()).then_some((slot.used, slot.mailbox.memory()));
        let mut warm: Vec<(u64, usize, usize)> = (0..)
            .zip(&self.slots)
            .filter_map(|(number, slot)| slot.as_ref().and_then(idle).map(|(u, m)| (u, m, number)))
            .collect();
        warm.sort_unstable();
        let mut bytes: usize = warm.iter().map(|&(_, memory, _)| memory).sum();
        let mut count = warm.len();
        for (_, memory, number) in warm {
            if count <= self.settings.warm_mailboxes && bytes <= self.settings.warm_bytes {
                break;
            }
            self.close(number);
            (count, bytes) = (count - 1, bytes - memory);
        }
        for number in 0..self.slots.len() {
            let is_useless = |slot: &Slot| !slot.is_held() && slot.mailbox.is_invalid();
            if self.slots[number].as_ref().is_some_and(is_useless) {
                self.close(number);
            }
        }
    }

    fn close(&mut self, number: usize) {
        let Some(mut slot) = self.slots[number].take() else {
            return;
        };
        slot.mailbox.save_mod_sequences(&self.owner);
        if self.by_dir.get(slot.mailbox.dir()) == Some(&number) {
            self.by_dir.remove(slot.mailbox.dir());
        }
        self.unwatch_mailbox(&mut slot.mailbox);
    }

    /// The mailbox that a handle holds.
    pub fn mailbox(&self, handle: &MailboxHandle) -> &Mailbox {
        let slot = self.slots[handle.0.slot].as_ref();
        &slot
            .expect("a slot is not emptied while a handle is out")
            .mailbox
    }

    fn mailbox_mut(&mut self, handle: &MailboxHandle) -> &mut Mailbox {
        self.parts(handle).0
    }

    fn parts(&mut self, handle: &MailboxHandle) -> (&mut Mailbox, StoreContext<'_>) {
        self.touched.insert(handle.0.slot);
        let slot = self.slots[handle.0.slot].as_mut();
        let slot = slot.expect("a slot is not emptied while a handle is out");
        let context = StoreContext {
            owner: &self.owner,
            names: &mut self.names,
            validities: &mut self.validities,
        };
        (&mut slot.mailbox, context)
    }

    fn next_view_id(&mut self) -> u32 {
        self.last_view_id = self.last_view_id.checked_add(1).unwrap_or(1);
        self.last_view_id
    }
}
