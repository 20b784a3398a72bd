//! Listing the names of mailboxes or bulletin boards, one at a time: those that exist, and those
//! that the user is subscribed to.

use std::io;

use crate::budget::{Budget, ENTRIES_PER_UNIT, RECORDS_PER_UNIT};
use crate::store::maildir::courier::CourierSubscriptions;
use crate::store::maildir::layout::{self, Listing};
use crate::store::maildir::subscriptions::SubscriptionLines;
use crate::store::{Account, StoreError};
use crate::types::{BboardName, MailboxName, MailboxRef};

/// Records that reading a directory entry takes as long as.
const RECORDS_PER_ENTRY: usize = (RECORDS_PER_UNIT / ENTRIES_PER_UNIT) as usize;

/// A listing of names. Those that exist come in no order, and twice if there is a directory in both
/// ways of writing a name.
#[derive(Debug)]
pub(crate) struct ListNames(Source);

#[derive(Debug)]
enum Source {
    /// INBOX comes first, whether its directory exists or not.
    Inbox(Option<Listing<MailboxName>>),
    Mailboxes(Option<Listing<MailboxName>>),
    Boards(Option<Listing<BboardName>>),
    Subscriptions(SubscriptionLines),
    Courier(CourierSubscriptions),
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

    /// Begins to list the user's subscriptions in the order of the file; Courier's subscriptions as
    /// long as there is no file of ours.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn subscriptions(account: &Account) -> Result<Self, StoreError> {
        let failed = StoreError::io("reading the subscriptions");
        let courier = CourierSubscriptions::read(&account.root).map_err(&failed)?;
        Ok(Self(match courier {
            Some(names) => Source::Courier(names),
            None => {
                let lines = SubscriptionLines::read(&account.root).map_err(failed)?;
                Source::Subscriptions(lines)
            }
        }))
    }

    /// Reads the next entry, and pays for it. Returns `Ok(None)` for an entry that is not a
    /// mailbox, and `None` at the end.
    pub(crate) fn next(
        &mut self,
        budget: &mut Budget<'_>,
    ) -> Option<Result<Option<MailboxRef>, StoreError>> {
        let entry = match &mut self.0 {
            Source::Inbox(listing) => {
                self.0 = Source::Mailboxes(listing.take());
                return Some(Ok(Some(MailboxRef::Personal(MailboxName::inbox()))));
            }
            Source::Mailboxes(listing) => {
                budget.spend_records(RECORDS_PER_ENTRY);
                let name = listing.as_mut()?.next()?;
                name.map(|name| name.map(MailboxRef::Personal))
            }
            Source::Boards(listing) => {
                budget.spend_records(RECORDS_PER_ENTRY);
                let name = listing.as_mut()?.next()?;
                name.map(|name| name.map(MailboxRef::Bboard))
            }
            Source::Subscriptions(lines) => {
                let (_, name) = lines.next(budget)?;
                Ok(name)
            }
            Source::Courier(names) => Ok(names.next(budget)?.map(MailboxRef::Personal)),
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
