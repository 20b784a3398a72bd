//! The client's lines in a SASL exchange (RFC 3501 §6.2.2).

use crate::budget::{Step, Why};
use crate::protocol::decode_response;
use crate::session::job::Context;
use crate::session::reply::Reply;
use crate::session::update_policy::UpdatePolicy;

/// Waits for the next line of the client, and decodes it. Fails if the line is no base64, or if the
/// client gives up.
pub(super) fn receive(cx: &mut Context<'_, '_>) -> Step<Result<Vec<u8>, Reply>> {
    match cx.state.pending.take_line() {
        Some(line) => Step::Done(decode_response(&line).map_err(refuse)),
        None => Step::Yield(Why::Line),
    }
}

/// Returns the BAD for a response that is no base64 or gives up.
pub(super) fn refuse(reason: &'static str) -> Reply {
    Reply::bad(reason).with_updates(UpdatePolicy::Nothing)
}
