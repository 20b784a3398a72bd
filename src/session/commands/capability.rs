//! CAPABILITY (RFC 3501 §6.1.1).

use super::capabilities::capabilities;
use crate::session::reply::Reply;
use crate::session::state::SessionState;

/// Announces the capabilities. By asking for them the client has let the dialect climb already.
pub(super) fn reply(state: &mut SessionState) -> Reply {
    let words = capabilities(state);
    state.encoder().capability(&words);
    Reply::ok("CAPABILITY completed")
}
