//! MOVE and UID MOVE (RFC 6851).

use super::uid_collector::UidCollector;
use super::{destination, mailbox_argument, uid};
use crate::budget::Step;
use crate::protocol::{CopyArguments, Status};
use crate::session::job::{Context, Job, Outcome};
use crate::session::long_responses;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::{MailboxHandle, MoveMessages, MoveOutcome};
use crate::types::{MailboxRef, NumberSet};
use crate::{ready, try_done};

struct MoveJob {
    to: MailboxRef,
    stage: MoveStage,
}

enum MoveStage {
    Collect(UidCollector),
    Move(MoveMessages, MailboxHandle),
}

/// Moves a set of messages.
pub(super) fn job(arguments: &CopyArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    if !state.may_write() {
        return Err(Reply::no("MOVE is not allowed: the mailbox is read-only"));
    }
    let to = mailbox_argument::any(&arguments.mailbox, state)?;
    let set = uid::resolve(arguments.uid, &arguments.set, state)?;
    Ok(Box::new(MoveJob {
        to,
        stage: MoveStage::Collect(UidCollector::new(set, arguments.uid)),
    }))
}

impl Job for MoveJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        loop {
            match &mut self.stage {
                MoveStage::Collect(collector) => {
                    let uids = ready!(collector.step(cx));
                    self.stage = try_done!(self.begin(uids, cx));
                }
                MoveStage::Move(moving, to) => {
                    let moved = ready!(moving.step(cx.store, cx.budget));
                    return Step::Done(outcome(&moved, to, cx));
                }
            }
        }
    }

    fn memory(&self) -> usize {
        match &self.stage {
            MoveStage::Collect(collector) => collector.memory(),
            MoveStage::Move(moving, _) => moving.memory(),
        }
    }

    fn may_fail(&self) -> bool {
        match &self.stage {
            MoveStage::Collect(_) => true,
            MoveStage::Move(moving, _) => !moving.is_committed(),
        }
    }
}

impl MoveJob {
    fn begin(&self, uids: NumberSet, cx: &mut Context<'_, '_>) -> Result<MoveStage, Reply> {
        let to = destination::open(&self.to, false, cx)?;
        let view = cx.state.view().ok_or_else(Reply::nothing_selected)?;
        Ok(MoveStage::Move(
            MoveMessages::new(view, uids, to.clone()),
            to,
        ))
    }
}

/// Writes COPYUID, which goes before the EXPUNGE responses and so not into the tagged response
/// (RFC 6851 §4.3). It names what was moved even if not all was.
fn outcome(moved: &MoveOutcome, to: &MailboxHandle, cx: &mut Context<'_, '_>) -> Outcome {
    let code = destination::copy_uid(&moved.uids, to, cx.store);
    if code.is_some() {
        long_responses::write_status(cx.state, b"*", Status::Ok, code, "Moved");
    }
    match &moved.result {
        Ok(()) => Ok(Reply::ok("MOVE completed").with_updates(UpdatePolicy::Expunge)),
        Err(error) => Err(Reply::refused(error)),
    }
}
