//! The names there are, and the names that are subscribed to, for FIND, LIST and LSUB.

use crate::budget::COST_SYSCALL;
use crate::session::job::Cx;
use crate::store::StoreError;
use crate::types::MailboxRef;

/// The user's own mailboxes, INBOX first, the others in order.
pub(super) fn personal(cx: &mut Cx<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.core.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.list(account)?;
    charge(names.len(), cx);
    Ok(names.into_iter().map(MailboxRef::Personal).collect())
}

/// The bulletin boards, in order.
pub(super) fn boards(cx: &mut Cx<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.core.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.list_bboards(account)?;
    charge(names.len(), cx);
    Ok(names.into_iter().map(MailboxRef::Bboard).collect())
}

/// The mailboxes and boards that the user has subscribed to, in the order of the file.
pub(super) fn subscribed(cx: &mut Cx<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.core.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.subscriptions(account)?;
    charge(1, cx);
    Ok(names)
}

/// What kind of a file an entry is may take a look each.
fn charge(names: usize, cx: &mut Cx<'_, '_>) {
    let looks = u32::try_from(names).unwrap_or(u32::MAX);
    cx.budget.spend(COST_SYSCALL.saturating_mul(looks));
}
