//! LOGIN (RFC 1064 p. 9, RFC 3501 §6.2.3). The session does not know who may log in: it asks the shell
//! around it and waits for the verdict.

use crate::budget::{Step, Why};
use crate::protocol::{Code, Secret};
use crate::session::Request;
use crate::session::Verdict;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;

struct Login;

/// Asks for a verdict on the name and the password.
pub(super) fn job(user: Vec<u8>, password: &Secret, core: &mut Core) -> Box<dyn Job> {
    if !core.peer.may_log_in {
        let reply = Reply::no("A password may not be sent over this connection in clear text");
        return super::answered(reply.with_code(Code::PrivacyRequired));
    }
    core.request = Some(Request::Verify {
        user,
        password: password.expose().to_vec(),
    });
    core.awaits_verdict = true;
    Box::new(Login)
}

impl Job for Login {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let Some(verdict) = cx.core.verdict.take() else {
            return Step::Yield(Why::External);
        };
        cx.core.awaits_verdict = false;
        let reply = match verdict {
            Verdict::Granted { user, account } => {
                let text = format!("User {user} logged in");
                cx.core.log_in(&user, account);
                Reply::ok(text)
            }
            Verdict::Denied => {
                Reply::no("Wrong user name or password").with_code(Code::AuthenticationFailed)
            }
            Verdict::Unavailable(text) => Reply::no(text).with_code(Code::Unavailable),
        };
        Step::Done(reply.on(Occasion::Nothing))
    }
}
