//! How much memory the mailboxes may take that sessions have open.
//!
//! A mailbox is in memory once, for all sessions and users who have it open, so it counts for the
//! account that it belongs to. A mailbox that another session has open is never refused, and
//! neither is the only large one of an account, however large it is: its user could not read that
//! mail at all.

use super::open_mailboxes::Slot;
use super::{MailboxHandle, Store, StoreError};

/// The part of the limit that the mailboxes of one account may take, without the largest of them.
const ACCOUNTS: usize = 4;
/// The part of the limit that the mailboxes of an account may take even if all together are beyond
/// the limit: 35 000 messages with the usual one.
const SMALL_ACCOUNTS: usize = 64;

impl Store {
    /// Changes how many bytes the mailboxes that sessions have open may take.
    pub(crate) fn limit_open_mailboxes(&mut self, bytes: usize) {
        self.settings.open_bytes = bytes;
    }

    /// Fails if there is no memory for a mailbox that no session has selected so far.
    pub(super) fn admit(&self, opened: &MailboxHandle) -> Result<(), StoreError> {
        if self.mailbox(opened).has_viewer() || !self.is_one_too_many(opened) {
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
        let is_beyond_part = of_account - largest > limit / ACCOUNTS;
        let is_alone = all == of_account && largest == of_account;
        is_beyond_part || all > limit && of_account > limit / SMALL_ACCOUNTS && !is_alone
    }
}
