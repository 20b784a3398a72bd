//! LOGIN (RFC 1064 p. 9, RFC 3501 §6.2.3). The session does not know who may log in: it asks the shell
//! around it and waits for the verdict.

use crate::budget::{Step, Why};
use crate::protocol::{Code, Credentials};
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;
use crate::session::{Method, Request, Verdict};

/// Waiting for a verdict.
pub(super) struct Login(());

/// Asks for a verdict on the name and the password.
pub(super) fn job(credentials: Credentials, core: &mut Core) -> Box<dyn Job> {
    match may_log_in(core) {
        Ok(()) => Box::new(Login::ask(credentials, Method::Login, core)),
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
    pub(super) fn ask(credentials: Credentials, method: Method, core: &mut Core) -> Self {
        core.request = Some(Request::Verify {
            user: credentials.user,
            password: credentials.password,
            method,
        });
        core.awaits_verdict = true;
        Self(())
    }
}

impl Job for Login {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let Some(verdict) = cx.core.verdict.take() else {
            return Step::Yield(Why::External);
        };
        cx.core.awaits_verdict = false;
        let reply = match verdict {
            Verdict::Granted { user, account } => {
                cx.core.log_in(&user, account);
                // RFC 3501 §7.1: it saves the client from asking again.
                let capabilities = super::any_state::capabilities(cx.core);
                Reply::ok(format!("User {user} logged in"))
                    .with_code(Code::Capability(capabilities))
            }
            Verdict::Denied => {
                cx.core.failed_logins += 1;
                Reply::no("Wrong user name or password").with_code(Code::AuthenticationFailed)
            }
            Verdict::Unavailable(text) => Reply::no(text).with_code(Code::Unavailable),
        };
        Step::Done(reply.on(Occasion::Nothing))
    }
}
