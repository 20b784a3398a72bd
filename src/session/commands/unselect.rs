//! UNSELECT (RFC 3691).

use crate::budget::Step;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::update_policy::UpdatePolicy;

struct UnselectJob;

/// Deselects the mailbox as CLOSE does, except that nothing is expunged (RFC 3691 §2).
pub(super) fn job() -> Box<dyn Job> {
    Box::new(UnselectJob)
}

impl Job for UnselectJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        cx.state.selected = None;
        let reply = Reply::ok("UNSELECT completed");
        Step::Done(Ok(reply.with_updates(UpdatePolicy::Nothing)))
    }
}
