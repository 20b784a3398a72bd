//! Looking up and creating mailboxes.

use maildir::{Maildir, MaildirError};

use super::locate::{create_root, locate};
use crate::store::maildir::layout;
use crate::store::{Account, Store, StoreError};
use crate::types::{MailboxName, MailboxRef};

impl Store {
    /// True if the mailbox exists.
    pub(crate) fn exists(&self, account: &Account, name: &MailboxRef) -> bool {
        locate(account, name, self.settings().read_only).is_ok()
    }

    /// Creates a mailbox.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it exists.
    #[allow(clippy::needless_pass_by_ref_mut)] // It changes the tree that the store stands for.
    pub(crate) fn create(
        &mut self,
        account: &Account,
        name: &MailboxName,
    ) -> Result<(), StoreError> {
        if self.settings().read_only {
            return Err(StoreError::ReadOnly);
        }
        if self.exists(account, &MailboxRef::Personal(name.clone())) {
            return Err(StoreError::Exists);
        }
        let failed = StoreError::io("creating the mailbox");
        create_root(&account.root).map_err(&failed)?;
        let root = Maildir::from(account.root.clone());
        match root.create_subfolder_dirs(&format!(".{name}")) {
            Err(MaildirError::Io(error)) => return Err(failed(error)),
            Err(_) => return Err(StoreError::Refused("no mailbox can have that name")),
            Ok(()) => {}
        }
        layout::mark_folder(&layout::directory(&account.root, name)).map_err(failed)
    }
}
