//! SUBSCRIBE (RFC 3501 §6.3.6; IMAP2bis with the words MAILBOX and BBOARD, RFC 2061 p. 2).

use super::mailbox_argument;
use crate::budget::Step;
use crate::protocol::{MailboxKind, SubscribeArguments};
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::SubscribeMailbox;
use crate::try_ready;

/// A change of the subscriptions, for SUBSCRIBE and UNSUBSCRIBE.
struct SubscribeJob {
    subscribe: SubscribeMailbox,
    completed: &'static str,
}

/// Subscribes the user to a mailbox or board, whether it exists or not (RFC 3501 §6.3.6).
pub(super) fn job(
    arguments: &SubscribeArguments,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    change(arguments, true, "SUBSCRIBE completed", state)
}

/// Adds a name to the user's subscriptions, or removes it if not `on`.
pub(super) fn change(
    arguments: &SubscribeArguments,
    on: bool,
    completed: &'static str,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    let name = match arguments.kind {
        MailboxKind::Mailbox => mailbox_argument::any(&arguments.name, state)?,
        MailboxKind::Bboard => mailbox_argument::bboard(&arguments.name)?,
    };
    let account = state.account().ok_or_else(Reply::not_logged_in)?;
    Ok(Box::new(SubscribeJob {
        subscribe: SubscribeMailbox::new(account.clone(), name, on),
        completed,
    }))
}

impl Job for SubscribeJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        try_ready!(self.subscribe.step(cx.store, cx.budget));
        Step::Done(Ok(Reply::ok(self.completed)))
    }

    fn may_fail(&self) -> bool {
        !self.subscribe.is_committed()
    }
}
