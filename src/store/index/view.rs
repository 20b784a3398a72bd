//! What one session knows of a mailbox: a few integers, and which messages are recent to it.
//!
//! A view's message numbers stand still until [`Store::updates`] moves them; that is the only
//! place. Whatever happens to the mailbox meanwhile, number 7 of a view stays the message it was.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::mailbox::Mailbox;
use super::records::RecordState;
use crate::store::{MailboxHandle, Store};
use crate::types::{NumberSet, Uid};

/// What a session may do with the mailbox it has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// SELECT: files move from `new/` to `cur/`, recent messages are claimed.
    ReadWrite,
    /// EXAMINE: the mailbox is only looked at.
    ReadOnly,
}

/// One session's sight of a mailbox. To end it, drop it.
#[derive(Debug)]
pub struct View {
    state: Rc<ViewState>,
    handle: MailboxHandle,
}

/// The part of a view that its mailbox keeps a weak hold of.
#[derive(Debug)]
pub(crate) struct ViewState {
    /// Unlike any other view's in this process; never 0.
    pub(crate) id: u32,
    pub(crate) access: Access,
    /// How many messages the session counts.
    exists: Cell<u32>,
    /// The greatest UID it was told of.
    pub(crate) last_uid: Cell<u32>,
    /// The change up to which it was told of expunges.
    pub(crate) expunges_announced: Cell<u64>,
    /// The change up to which it was told of flags.
    pub(crate) flagged: Cell<u64>,
    /// The keyword list it was told of.
    keywords: Cell<u32>,
    /// UIDs of the messages that are recent to it.
    recent: RefCell<NumberSet>,
    recent_count: Cell<u32>,
}

/// A message as a view counts it. Valid until the view's next [`Store::updates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRef {
    /// Its number in the view, from 1.
    pub number: u32,
    /// Its unique identifier.
    pub uid: Uid,
}

/// What a view had not been told yet, in the order in which it is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Updates {
    /// Numbers of the messages that went, in the order to send; each counts without those before
    /// it.
    pub expunged: Vec<u32>,
    /// Their unique identifiers.
    pub vanished: NumberSet,
    /// The number of messages, if it grew.
    pub exists: Option<u32>,
    /// The number of recent messages, if it changed.
    pub recent: Option<u32>,
    /// Messages whose flags somebody else changed, by the numbers that hold after the above.
    pub flags_changed: NumberSet,
    /// The mailbox has keywords that it had not before.
    pub keywords_changed: bool,
}

impl Updates {
    /// True if there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl View {
    /// How many messages the session counts.
    pub fn exists(&self) -> u32 {
        self.state.exists.get()
    }

    /// How many of them are recent to it.
    pub fn recent(&self) -> u32 {
        self.state.recent_count.get()
    }

    /// What it may do.
    pub fn access(&self) -> Access {
        self.state.access
    }

    /// The mailbox it looks at.
    pub fn handle(&self) -> &MailboxHandle {
        &self.handle
    }

    /// The greatest UID the session was told of, 0 if there is none.
    pub fn last_uid(&self) -> u32 {
        self.state.last_uid.get()
    }

    /// The change up to which it was told of expunges.
    pub(crate) fn expunges_announced(&self) -> u64 {
        self.state.expunges_announced.get()
    }

    pub(crate) fn state(&self) -> &ViewState {
        &self.state
    }

    /// True if the message of that UID is recent to this session.
    pub(crate) fn has_recent(&self, uid: Uid) -> bool {
        self.state.recent.borrow().contains(uid.get())
    }
}

impl ViewState {
    /// Takes the messages at those indexes into the count, and claims the recent ones among them.
    fn add_messages(&self, mailbox: &mut Mailbox, indexes: std::ops::Range<usize>) {
        for index in indexes {
            let record = mailbox.records.record_mut(index);
            if record.is_expunged() && record.mod_sequence <= self.expunges_announced.get() {
                continue;
            }
            let uid = record.uid;
            self.exists.set(self.exists.get() + 1);
            self.last_uid.set(uid);
            if record.state.has(RecordState::RECENT) {
                if self.access == Access::ReadWrite {
                    record.state.set(RecordState::RECENT, false);
                }
                self.recent.borrow_mut().insert(uid);
                self.recent_count.set(self.recent_count.get() + 1);
            }
        }
    }

    /// Takes a message out of the count.
    fn remove_message(&self, uid: u32) {
        self.exists.set(self.exists.get().saturating_sub(1));
        if self.recent.borrow().contains(uid) {
            self.recent_count
                .set(self.recent_count.get().saturating_sub(1));
        }
    }

