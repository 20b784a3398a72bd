//! The creation of mailboxes for a new user.

use super::special_use::SpecialUses;
use crate::budget::{Budget, COST_OPEN, Step, Why};
use crate::store::{Account, CreateMailbox, ListNames, Store, StoreError, SubscribeMailbox};
use crate::types::{MailboxName, MailboxRef};
use crate::{ready, try_done};

/// Creates the preferred mailboxes with special uses for a user who has none but INBOX, and
/// subscribes the user to them. Having none but INBOX stands for a first login, so that nothing has
/// to be remembered: a user with other mailboxes has arranged them already.
pub(super) struct Autocreate {
    account: Account,
    /// The beginning of log lines about the session.
    log_prefix: String,
    /// The user's mailboxes, of which one that is not INBOX is looked for; `None` before and after.
    listing: Option<ListNames>,
    /// The mailboxes to create, the next one last; `None` until it is known that there are none.
    left: Option<Vec<MailboxName>>,
    creating: Option<(MailboxName, CreateMailbox)>,
    subscribing: Option<(MailboxName, SubscribeMailbox)>,
}

impl Autocreate {
    /// Prepares the creation for a user who has just logged in.
    pub(super) fn new(account: Account, log_prefix: String) -> Self {
        Self {
            account,
            log_prefix,
            listing: None,
            left: None,
            creating: None,
            subscribing: None,
        }
    }

    /// Carries the creation on. A mailbox that cannot be created is logged: the user may log in all
    /// the same.
    pub(super) fn step(
        &mut self,
        special_uses: &SpecialUses,
        store: &Store,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        loop {
            if let Some((name, creating)) = &mut self.creating {
                let created = ready!(creating.step(store, budget));
                log_failure(created, &self.log_prefix, name);
                self.creating = None;
                if budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
            if let Some((name, subscribing)) = &mut self.subscribing {
                let subscribed = ready!(subscribing.step(store, budget));
                log_failure(subscribed, &self.log_prefix, name);
                self.subscribing = None;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            let left = match &mut self.left {
                Some(left) => left,
                None => {
                    let is_new = ready!(self.has_only_inbox(store, budget));
                    let preferred = special_uses.preferred().into_iter().rev();
                    self.left.insert(preferred.filter(|_| is_new).collect())
                }
            };
            let Some(name) = left.pop() else {
                return Step::Done(());
            };
            let creating = CreateMailbox::new(self.account.clone(), name.clone());
            self.creating = Some((name.clone(), creating));
            let mailbox = MailboxRef::Personal(name.clone());
            let subscribing = SubscribeMailbox::new(self.account.clone(), mailbox, true);
            self.subscribing = Some((name, subscribing));
        }
    }

    /// Reads the user's mailboxes until one is not INBOX; done with false if there is one, or if
    /// none can be created.
    fn has_only_inbox(&mut self, store: &Store, budget: &mut Budget<'_>) -> Step<bool> {
        if store.settings().read_only {
            return Step::Done(false);
        }
        let found = ready!(self.find_another(budget));
        self.listing = None;
        Step::Done(match found {
            Ok(is_found) => !is_found,
            Err(error) => {
                log::warn!(
                    "{}: no mailbox with a special use is created, because the mailboxes could \
                     not be listed: {}",
                    self.log_prefix,
                    error.in_full()
                );
                false
            }
        })
    }

    /// Done with true if the user has a mailbox that is not INBOX.
    fn find_another(&mut self, budget: &mut Budget<'_>) -> Step<Result<bool, StoreError>> {
        let listing = match &mut self.listing {
            Some(listing) => listing,
            None => {
                budget.spend(COST_OPEN);
                let listing = try_done!(ListNames::mailboxes(&self.account));
                self.listing.insert(listing)
            }
        };
        let is_inbox =
            |name: &MailboxRef| matches!(name, MailboxRef::Personal(name) if name.is_inbox());
        while let Some(entry) = listing.next(budget) {
            if try_done!(entry).is_some_and(|name| !is_inbox(&name)) {
                return Step::Done(Ok(true));
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(Ok(false))
    }
}

fn log_failure(result: Result<(), StoreError>, log_prefix: &str, name: &MailboxName) {
    if let Err(error) = result {
        log::warn!(
            "{log_prefix}: mailbox {name}, which has a special use, could not be created: {}",
            error.in_full()
        );
    }
}
