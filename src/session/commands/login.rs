//! LOGIN (RFC 1064 p. 9, RFC 3501 §6.2.3). The session does not know who may log in: it asks the shell
//! around it and waits for the verdict.

use crate::budget::{Step, Why};
use crate::protocol::{Code, Credentials, Mechanism};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;
use crate::session::{LoginRequest, LoginVerdict};
use crate::store::Account;

/// Waiting for a verdict.
pub(super) struct Login(());

/// Asks for a verdict on the name and the password.
pub(super) fn job(credentials: Credentials, core: &mut Core) -> Box<dyn Job> {
    match may_log_in(core) {
        Ok(()) => Box::new(Login::ask(credentials, Mechanism::Login, core)),
        Err(reply) => super::answered(reply),
    }
}

/// Whether a password may come over this connection at all.
pub(super) fn may_log_in(core: &Core) -> Result<(), Reply> {
    if core.peer.may_log_in {
        return Ok(());
    }
    let reply = Reply::no("A password may not be sent over this connection in clear text");
    Err(reply.with_code(Code::PrivacyRequired))
}

impl Login {
    /// Asks for the verdict.
    pub(super) fn ask(credentials: Credentials, method: Mechanism, core: &mut Core) -> Self {
        ask(
            core,
            LoginRequest::Password {
                user: credentials.user,
                password: credentials.password,
                method,
            },
        );
        Self(())
    }
}

impl Job for Login {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        Step::Done(match ready!(verdict(cx.core)) {
            LoginVerdict::Granted { user, account, .. } => granted(cx.core, &user, account),
            other => not_granted(cx.core, other),
        })
    }
}

/// Puts a request to the shell around the session.
pub(super) fn ask(core: &mut Core, request: LoginRequest) {
    core.request = Some(request);
    core.awaits_verdict = true;
}

/// The answer to the request.
pub(super) fn verdict(core: &mut Core) -> Step<LoginVerdict> {
    let Some(verdict) = core.verdict.take() else {
        return Step::Yield(Why::External);
    };
    core.awaits_verdict = false;
    Step::Done(verdict)
}

/// Lets the client in.
pub(super) fn granted(core: &mut Core, user: &str, account: Account) -> Reply {
    core.log_in(user, account);
    // RFC 3501 §7.1: it saves the client from asking again.
    let capabilities = super::any_state::capabilities(core);
    Reply::ok(format!("User {user} logged in"))
        .with_code(Code::Capability(capabilities))
        .on(Occasion::Nothing)
}

/// Does not. A challenge where none can be is no reason to let anybody in.
pub(super) fn not_granted(core: &mut Core, verdict: LoginVerdict) -> Reply {
    let reply = match verdict {
        LoginVerdict::Unavailable(text) => Reply::no(text).with_code(Code::Unavailable),
        LoginVerdict::Denied | LoginVerdict::Challenge(_) | LoginVerdict::Granted { .. } => {
            core.failed_logins += 1;
            Reply::no("Wrong user name or password").with_code(Code::AuthenticationFailed)
        }
    };
    reply.on(Occasion::Nothing)
}
