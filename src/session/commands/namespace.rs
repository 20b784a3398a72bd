//! NAMESPACE (RFC 2342): where a user's own mailboxes are, and where those of all.

use crate::session::core::Core;
use crate::session::job::Reply;

/// A user's own mailboxes have the prefix that the operator chose, if any; bulletin boards, if there are any,
/// have theirs.
pub(super) fn namespace(core: &mut Core) -> Reply {
    let has_boards = core
        .account()
        .is_some_and(|account| account.bboards.is_some());
    let shared = has_boards.then_some(super::BBOARD_PREFIX);
    let personal = core.config.namespace_prefix;
    core.encoder().namespace(personal, shared);
    Reply::ok("NAMESPACE completed")
}
