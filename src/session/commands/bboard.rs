//! BBOARD (RFC 1176 p. 11): SELECT with a name from another name space.

use super::mailbox_argument;
use super::open_mailbox::OpenMailboxJob;
use crate::protocol::SelectParameters;
use crate::session::job::Job;
use crate::store::Access;

/// Opens a bulletin board.
pub(super) fn job(name: &[u8]) -> Box<dyn Job> {
    let name = mailbox_argument::bboard(name);
    OpenMailboxJob::begin(name, Access::ReadWrite, SelectParameters::default())
}
