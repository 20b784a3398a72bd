//! Listing, looking up and creating mailboxes; reading the subscriptions.

use std::io;

use maildir::{Maildir, MaildirError};

use super::locate::{create_root, locate};
use crate::file_stamp::FileStamp;
use crate::store::maildir::subscriptions::{self, Subscriptions};
use crate::store::maildir::{courier, layout};
use crate::store::{Account, Store, StoreError};
use crate::types::{MailboxName, MailboxRef};

impl Store {
    /// Returns the names of the user's mailboxes, INBOX first, the others sorted.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(crate) fn list(&self, account: &Account) -> Result<Vec<MailboxName>, StoreError> {
        let mut names = sorted(layout::mailboxes(&account.root))?;
        names.insert(0, MailboxName::inbox());
        Ok(names)
    }

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

    /// Returns the user's subscriptions in the order of the file; Courier's subscriptions as long
    /// as there is no file of ours.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn subscriptions(&self, account: &Account) -> Result<Vec<MailboxRef>, StoreError> {
        let failed = StoreError::io("reading the subscriptions");
        let file = account.root.join(subscriptions::FILE);
        if FileStamp::at(&file).map_err(&failed)?.is_none() {
            if let Some(names) = courier::subscribed(&account.root).map_err(&failed)? {
                return Ok(names.into_iter().map(MailboxRef::Personal).collect());
            }
        }
        let (subscriptions, _) = Subscriptions::read(&account.root).map_err(failed)?;
        Ok(subscriptions.iter().cloned().collect())
    }
}

fn sorted<N: Ord>(listing: io::Result<layout::Listing<N>>) -> Result<Vec<N>, StoreError> {
    let failed = StoreError::io("listing the mailboxes");
    let listing = match listing {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(&failed)?,
    };
    let names: io::Result<Vec<Option<N>>> = listing.collect();
    let mut names: Vec<N> = names.map_err(failed)?.into_iter().flatten().collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
