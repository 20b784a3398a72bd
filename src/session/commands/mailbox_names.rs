//! The names of mailboxes that exist, and those that the user is subscribed to, for FIND, LIST and
//! LSUB.

use crate::budget::COST_SYSCALL;
use crate::session::job::Context;
use crate::store::StoreError;
use crate::types::MailboxRef;

/// Returns the user's own mailboxes, INBOX first, the others in order.
pub(super) fn personal(cx: &mut Context<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.state.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.list(account)?;
    pay(names.len(), cx);
    Ok(names.into_iter().map(MailboxRef::Personal).collect())
}

/// Returns the bulletin boards, in order.
pub(super) fn boards(cx: &mut Context<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.state.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.list_bboards(account)?;
    pay(names.len(), cx);
    Ok(names.into_iter().map(MailboxRef::Bboard).collect())
}

/// Returns the mailboxes and boards that the user is subscribed to, in the order of the file.
pub(super) fn subscribed(cx: &mut Context<'_, '_>) -> Result<Vec<MailboxRef>, StoreError> {
    let Some(account) = cx.state.account() else {
        return Ok(Vec::new());
    };
    let names = cx.store.subscriptions(account)?;
    pay(1, cx);
    Ok(names)
}

/// Pays for names that were read from a directory: finding out the type of an entry may take a
/// system call each.
fn pay(names: usize, cx: &mut Context<'_, '_>) {
    let calls = u32::try_from(names).unwrap_or(u32::MAX);
    cx.budget.spend(COST_SYSCALL.saturating_mul(calls));
}
