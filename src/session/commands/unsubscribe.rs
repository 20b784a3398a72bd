//! UNSUBSCRIBE (RFC 3501 §6.3.7; IMAP2bis with the words MAILBOX and BBOARD, RFC 2061 p. 2).

use super::subscribe;
use crate::protocol::SubscribeArguments;
use crate::session::job::Job;
use crate::session::reply::Reply;
use crate::session::state::SessionState;

/// Removes a mailbox or board from the user's subscriptions.
pub(super) fn job(
    arguments: &SubscribeArguments,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    subscribe::change(arguments, false, "UNSUBSCRIBE completed", state)
}
