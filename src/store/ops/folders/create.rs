//! Creating a mailbox.
//!
//! The directory of the mailbox, with what was created in it, and the root are flushed before the
//! client gets its answer, so that the mailbox, and what is delivered to it, is there after a power
//! cut.

use maildir::{Maildir, MaildirError};

use super::locate::create_root;
use crate::budget::{Budget, COST_OPEN, Step};
use crate::store::flush::{Flush, poll_all};
use crate::store::maildir::layout;
use crate::store::{Account, MailboxHandle, Store, StoreError};
use crate::types::{MailboxName, MailboxRef};
use crate::{ready, try_done};

/// Creates a mailbox.
#[derive(Debug)]
pub(crate) struct CreateMailbox {
    account: Account,
    name: MailboxName,
    /// The flushes that are not done yet, once the mailbox is there.
    flushes: Option<Vec<Flush>>,
}

impl CreateMailbox {
    pub(crate) fn new(account: Account, name: MailboxName) -> Self {
        Self {
            account,
            name,
            flushes: None,
        }
    }

    /// Steps the job until it is done.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the mailbox exists. [`StoreError::NotFlushed`] if it is created,
    /// but may be gone after a power cut.
    pub(crate) fn step(
        &mut self,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let flushes = match &mut self.flushes {
            Some(flushes) => flushes,
            None => {
                budget.spend(4 * COST_OPEN);
                let created = store.create_directories(&self.account, &self.name);
                self.flushes.insert(try_done!(created))
            }
        };
        Step::Done(ready!(poll_all(flushes, budget)).map_err(not_flushed()))
    }
}

impl Store {
    /// Creates a mailbox and opens it. Its flushes are done before anything of it is announced.
    ///
    /// # Errors
    /// Those of [`CreateMailbox`].
    pub(crate) fn create_and_open(
        &mut self,
        account: &Account,
        name: &MailboxName,
    ) -> Result<MailboxHandle, StoreError> {
        let flushes = self.create_directories(account, name)?;
        let handle = self.open(account, &MailboxRef::Personal(name.clone()))?;
        self.mailbox_mut(&handle).creation.extend(flushes);
        Ok(handle)
    }

    /// Creates a mailbox. Returns the flushes that make it permanent.
    fn create_directories(
        &self,
        account: &Account,
        name: &MailboxName,
    ) -> Result<Vec<Flush>, StoreError> {
        if self.settings().read_only {
            return Err(StoreError::ReadOnly);
        }
        if self.exists(account, &MailboxRef::Personal(name.clone())) {
            return Err(StoreError::Exists);
        }
        let failed = StoreError::io("creating the mailbox");
        let new_root = create_root(&account.root, &self.flushes).map_err(&failed)?;
        let root = Maildir::from(account.root.clone());
        match root.create_subfolder_dirs(&format!(".{name}")) {
            Err(MaildirError::Io(error)) => return Err(failed(error)),
            Err(_) => return Err(StoreError::Refused("no mailbox can have that name")),
            Ok(()) => {}
        }
        let dir = layout::directory(&account.root, name);
        layout::mark_folder(&dir).map_err(failed)?;
        let mut flushes = Vec::from_iter(new_root);
        for changed in [&dir, &account.root] {
            let flush = self.flushes.submit_directory(changed);
            flushes.push(flush.map_err(not_flushed())?);
        }
        Ok(flushes)
    }
}

fn not_flushed() -> impl Fn(std::io::Error) -> StoreError {
    StoreError::not_flushed("the mailbox is created")
}
