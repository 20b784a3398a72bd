//! NAMESPACE (RFC 2342): the prefixes of mailbox names.

use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::types::BBOARD_PREFIX;

/// Announces the prefix of the user's own mailboxes, which the operator may have chosen, and that
/// of the bulletin boards, if there are any.
pub(super) fn reply(state: &mut SessionState) -> Reply {
    let account = state.account();
    let has_boards = account.is_some_and(|account| account.bboards.is_some());
    let shared = has_boards.then_some(BBOARD_PREFIX);
    let personal = state.config.namespace_prefix;
    state.encoder().namespace(personal, shared);
    Reply::ok("NAMESPACE completed")
}
