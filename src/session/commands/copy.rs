//! COPY and UID COPY (RFC 1064 p. 11, RFC 3501 §6.4.7, RFC 4315 §3).
//!
//! Either all messages are copied or none. Older dialects do more: by RFC 1064 the server creates
//! the destination if it is missing, sends a COPY response for each message, and marks the
//! originals `\Seen`. The flags of a copy are those that its original had before.

use std::rc::Rc;

use super::uid_collector::UidCollector;
use super::{destination, mailbox_argument, uid};
use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::CopyArguments;
use crate::session::each_message::EachMessage;
use crate::session::job::{Context, Job, Outcome};
use crate::session::message_data::write_flags;
use crate::session::rename_retry::RenameRetry;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::{CopyMessages, FlagChange, MailboxHandle, MessageRef, StoreError};
use crate::types::{MailboxRef, NumberSet};
use crate::{ready, try_done, try_ready};

struct CopyJob {
    uid: bool,
    set: Rc<NumberSet>,
    to: MailboxRef,
    stage: CopyStage,
}

enum CopyStage {
    Collect(UidCollector),
    Copy(CopyMessages, MailboxHandle),
    /// The COPY responses are being written and the originals marked as seen; then comes the reply.
    Mark(EachMessage, RenameRetry, Reply),
}

/// Copies a set of messages.
pub(super) fn job(arguments: &CopyArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let to = mailbox_argument::any(&arguments.mailbox, state)?;
    let set = uid::resolve(arguments.uid, &arguments.set, state)?;
    Ok(Box::new(CopyJob {
        uid: arguments.uid,
        stage: CopyStage::Collect(UidCollector::new(Rc::clone(&set), arguments.uid)),
        set,
        to,
    }))
}

impl Job for CopyJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        loop {
            match &mut self.stage {
                CopyStage::Collect(collector) => {
                    let uids = ready!(collector.step(cx));
                    self.stage = try_done!(self.begin(uids, cx));
                }
                CopyStage::Copy(copy, to) => {
                    let copied = try_ready!(copy.step(cx.store, cx.budget));
                    let mut reply = Reply::ok("COPY completed");
                    reply.code = destination::copy_uid(&copied, to, cx.store);
                    let each = EachMessage::new(Rc::clone(&self.set), self.uid);
                    self.stage = CopyStage::Mark(each, RenameRetry::default(), reply);
                }
                CopyStage::Mark(each, retry, reply) => {
                    while let Some(message) = ready!(each.current(cx)) {
                        ready!(mark(&message, retry, cx));
                        each.advance(cx, COST_SYSCALL);
                    }
                    return Step::Done(Ok(std::mem::replace(reply, Reply::ok(""))));
                }
            }
        }
    }

    fn memory(&self) -> usize {
        let stage = match &self.stage {
            CopyStage::Collect(collector) => collector.memory(),
            CopyStage::Copy(copy, _) => copy.memory(),
            CopyStage::Mark(each, _, reply) => each.memory() + reply.memory(),
        };
        self.set.memory() + stage
    }

    fn may_fail(&self) -> bool {
        match &self.stage {
            CopyStage::Collect(_) => true,
            CopyStage::Copy(copy, _) => !copy.is_committed(),
            CopyStage::Mark(..) => false,
        }
    }
}

impl CopyJob {
    fn begin(&self, uids: NumberSet, cx: &mut Context<'_, '_>) -> Result<CopyStage, Reply> {
        let to = destination::open(&self.to, cx.state.dialect.copy_creates_mailbox(), cx)?;
        let view = cx.state.view().ok_or_else(Reply::nothing_selected)?;
        Ok(CopyStage::Copy(
            CopyMessages::new(view, uids, to.clone()),
            to,
        ))
    }
}

/// Writes a COPY response for the message, and marks the original `\Seen` if the mailbox may be
/// changed (RFC 1064 p. 11).
fn mark(message: &MessageRef, retry: &mut RenameRetry, cx: &mut Context<'_, '_>) -> Step<()> {
    if cx.state.dialect.copy_marks_seen() && cx.state.may_write() {
        let changed = ready!(retry.step_with_lock(cx, |store, view, lock, budget| {
            store.change_flags(view, message, &FlagChange::SEEN, lock, budget)
        }));
        match changed {
            Ok(true) => write_flags(cx, message),
            Ok(false) | Err(StoreError::Gone) => {}
            Err(error) => log::warn!(
                "{}: COPY could not mark message {} as seen: {}",
                cx.state.log_prefix(),
                message.uid.get(),
                error.in_full()
            ),
        }
    }
    if cx.state.dialect.reports_copy() {
        cx.state.encoder().copied(message.number);
    }
    Step::Done(())
}
