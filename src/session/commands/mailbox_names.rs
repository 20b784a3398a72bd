//! The names of mailboxes that exist, and those that the user is subscribed to, for FIND, LIST and
//! LSUB.

use crate::budget::COST_OPEN;
use crate::protocol::MailboxKind;
use crate::session::job::Context;
use crate::store::{ListNames, StoreError};

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

/// Begins to list the mailboxes and boards that the user is subscribed to, in the order of the
/// file. Returns `None` if the client has not logged in.
pub(super) fn subscribed(cx: &mut Context<'_, '_>) -> Result<Option<ListNames>, StoreError> {
    cx.budget.spend(COST_OPEN);
    cx.state.account().map(ListNames::subscriptions).transpose()
}
