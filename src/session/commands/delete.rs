//! DELETE (RFC 3501 §6.3.4).

use super::mailbox_argument;
use crate::budget::Step;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::DeleteMailbox;
use crate::try_ready;
use crate::types::MailboxRef;

struct DeleteJob {
    delete: DeleteMailbox,
    /// The mailbox to delete.
    name: MailboxRef,
}

/// Deletes a mailbox.
pub(super) fn job(name: &[u8], state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let name = mailbox_argument::personal(name, state)?;
    let account = state.account().ok_or_else(Reply::not_logged_in)?;
    Ok(Box::new(DeleteJob {
        delete: DeleteMailbox::new(account.clone(), name.clone()),
        name: MailboxRef::Personal(name),
    }))
}

impl Job for DeleteJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        try_ready!(self.delete.step(cx.store, cx.budget));
        cx.state.deselect(&self.name);
        Step::Done(Ok(Reply::ok("DELETE completed")))
    }

    fn memory(&self) -> usize {
        self.delete.memory()
    }

    fn may_fail(&self) -> bool {
        !self.delete.is_committed()
    }
}
