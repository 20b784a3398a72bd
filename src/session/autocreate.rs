//! The creation of mailboxes for a new user.

use super::special_use::SpecialUses;
use crate::budget::{Budget, COST_SYNC, Step, Why};
use crate::ready;
use crate::store::{Account, Store, StoreError, SubscribeMailbox};
use crate::types::{MailboxName, MailboxRef};

/// Creates the preferred mailboxes with special uses for a user who has none but INBOX, and
/// subscribes the user to them. Having none but INBOX stands for a first login, so that nothing has
/// to be remembered: a user with other mailboxes has arranged them already.
pub(super) struct Autocreate {
    account: Account,
    /// The beginning of log lines about the session.
    log_prefix: String,
    /// The mailboxes to create, the next one last; `None` until the user's mailboxes have been
    /// listed.
    left: Option<Vec<MailboxName>>,
    subscribing: Option<(MailboxName, SubscribeMailbox)>,
}

impl Autocreate {
    /// Prepares the creation for a user who has just logged in.
    pub(super) fn new(account: Account, log_prefix: String) -> Self {
        Self {
            account,
            log_prefix,
            left: None,
            subscribing: None,
        }
    }

    /// Carries the creation on. A mailbox that cannot be created is logged: the user may log in all
    /// the same.
    pub(super) fn step(
        &mut self,
        special_uses: &SpecialUses,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        loop {
            if let Some((name, subscribing)) = &mut self.subscribing {
                let subscribed = ready!(subscribing.step(store, budget));
                log_failure(subscribed, &self.log_prefix, name);
                self.subscribing = None;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            let (account, log_prefix) = (&self.account, &self.log_prefix);
            let left = self
                .left
                .get_or_insert_with(|| missing(special_uses, account, log_prefix, store));
            let Some(name) = left.pop() else {
                return Step::Done(());
            };
            log_failure(store.create(account, &name), log_prefix, &name);
            budget.spend(COST_SYNC);
            let mailbox = MailboxRef::Personal(name.clone());
            let subscribing = SubscribeMailbox::new(account.clone(), mailbox, true);
            self.subscribing = Some((name, subscribing));
        }
    }
}

/// Returns the mailboxes to create, the first one last; none if the user has any but INBOX.
fn missing(
    special_uses: &SpecialUses,
    account: &Account,
    log_prefix: &str,
    store: &Store,
) -> Vec<MailboxName> {
    match store.list(account) {
        Ok(names) if !store.settings().read_only && names.iter().all(MailboxName::is_inbox) => {
            special_uses.preferred().into_iter().rev().collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => {
            log::warn!(
                "{log_prefix}: no mailbox with a special use is created, because the mailboxes \
                 could not be listed: {}",
                error.in_full()
            );
            Vec::new()
        }
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
