//! RENAME (RFC 3501 §6.3.5).

use super::mailbox_argument;
use crate::budget::Step;
use crate::protocol::RenameArguments;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::RenameMailbox;
use crate::try_ready;
use crate::types::MailboxRef;

struct RenameJob {
    rename: RenameMailbox,
    /// The mailbox that does not exist any more under that name afterwards. `None` for INBOX, of
    /// which only the messages go to the new name (RFC 3501 §6.3.5).
    gone: Option<MailboxRef>,
}

/// Renames a mailbox.
pub(super) fn job(
    arguments: &RenameArguments,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    let to = mailbox_argument::new(&arguments.to, state)?;
    let from = mailbox_argument::personal(&arguments.from, state)?;
    let account = state.account().ok_or_else(Reply::not_logged_in)?;
    let is_inbox = from.is_inbox();
    Ok(Box::new(RenameJob {
        rename: RenameMailbox::new(account.clone(), from.clone(), to),
        gone: (!is_inbox).then_some(MailboxRef::Personal(from)),
    }))
}

impl Job for RenameJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        try_ready!(self.rename.step(cx.store, cx.budget));
        if let Some(gone) = &self.gone {
            cx.state.deselect(gone);
        }
        Step::Done(Ok(Reply::ok("RENAME completed")))
    }

    fn memory(&self) -> usize {
        self.rename.memory()
    }

    fn may_fail(&self) -> bool {
        !self.rename.is_committed()
    }
}
