//! NOOP (RFC 1064 p. 9): does nothing, and so reports what has changed in the mailbox, as every
//! command does.

use crate::session::reply::Reply;

/// Returns the reply to NOOP.
pub(super) fn reply() -> Reply {
    Reply::ok("NOOP completed")
}
