//! MOVE and UID MOVE (RFC 6851).

use crate::budget::Step;
use crate::protocol::{CopyArguments, Status};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;
use crate::store::{MailboxHandle, MoveMessages, MoveOutcome};
use crate::types::{MailboxRef, NumberSet};

use super::copy::{Collect, copy_uid, open_or_create};

struct MoveJob {
    to: MailboxRef,
    stage: Stage,
}

enum Stage {
    Collect(Collect),
    Move(MoveMessages, MailboxHandle),
}

/// Moves a set of messages.
pub(super) fn job(arguments: &CopyArguments, core: &Core) -> Box<dyn Job> {
    let &CopyArguments { uid, ref set, .. } = arguments;
    if !core.may_write() {
        return super::answered(Reply::no("MOVE is not allowed: the mailbox is read-only"));
    }
    let arguments = super::mailbox_argument(&arguments.mailbox, core)
        .and_then(|to| Ok((to, super::fetch::numbers(uid, set, core)?)));
    match arguments {
        Ok((to, set)) => Box::new(MoveJob {
            to,
            stage: Stage::Collect(Collect::new(set, uid)),
        }),
        Err(reply) => super::answered(reply),
    }
}

impl Job for MoveJob {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        loop {
            match &mut self.stage {
                Stage::Collect(collect) => {
                    let uids = ready!(collect.step(cx));
                    match self.begin(uids, cx) {
                        Ok(stage) => self.stage = stage,
                        Err(reply) => return Step::Done(reply),
                    }
                }
                Stage::Move(moving, to) => {
                    let moved = ready!(moving.step(cx.store, cx.budget));
                    return Step::Done(reply(&moved, to, cx));
                }
            }
        }
    }
}

impl MoveJob {
    fn begin(&self, uids: NumberSet, cx: &mut Cx<'_, '_>) -> Result<Stage, Reply> {
        let to = open_or_create(&self.to, false, cx)?;
        let Some(view) = cx.core.view() else {
            return Err(Reply::bad("Select a mailbox first"));
        };
        Ok(Stage::Move(MoveMessages::new(view, uids, to.clone()), to))
    }
}

/// RFC 6851 §4.3: COPYUID goes out before the EXPUNGE lines, and so not in the tagged line. It tells what
/// was moved even if not all was.
fn reply(moved: &MoveOutcome, to: &MailboxHandle, cx: &mut Cx<'_, '_>) -> Reply {
    let code = copy_uid(&moved.uids, to, cx.store);
    if code.is_some() {
        cx.core.encoder().untagged(Status::Ok, code, "Moved");
    }
    match &moved.result {
        Ok(()) => Reply::ok("MOVE completed").on(Occasion::Expunge),
        Err(error) => Reply::refused(error),
    }
}
