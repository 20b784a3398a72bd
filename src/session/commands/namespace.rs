//! NAMESPACE (RFC 2342): where a user's own mailboxes are, and where those of all.

use crate::session::core::Core;
use crate::session::job::Reply;

/// A user's own mailboxes need no prefix; bulletin boards, if there are any, have theirs.
pub(super) fn namespace(core: &mut Core) -> Reply {
    let has_boards = core
        .account()
        .is_some_and(|account| account.bboards.is_some());
    let shared = has_boards.then_some(super::BBOARD_PREFIX);
    core.encoder().namespace("", shared);
    Reply::ok("NAMESPACE completed")
}
