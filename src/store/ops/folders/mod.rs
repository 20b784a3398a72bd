//! The tree of mailboxes: finding, listing, creating, deleting, renaming, subscribing.

mod delete;
mod rename;
mod subscribe;

pub(crate) use delete::DeleteMailbox;
pub(crate) use rename::RenameMailbox;
pub(crate) use subscribe::SubscribeMailbox;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use maildir::{Maildir, MaildirError};

use crate::store::maildir::file_stamp::FileStamp;
use crate::store::maildir::subscriptions;
use crate::store::maildir::subscriptions::Subscriptions;
use crate::store::maildir::{courier, layout};
use crate::store::{Account, Store, StoreError};
use crate::types::{BboardName, MailboxName, MailboxRef};

/// Where a mailbox lies, and where its counter of UIDVALIDITY values is. A user's INBOX comes into
/// being when it is first looked for.
pub(crate) fn locate(
    account: &Account,
    name: &MailboxRef,
    read_only: bool,
) -> Result<(PathBuf, PathBuf), StoreError> {
    let failed = StoreError::io("finding the mailbox");
    match name {
        MailboxRef::Personal(name) => {
            if name.is_inbox() && !read_only {
                create_root(&account.root).map_err(&failed)?;
            }
            let dir = layout::find(&account.root, name).map_err(failed)?;
            Ok((dir.ok_or(StoreError::NotFound)?, account.root.clone()))
        }
        MailboxRef::Bboard(name) => {
            let tree = account.bboards.as_ref().ok_or(StoreError::NotFound)?;
            let dir = layout::find_bboard(tree, name).map_err(failed)?;
            let dir = dir.ok_or(StoreError::NotFound)?;
            Ok((dir.clone(), dir))
        }
    }
}

/// Makes a directory a Maildir, if it is none yet.
fn create_root(root: &Path) -> io::Result<()> {
    if layout::is_maildir(root)? {
        return Ok(());
    }
    // Mail is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    layout::create_parts(root)
}

impl Store {
    /// Names of the user's mailboxes, INBOX first, the others in order.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub fn list(&self, account: &Account) -> Result<Vec<MailboxName>, StoreError> {
        let mut names = listed(layout::mailboxes(&account.root))?;
        names.insert(0, MailboxName::inbox());
        Ok(names)
    }

    /// Names of the bulletin boards, in order.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub fn list_bboards(&self, account: &Account) -> Result<Vec<BboardName>, StoreError> {
        account
            .bboards
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |tree| listed(layout::bboards(tree)))
    }

    /// True if there is such a mailbox.
    pub fn exists(&self, account: &Account, name: &MailboxRef) -> bool {
        locate(account, name, self.settings().read_only).is_ok()
    }

    /// Creates a mailbox.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub fn create(&mut self, account: &Account, name: &MailboxName) -> Result<(), StoreError> {
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

    /// What the user has subscribed to, in the order of the file; Courier's subscriptions if there
    /// are none of ours yet.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn subscriptions(&self, account: &Account) -> Result<Vec<MailboxRef>, StoreError> {
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

    /// The mailbox in a directory is not what it was: sessions that have it open are told so.
    pub(crate) fn invalidate(&mut self, dir: &Path) {
        if let Some(number) = self.by_dir.remove(dir) {
            self.touched.insert(number);
            if let Some(slot) = &mut self.slots[number] {
                slot.mailbox.invalidate();
            }
        }
    }
}

fn listed<N: Ord>(listing: io::Result<layout::Listing<N>>) -> Result<Vec<N>, StoreError> {
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
