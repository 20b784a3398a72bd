//! STARTTLS (RFC 3501 §6.2.1). The command only says that the client is about to begin TLS; whoever has
//! the socket does the handshake.

use crate::session::core::Core;
use crate::session::job::Reply;
use crate::session::untagged::Occasion;

/// Lets TLS begin behind the answer.
pub(super) fn starttls(core: &mut Core) -> Reply {
    if core.peer.tls.is_some() {
        return Reply::bad("TLS is on already");
    }
    if !core.may_start_tls() {
        return Reply::bad("There is no TLS here");
    }
    core.starts_tls = true;
    Reply::ok("Begin TLS now").on(Occasion::Nothing)
}
