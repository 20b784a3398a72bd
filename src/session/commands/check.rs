//! CHECK (RFC 1064 p. 10, RFC 1176 p. 13).

use crate::session::reply::Reply;
use crate::session::update_policy::UpdatePolicy;

/// Returns the reply to CHECK. Like every command, it ends with a comparison of the mailbox with
/// the disk; clients that rely on EXISTS and RECENT after CHECK get them in any case.
pub(super) fn reply() -> Reply {
    Reply::ok("CHECK completed").with_updates(UpdatePolicy::Check)
}
