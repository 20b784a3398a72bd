//! Which mailboxes are worth another look by those who wait for changes.
//!
//! There are three ways to hear of a change. The kernel tells what other programs do
//! ([`Store::poll_inotify`]). What sessions of this process do, or find when they look, is noted
//! here and told by [`Store::take_changed`]. What neither tells of is found by looking again at the
//! time that [`Store::next_check`] says.

use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::store::index::mailbox::Mailbox;
use crate::store::{MailboxHandle, Store};

/// How often a mailbox is looked at whose changes nobody tells of: news are to arrive within a
/// second.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What changes with every change that a view can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MailboxVersion {
    change: u64,
    keywords: u32,
    is_invalid: bool,
}

impl Mailbox {
    pub(crate) fn state(&self) -> MailboxVersion {
        MailboxVersion {
            change: self.highest_mod_sequence(),
            keywords: self.keywords_version(),
            is_invalid: self.is_invalid(),
        }
    }
}

impl Store {
    /// The mailboxes of which more is known than at the last call. Costs nothing for those that
    /// nobody has worked on meanwhile.
    pub fn take_changed(&mut self) -> Vec<MailboxHandle> {
        let mut changed = Vec::new();
        for number in std::mem::take(&mut self.touched) {
            let Some(slot) = &mut self.slots[number] else {
                continue;
            };
            let state = slot.mailbox.state();
            if std::mem::replace(&mut slot.state, state) != state {
                changed.push(MailboxHandle(slot.token.clone()));
            }
        }
        changed
    }

    /// When to ask [`Self::may_have_changed`] again, if views wait for changes: `None` where the
    /// kernel tells of all changes and the last look left nothing open.
    pub fn next_check(&self, handle: &MailboxHandle, now: Instant) -> Option<Instant> {
        let mailbox = self.mailbox(handle);
        let is_told = mailbox.watch.is_watching() && mailbox.sync_state.missing == 0;
        let rests = mailbox.is_invalid() || is_told && mailbox.is_quiet(false);
        (!rests).then(|| now + LOOK_EVERY)
    }

    /// True unless a look at the time stamps shows that a
    /// [`SyncMailbox`](crate::store::SyncMailbox) would find nothing.
    pub fn may_have_changed(&mut self, handle: &MailboxHandle, budget: &mut Budget<'_>) -> bool {
        let mailbox = self.mailbox_mut(handle);
        mailbox.is_invalid() || !mailbox.is_up_to_date(false, budget)
    }
}
