//! CLOSE (RFC 3501 §6.4.2).

use crate::budget::Step;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::update_policy::UpdatePolicy;
use crate::store::ExpungeMessages;
use crate::try_ready;

#[derive(Default)]
struct CloseJob {
    expunge: Option<ExpungeMessages>,
}

/// Expunges the messages marked `\Deleted` without untagged responses, and deselects the mailbox.
/// One that is open for reading only is just deselected.
pub(super) fn job() -> Box<dyn Job> {
    Box::new(CloseJob::default())
}

impl Job for CloseJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        if cx.state.may_write() {
            let Some(view) = cx.state.view() else {
                return Step::Done(Err(Reply::nothing_selected()));
            };
            let expunge = self
                .expunge
                .get_or_insert_with(|| ExpungeMessages::new(view.handle().clone(), None));
            try_ready!(expunge.step(cx.store, cx.budget));
        }
        cx.state.selected = None;
        let reply = Reply::ok("CLOSE completed");
        Step::Done(Ok(reply.with_updates(UpdatePolicy::Nothing)))
    }

    fn memory(&self) -> usize {
        self.expunge.as_ref().map_or(0, ExpungeMessages::memory)
    }
}
