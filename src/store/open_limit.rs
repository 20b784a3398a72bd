//! How much memory the mailboxes may take that sessions have open.
//!
//! A mailbox is in memory once, for all sessions and users who have it open, so it counts for the
//! account that it belongs to. The largest mailbox of an account does not count, however large it
//! is: its user could not read that mail at all. The others may not be opened, nor grow by COPY and
//! APPEND, beyond the limit.

use super::open_mailboxes::Slot;
use super::{MailboxHandle, Store, StoreError};

/// The part of the limit that the mailboxes of one account may take, without the largest of them.
const ACCOUNTS: usize = 4;
/// The same part while the mailboxes of all accounts are beyond the limit: 55 000 messages with the
/// usual one.
const MANY_ACCOUNTS: usize = 64;

/// What a mailbox is brought into memory for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is open, or a job has begun to change it.
    Use,
    /// It is opened. If a session has it open already, that takes no memory.
    Open,
    /// Messages are added to it.
    Grow,
}

impl Store {
    /// Changes how many bytes the mailboxes that sessions have open may take.
    pub(crate) fn limit_open_mailboxes(&mut self, bytes: usize) {
        self.settings.open_bytes = bytes;
    }

    /// Fails if there is no memory for a mailbox.
    pub(super) fn admit(&self, opened: &MailboxHandle, purpose: Purpose) -> Result<(), StoreError> {
        let takes_memory = match purpose {
            Purpose::Use => false,
            Purpose::Open => !self.mailbox(opened).has_viewer(),
            Purpose::Grow => true,
        };
        if !takes_memory || !self.is_one_too_many(opened) {
            return Ok(());
        }
        let text = "There is no memory for one more mailbox of that size";
        let dir = self.mailbox(opened).dir().display();
        log::warn!("{dir}: refused, for the memory of the mailboxes that are open (max-memory)");
        Err(StoreError::Limit(text))
    }

    fn is_one_too_many(&self, opened: &MailboxHandle) -> bool {
        let limit = self.settings.open_bytes;
        let root = self.mailbox(opened).root();
        let is_counted = |slot: &&Slot| slot.is_held() || slot.handle == *opened;
        let (mut all, mut of_account, mut largest) = (0_usize, 0_usize, 0);
        for slot in self.slots.iter().flatten().filter(is_counted) {
            let memory = slot.mailbox.memory();
            all += memory;
            if slot.mailbox.root() == root {
                of_account += memory;
                largest = memory.max(largest);
            }
        }
        let part = if all > limit { MANY_ACCOUNTS } else { ACCOUNTS };
        of_account - largest > limit / part
    }
}
