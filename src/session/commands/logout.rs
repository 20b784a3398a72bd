//! LOGOUT (RFC 1064 p. 9).

use crate::budget::Step;
use crate::protocol::Status;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::update_policy::UpdatePolicy;

struct LogoutJob;

/// Ends the session: BYE, then the tagged OK, then the end of the connection.
pub(super) fn job() -> Box<dyn Job> {
    Box::new(LogoutJob)
}

impl Job for LogoutJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let host = &cx.state.config.host;
        let text = format!("{host} IMAP server terminating connection");
        cx.state.encoder().untagged(Status::Bye, None, &text);
        cx.state.finish();
        let reply = Reply::ok("LOGOUT completed");
        Step::Done(Ok(reply.with_updates(UpdatePolicy::Nothing)))
    }
}
