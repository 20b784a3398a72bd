//! Looking up mailboxes.

use super::locate::locate;
use crate::store::{Account, Store};
use crate::types::MailboxRef;

impl Store {
    /// True if the mailbox exists.
    pub(crate) fn exists(&self, account: &Account, name: &MailboxRef) -> bool {
        // INBOX is created when it is first opened.
        name.is_inbox() && !self.settings().read_only || locate(account, name).is_ok()
    }
}
