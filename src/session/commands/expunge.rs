//! EXPUNGE (RFC 1064 p. 10, RFC 3501 §6.4.3), and UID EXPUNGE (RFC 4315 §2.1).

use std::rc::Rc;

use super::uid;
use crate::budget::Step;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::ExpungeMessages;
use crate::try_ready;
use crate::types::SequenceSet;

struct ExpungeJob(ExpungeMessages);

/// Removes the messages marked `\Deleted`, or those of them with the given UIDs. The EXPUNGE
/// responses are written with the other changes of the mailbox.
pub(super) fn job(uids: Option<&SequenceSet>, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    match state.view() {
        Some(view) if state.may_write() => {
            let uids = uids.map(|set| uid::resolve(true, set, state).unwrap_or_default());
            let uids = uids.map(Rc::unwrap_or_clone);
            Ok(Box::new(ExpungeJob(ExpungeMessages::new(
                view.handle().clone(),
                uids,
            ))))
        }
        _ => Err(Reply::no(
            "EXPUNGE is not allowed: the mailbox is read-only",
        )),
    }
}

impl Job for ExpungeJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        try_ready!(self.0.step(cx.store, cx.budget));
        let reply = Reply::ok("EXPUNGE completed");
        Step::Done(Ok(reply.with_updates(UpdatePolicy::Expunge)))
    }

    fn memory(&self) -> usize {
        self.0.memory()
    }
}
