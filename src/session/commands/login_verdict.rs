//! Asking the server to verify a login, and the reply to the client. A session does not know who
//! may log in.

use super::capabilities::capabilities;
use crate::budget::{Step, Why};
use crate::protocol::Code;
use crate::session::login_request::{LoginRequest, LoginVerdict};
use crate::session::pending::Pending;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::Account;

/// Passes a login request to the server.
pub(super) fn request(state: &mut SessionState, request: LoginRequest) {
    state.pending = Pending::Request(request);
}

/// Waits for the server's verdict on the login request.
pub(super) fn await_verdict(state: &mut SessionState) -> Step<LoginVerdict> {
    match state.pending.take_verdict() {
        Some(verdict) => Step::Done(verdict),
        None => Step::Yield(Why::External),
    }
}

/// Logs the user in, and returns the OK.
pub(super) fn grant(state: &mut SessionState, user: &str, account: Account) -> Reply {
    state.log_in(user, account);
    // RFC 3501 §7.1: the code saves the client from asking again.
    let capabilities = capabilities(state);
    Reply::ok(format!("User {user} logged in"))
        .with_code(Code::Capability(capabilities))
        .with_updates(UpdatePolicy::Nothing)
}

/// Returns the NO for any verdict but the one that grants this login. A verdict that cannot follow
/// here grants nothing.
pub(super) fn refuse(state: &mut SessionState, verdict: LoginVerdict) -> Reply {
    let reply = match verdict {
        LoginVerdict::Unavailable(text) => Reply::no(text).with_code(Code::Unavailable),
        LoginVerdict::TooManyConnections => {
            let text = "You have too many connections: close one, and try again";
            Reply::no(text).with_code(Code::Limit)
        }
        LoginVerdict::Denied | LoginVerdict::Challenge(_) | LoginVerdict::Granted { .. } => {
            state.failed_logins += 1;
            Reply::no("Wrong user name or password").with_code(Code::AuthenticationFailed)
        }
    };
    reply.with_updates(UpdatePolicy::Nothing)
}