    /// Expunges it was not told of, as numbers to send and as unique identifiers.
    fn take_expunged(&self, mailbox: &Mailbox) -> (Vec<u32>, NumberSet) {
        let announced = self
            .expunges_announced
            .replace(mailbox.highest_mod_sequence());
        let expunged = mailbox
            .records
            .expunged_after(announced, self.last_uid.get());
        for &(uid, _) in &expunged {
            self.remove_message(uid);
        }
        let vanished = expunged.iter().map(|&(uid, _)| (uid, uid)).collect();
        let numbers = expunged.into_iter().map(|(_, number)| number).collect();
        (numbers, vanished)
    }

    /// Messages whose flags others changed since it was told last.
    fn take_flags_changed(&self, mailbox: &Mailbox) -> NumberSet {
        let announced = self.flagged.replace(mailbox.highest_mod_sequence());
        let mut indexes = mailbox.flags_changed_after(announced, self.id);
        indexes.retain(|&index| mailbox.records.record(index).uid <= self.last_uid.get());
        mailbox
            .records
            .numbers_of(&indexes, self.expunges_announced.get())
    }
}

impl Store {
    /// Opens a view on a mailbox that was brought up to date by a
    /// [`SyncMailbox`](crate::store::SyncMailbox): it counts all messages that are there now.
    pub fn view(&mut self, handle: &MailboxHandle, access: Access) -> View {
        let id = self.next_view_id();
        let mailbox = self.mailbox_mut(handle);
        let state = Rc::new(ViewState {
            id,
            access,
            exists: Cell::new(0),
            last_uid: Cell::new(0),
            expunges_announced: Cell::new(mailbox.highest_mod_sequence()),
            flagged: Cell::new(mailbox.highest_mod_sequence()),
            keywords: Cell::new(mailbox.keywords_version()),
            recent: RefCell::default(),
            recent_count: Cell::new(0),
        });
        state.add_messages(mailbox, 0..mailbox.records.published().len());
        mailbox.add_view(&state);
        View {
            state,
            handle: handle.clone(),
        }
    }

    /// What the view was not told yet; it counts as told by this call. Expunges are held back
    /// unless allowed (RFC 3501 §7.4.1). Costs nothing if nothing is new.
    pub fn updates(&mut self, view: &View, allow_expunge: bool) -> Updates {
        let mut updates = Updates {
            keywords_changed: self.take_new_keywords(view),
            ..Updates::default()
        };
        let mailbox = self.mailbox_mut(&view.handle);
        let state = &view.state;
        let up_to_date = state.flagged.get() == mailbox.highest_mod_sequence()
            && (state.expunges_announced.get() == mailbox.highest_mod_sequence() || !allow_expunge);
        if up_to_date {
            return updates;
        }
        let (exists, recent) = (view.exists(), view.recent());
        if allow_expunge && state.expunges_announced.get() != mailbox.highest_mod_sequence() {
            (updates.expunged, updates.vanished) = state.take_expunged(mailbox);
        }
        let shrunk = exists - updates.expunged.len() as u32;
        let first_new = mailbox
            .records
            .find_uid(state.last_uid.get() + 1)
            .unwrap_or_else(|at| at);
        let known = state.last_uid.get();
        updates.flags_changed = state.take_flags_changed(mailbox);
        state.add_messages(mailbox, first_new..mailbox.records.published().len());
        debug_assert!(state.last_uid.get() >= known);
        updates.exists = (view.exists() != shrunk).then(|| view.exists());
        updates.recent = (view.recent() != recent).then(|| view.recent());
        mailbox.drop_announced_tombstones();
        updates
    }

    /// How many messages of a view that is up to date are recent to it or to an older view.
    pub fn count_recent(&self, view: &View, older: &View) -> u32 {
        let records = &self.mailbox(&view.handle).records;
        let own = view.state.recent.borrow();
        let claimed = older.state.recent.borrow().without(&own);
        let counted = (0..records.published().len()).filter(|&index| {
            claimed.contains(records.record(index).uid)
                && records.counts(index, view.expunges_announced())
        });
        view.recent() + counted.count() as u32
    }

    /// True if the mailbox has keywords that the view was not told of; they count as told by this
    /// call.
    pub fn take_new_keywords(&self, view: &View) -> bool {
        let version = self.mailbox(&view.handle).keywords_version();
        view.state.keywords.replace(version) != version
    }

    /// The message with that number in the view; `None` beyond its count.
    pub fn message(&self, view: &View, number: u32) -> Option<MessageRef> {
        if number == 0 || number > view.exists() {
            return None;
        }
        let records = &self.mailbox(&view.handle).records;
        let index = records.index_of(number, view.state.expunges_announced.get());
        let uid = Uid::new(records.record(index).uid)?;
        Some(MessageRef { number, uid })
    }
}
