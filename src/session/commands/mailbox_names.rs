//! The names of mailboxes that exist, and those that the user is subscribed to, for FIND, LIST and
//! LSUB.

use crate::budget::COST_OPEN;
use crate::protocol::MailboxKind;
use crate::session::job::Context;
use crate::store::{ListNames, StoreError};
use crate::types::MailboxRef;

/// Begins to list the names that exist: the user's own mailboxes, or the bulletin boards. Returns
/// `None` if the client has not logged in.
pub(super) fn existing(
    kind: MailboxKind,
    cx: &mut Context<'_, '_>,
) -> Result<Option<ListNames>, StoreError> {
    cx.budget.spend(COST_OPEN);
    let Some(account) = cx.state.account() else {
        return Ok(None);
    };
    match kind {
        MailboxKind::Mailbox => ListNames::mailboxes(account),
        MailboxKind::Bboard => ListNames::bboards(account),
    }
    .map(Some)
}

/// Returns the mailboxes and boards that the user is subscribed to, in the order of the file.
pub(super) fn subscribed(cx: &mut Context<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.state.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.subscriptions(account)?;
    cx.budget.spend(COST_OPEN);
    cx.budget.spend_records(names.len());
    Ok(names)
}
