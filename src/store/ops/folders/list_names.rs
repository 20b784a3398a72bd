//! Listing the names of mailboxes or bulletin boards, one directory entry at a time.

use std::io;

use crate::budget::{Budget, ENTRIES_PER_UNIT, RECORDS_PER_UNIT};
use crate::store::maildir::layout::{self, Listing};
use crate::store::{Account, StoreError};
use crate::types::{BboardName, MailboxName, MailboxRef};

/// A listing of the names of one kind, in no order. A name whose directory exists in both ways of
/// writing it comes twice.
pub(crate) struct ListNames(Source);

enum Source {
    /// INBOX comes first, whether its directory exists or not.
    Inbox(Option<Listing<MailboxName>>),
    Mailboxes(Option<Listing<MailboxName>>),
    Boards(Option<Listing<BboardName>>),
}

impl ListNames {
    /// Begins to list the user's mailboxes.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub(crate) fn mailboxes(account: &Account) -> Result<Self, StoreError> {
        let listing = existing(layout::mailboxes(&account.root))?;
        Ok(Self(Source::Inbox(listing)))
    }

    /// Begins to list the bulletin boards.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub(crate) fn bboards(account: &Account) -> Result<Self, StoreError> {
        let listing = match &account.bboards {
            Some(tree) => existing(layout::bboards(tree))?,
            None => None,
        };
        Ok(Self(Source::Boards(listing)))
    }

    /// Reads the next entry, and pays for it. Returns `Ok(None)` for an entry that is not a
    /// mailbox, and `None` at the end.
    pub(crate) fn next(
        &mut self,
        budget: &mut Budget<'_>,
    ) -> Option<Result<Option<MailboxRef>, StoreError>> {
        budget.spend_records((RECORDS_PER_UNIT / ENTRIES_PER_UNIT) as usize);
        let entry = match &mut self.0 {
            Source::Inbox(listing) => {
                self.0 = Source::Mailboxes(listing.take());
                return Some(Ok(Some(MailboxRef::Personal(MailboxName::inbox()))));
            }
            Source::Mailboxes(listing) => {
                let name = listing.as_mut()?.next()?;
                name.map(|name| name.map(MailboxRef::Personal))
            }
            Source::Boards(listing) => {
                let name = listing.as_mut()?.next()?;
                name.map(|name| name.map(MailboxRef::Bboard))
            }
        };
        Some(entry.map_err(StoreError::io(LISTING)))
    }
}

const LISTING: &str = "listing the mailboxes";

/// Returns a listing, or `None` if its directory does not exist.
fn existing<N>(listing: io::Result<Listing<N>>) -> Result<Option<Listing<N>>, StoreError> {
    match listing {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        listing => listing.map(Some).map_err(StoreError::io(LISTING)),
    }
}
