//! EXAMINE (RFC 3501 §6.3.2).

use super::mailbox_argument;
use super::open_mailbox::OpenMailboxJob;
use crate::protocol::SelectArguments;
use crate::session::job::Job;
use crate::session::state::SessionState;
use crate::store::Access;

/// Opens a mailbox for reading.
pub(super) fn job(arguments: SelectArguments, state: &SessionState) -> Box<dyn Job> {
    let name = mailbox_argument::any(&arguments.mailbox, state);
    OpenMailboxJob::begin(name, Access::ReadOnly, arguments.parameters)
}
