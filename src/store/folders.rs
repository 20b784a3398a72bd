//! The tree of mailboxes: listing, creating, deleting, renaming, subscribing.

use std::time::SystemTime;

use super::{Account, Store, StoreError};
use crate::budget::{Budget, Step};
use crate::types::{BboardName, MailboxName, MailboxRef};

impl Store {
    /// Names of the bulletin boards, in order.
    ///
    /// # Errors
    /// The tree cannot be read.
    pub fn list_bboards(&self, account: &Account) -> Result<Vec<BboardName>, StoreError> {
        let _ = account;
        Ok(Vec::new())
    }

    /// True if there is such a mailbox.
    pub fn exists(&self, account: &Account, name: &MailboxRef) -> bool {
        let _ = (account, name);
        false
    }

    /// Creates a mailbox.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub fn create(
        &mut self,
        account: &Account,
        name: &MailboxName,
        wall: SystemTime,
    ) -> Result<(), StoreError> {
        let _ = (account, name, wall);
        Err(StoreError::ReadOnly)
    }

    /// What the user has subscribed to, in the order of the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn subscriptions(&self, account: &Account) -> Result<Vec<MailboxRef>, StoreError> {
        let _ = account;
        Ok(Vec::new())
    }
}

/// Deletes a mailbox and all that is in it; mailboxes below it stay.
#[derive(Debug)]
pub struct Delete {
    account: Account,
    name: MailboxName,
}

impl Delete {
    /// Deletes the mailbox of that name. INBOX cannot be deleted.
    pub fn new(account: Account, name: MailboxName) -> Self {
        Self { account, name }
    }

    /// To be stepped until done. The mailbox is gone after the first step, its files later.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let _ = (store, budget, &self.account, &self.name);
        Step::Done(Err(StoreError::ReadOnly))
    }
}

/// Renames a mailbox and all below it; INBOX stays and only its messages move (RFC 3501 §6.3.5).
#[derive(Debug)]
pub struct Rename {
    account: Account,
    from: MailboxName,
    to: MailboxName,
}

impl Rename {
    /// Gives `from` the name `to`.
    pub fn new(account: Account, from: MailboxName, to: MailboxName) -> Self {
        Self { account, from, to }
    }

    /// To be stepped until done.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Exists`].
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let _ = (store, budget, &self.account, &self.from, &self.to);
        Step::Done(Err(StoreError::ReadOnly))
    }
}

/// Subscribes to a mailbox, or ends a subscription.
#[derive(Debug)]
pub struct Subscribe {
    account: Account,
    name: MailboxRef,
    on: bool,
}

impl Subscribe {
    /// The name need not be that of a mailbox that is there (RFC 3501 §6.3.6).
    pub fn new(account: Account, name: MailboxRef, on: bool) -> Self {
        Self { account, name, on }
    }

    /// To be stepped until done.
    ///
    /// # Errors
    /// [`StoreError::InUse`].
    pub fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let _ = (store, budget, &self.account, &self.name, self.on);
        Step::Done(Err(StoreError::ReadOnly))
    }
}
