//! What one session knows of a mailbox: a few integers, and which messages are recent to it.
//!
//! The message numbers of a view change only in [`Store::updates`]. Whatever happens to the mailbox
//! in the meantime, number 7 of a view stays the same message.

use std::rc::Rc;

use super::mailbox::Mailbox;
use super::view_state::{Access, MessageRef, ViewState};
use crate::store::{MailboxHandle, Store};
use crate::types::{NumberSet, Uid, memory};

/// One session's view of a mailbox. Dropping it ends the view.
#[derive(Debug)]
pub(crate) struct View {
    state: Rc<ViewState>,
    handle: MailboxHandle,
}

/// What a view has not announced yet, in the order in which the session has to announce it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Updates {
    /// Numbers of the expunged messages, in the order to send. Each number holds after the expunges
    /// before it.
    pub(crate) expunged: Vec<u32>,
    /// UIDs of the expunged messages.
    pub(crate) vanished: NumberSet,
    /// The number of messages, if it grew.
    pub(crate) exists: Option<u32>,
    /// The number of recent messages, if it changed.
    pub(crate) recent: Option<u32>,
    /// Numbers of the messages whose flags another session or program changed. They hold after the
    /// changes above.
    pub(crate) flags_changed: NumberSet,
    /// True if the mailbox has new keywords.
    pub(crate) keywords_changed: bool,
}

impl Updates {
    /// Returns the octets of memory that the changes take.
    pub(crate) fn memory(&self) -> usize {
        let sets = self.vanished.memory() + self.flags_changed.memory();
        size_of::<Self>() + memory::of_list(&self.expunged) + sets
    }

    #[cfg(test)]
    /// True if there is nothing to announce.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl View {
    /// Returns the number of messages that the session counts.
    pub(crate) fn exists(&self) -> u32 {
        self.state.exists.get()
    }

    /// Returns how many of them are recent to the session.
    pub(crate) fn recent(&self) -> u32 {
        self.state.recent_count.get()
    }

    /// Returns what the session may do.
    pub(crate) fn access(&self) -> Access {
        self.state.access
    }

    /// Returns the handle of the mailbox.
    pub(crate) fn handle(&self) -> &MailboxHandle {
        &self.handle
    }

    /// Returns the largest UID announced to the session, 0 if there is none.
    pub(crate) fn last_uid(&self) -> u32 {
        self.state.last_uid.get()
    }

    /// Returns the mod-sequence up to which expunges were announced to the session.
    pub(crate) fn expunges_announced(&self) -> u64 {
        self.state.expunges_announced.get()
    }

    pub(crate) fn state(&self) -> &ViewState {
        &self.state
    }

    /// True if the message with that UID is recent to this session.
    pub(crate) fn has_recent(&self, uid: Uid) -> bool {
        self.state.recent.borrow().contains(uid.get())
    }
}

impl Store {
    /// Opens a view of a mailbox. The view counts the messages that the last
    /// [`SyncMailbox`](crate::store::SyncMailbox) found.
    pub(crate) fn view(&mut self, handle: &MailboxHandle, access: Access) -> View {
        let id = self.next_view_id();
        let mailbox = self.mailbox_mut(handle);
        let state = Rc::new(ViewState::new(
            id,
            access,
            mailbox.highest_mod_sequence(),
            mailbox.keywords_version(),
        ));
        let messages = 0..mailbox.records.published().len();
        state.add_messages(&mut mailbox.records, messages);
        mailbox.add_view(&state);
        View {
            state,
            handle: handle.clone(),
        }
    }

    /// Returns what the view has not announced yet, which counts as announced from then on.
    /// Expunges are held back unless allowed (RFC 3501 §7.4.1). Costs nothing if nothing is new.
    pub(crate) fn updates(&mut self, view: &View, allow_expunge: bool) -> Updates {
        let mut updates = Updates {
            keywords_changed: self.take_new_keywords(view),
            ..Updates::default()
        };
        let mailbox = self.mailbox_mut(&view.handle);
        let highest = mailbox.highest_mod_sequence();
        let state = &view.state;
        let has_expunges = state.expunges_announced.get() != highest && allow_expunge;
        if state.flags_announced.get() == highest && !has_expunges {
            return updates;
        }
        let (exists, recent) = (view.exists(), view.recent());
        if has_expunges {
            (updates.expunged, updates.vanished) = state.take_expunged(&mailbox.records, highest);
        }
        let shrunk = exists - updates.expunged.len() as u32;
        let first_new = mailbox
            .records
            .find_uid(state.last_uid.get() + 1)
            .unwrap_or_else(|at| at);
        let known = state.last_uid.get();
        updates.flags_changed = take_flags_changed(state, mailbox);
        let new = first_new..mailbox.records.published().len();
        state.add_messages(&mut mailbox.records, new);
        debug_assert!(state.last_uid.get() >= known);
        updates.exists = (view.exists() != shrunk).then(|| view.exists());
        updates.recent = (view.recent() != recent).then(|| view.recent());
        mailbox.drop_announced_tombstones();
        updates
    }

    /// Returns how many messages of an up-to-date view are recent to it or to an older view.
    pub(crate) fn count_recent(&self, view: &View, older: &View) -> u32 {
        let records = &self.mailbox(&view.handle).records;
        let own = view.state.recent.borrow();
        let claimed = older.state.recent.borrow().without(&own);
        let counted = (0..records.published().len()).filter(|&index| {
            claimed.contains(records.record(index).uid)
                && records.counts(index, view.expunges_announced())
        });
        view.recent() + counted.count() as u32
    }

    /// True if the mailbox has keywords that the view has not announced. They count as announced
    /// from then on.
    pub(crate) fn take_new_keywords(&self, view: &View) -> bool {
        let version = self.mailbox(&view.handle).keywords_version();
        view.state.keywords.replace(version) != version
    }

    /// Returns the message with that number in the view, or `None` beyond its count.
    pub(crate) fn message(&self, view: &View, number: u32) -> Option<MessageRef> {
        if number == 0 || number > view.exists() {
            return None;
        }
        let records = &self.mailbox(&view.handle).records;
        let index = records.index_of(number, view.expunges_announced());
        let uid = Uid::new(records.record(index).uid)?;
        Some(MessageRef { number, uid })
    }
}

/// Returns the numbers of the messages whose flags others changed since the last announcement.
fn take_flags_changed(state: &ViewState, mailbox: &Mailbox) -> NumberSet {
    let announced = state
        .flags_announced
        .replace(mailbox.highest_mod_sequence());
    let mut indexes = mailbox.flags_changed_after(announced, state.id);
    indexes.retain(|&index| mailbox.records.record(index).uid <= state.last_uid.get());
    mailbox
        .records
        .numbers_of(&indexes, state.expunges_announced.get())
}
