//! The only room that touches the file system: Maildirs as Dovecot keeps them.
//!
//! A [`Store`] holds every mailbox that is open or was so lately; a [`View`] is what one session knows of
//! one of them. Whatever takes long is a value to be stepped with a [`Budget`](crate::budget::Budget):
//!
//! | to | step |
//! | --- | --- |
//! | hear what others did to the mailbox | [`Sync`] |
//! | deliver a message | [`Append`] |
//! | copy messages | [`Copy`] |
//! | remove the deleted ones | [`Expunge`] |
//! | make a keyword known | [`DefineKeywords`] |
//! | change the tree | [`Delete`], [`Rename`], [`Subscribe`] |
//!
//! The order of a session's day: [`Store::open`], a [`Sync`], [`Store::view`]; then, for each command, a
//! `Sync`, the work, and [`Store::updates`] at the one place where message numbers may move.

mod append;
mod copy;
mod cursor;
mod error;
mod expunge;
mod flags;
mod folders;
mod mailbox;
mod message;
mod sync;
mod table;
mod view;
mod watch;

pub use append::Append;
pub use copy::Copy;
pub use cursor::Cursor;
pub use error::StoreError;
pub use expunge::Expunge;
pub use flags::{DefineKeywords, FlagChange, FlagOperation};
pub use folders::{Delete, Rename, Subscribe};
pub use mailbox::Mailbox;
pub use message::{MessageFile, MessageStat};
pub use sync::Sync;
pub use view::{Access, MessageRef, Updates, View};

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use crate::types::{MailboxName, MailboxRef};

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

impl PartialEq for MailboxHandle {
    /// Two handles are equal if they hold the same mailbox.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MailboxHandle {}

#[derive(Debug)]
struct Token {
    slot: usize,
}

#[derive(Debug)]
struct Slot {
    token: Rc<Token>,
    mailbox: Mailbox,
    /// When it was last opened, in opens.
    used: u64,
}

/// All mailboxes of the process.
#[derive(Debug)]
pub struct Store {
    settings: Settings,
    slots: Vec<Option<Slot>>,
    by_dir: HashMap<PathBuf, usize>,
    opens: u64,
    last_view_id: u32,
}

impl Store {
    /// An empty store.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            slots: Vec::new(),
            by_dir: HashMap::new(),
            opens: 0,
            last_view_id: 0,
        }
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens a mailbox. What is in it is known once a [`Sync`] was done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub fn open(
        &mut self,
        account: &Account,
        name: &MailboxRef,
    ) -> Result<MailboxHandle, StoreError> {
        let _ = (account, name);
        Err(StoreError::NotFound)
    }

    /// The mailbox that a handle holds.
    pub fn mailbox(&self, handle: &MailboxHandle) -> &Mailbox {
        let slot = self.slots[handle.0.slot].as_ref();
        &slot
            .expect("a slot is not emptied while a handle is out")
            .mailbox
    }

    fn mailbox_mut(&mut self, handle: &MailboxHandle) -> &mut Mailbox {
        let slot = self.slots[handle.0.slot].as_mut();
        &mut slot
            .expect("a slot is not emptied while a handle is out")
            .mailbox
    }

    fn next_view_id(&mut self) -> u32 {
        self.last_view_id = self.last_view_id.checked_add(1).unwrap_or(1);
        self.last_view_id
    }

    /// Names of the user's mailboxes, INBOX first, the others in order.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub fn list(&self, account: &Account) -> Result<Vec<MailboxName>, StoreError> {
        let _ = account;
        Ok(Vec::new())
    }
}
