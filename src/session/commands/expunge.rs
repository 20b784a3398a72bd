//! EXPUNGE and CLOSE (RFC 1064 p. 10, RFC 3501 §6.4.2-6.4.3), and UID EXPUNGE (RFC 4315 §2.1).

use crate::budget::Step;
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;
use crate::store::ExpungeMessages;
use crate::types::MessageSet;

struct ExpungeJob(ExpungeMessages);

/// Removes the messages marked `\Deleted`, or those of them with the given UIDs; the lines that say so
/// are written with the other changes.
pub(super) fn job(uids: Option<&MessageSet>, core: &Core) -> Box<dyn Job> {
    match core.view() {
        Some(view) if core.may_write() => {
            let uids = uids.map(|set| super::fetch::numbers(true, set, core).unwrap_or_default());
            Box::new(ExpungeJob(ExpungeMessages::new(
                view.handle().clone(),
                uids,
            )))
        }
        _ => super::answered(Reply::no(
            "EXPUNGE is not allowed: the mailbox is read-only",
        )),
    }
}

impl Job for ExpungeJob {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        Step::Done(match ready!(self.0.step(cx.store, cx.budget)) {
            Ok(_) => Reply::ok("EXPUNGE completed").on(Occasion::Expunge),
            Err(error) => Reply::refused(&error),
        })
    }
}

/// Removes the messages marked `\Deleted` without a word, and deselects (RFC 3501 §6.4.2). A mailbox
/// open for reading only is just deselected.
#[derive(Default)]
pub(super) struct Close {
    expunge: Option<ExpungeMessages>,
}

impl Job for Close {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if cx.core.may_write() {
            let Some(view) = cx.core.view() else {
                return Step::Done(Reply::bad("Select a mailbox first"));
            };
            let expunge = self
                .expunge
                .get_or_insert_with(|| ExpungeMessages::new(view.handle().clone(), None));
            if let Err(error) = ready!(expunge.step(cx.store, cx.budget)) {
                return Step::Done(Reply::refused(&error));
            }
        }
        cx.core.selected = None;
        Step::Done(Reply::ok("CLOSE completed").on(Occasion::Nothing))
    }
}
