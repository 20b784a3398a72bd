//! STARTTLS (RFC 3501 §6.2.1). The command only announces that the client is about to begin TLS;
//! the server has the socket and does the handshake.

use crate::session::pending::Pending;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;

/// Lets the handshake begin behind the reply.
pub(super) fn reply(state: &mut SessionState) -> Reply {
    if state.peer.tls.is_some() {
        return Reply::bad("TLS is on already");
    }
    if !state.may_start_tls() {
        return Reply::bad("The server does not offer TLS");
    }
    state.pending = Pending::Tls;
    Reply::ok("Begin TLS now").with_updates(UpdatePolicy::Nothing)
}
