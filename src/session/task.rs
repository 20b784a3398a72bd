//! One command from its job to its tagged response.

use super::condstore;
use super::job::{Answered, Context, Job};
use super::long_responses;
use super::reply::Reply;
use super::state::SessionState;
use super::update_policy::UpdatePolicy;
use super::updates::UpdateWriter;
use crate::budget::{Budget, Step};
use crate::protocol::Status;
use crate::ready;
use crate::store::{FlagLock, Store, StoreError, SyncMailbox};

/// One command from its job to its tagged response.
pub(super) struct Task {
    tag: Vec<u8>,
    stage: TaskStage,
    /// Octets of the command: as many are kept of it, about.
    octets: usize,
}

enum TaskStage {
    Job(Box<dyn Job>),
    /// The mailbox is being compared with the disk; then come its changes and the reply.
    Sync(Reply, SyncMailbox),
    /// The changes of the mailbox are being written; then comes the reply.
    Updates(Reply, UpdateWriter),
}

impl Task {
    /// Makes the task of a command. `Err` is the reply of a command that needs no job.
    pub(super) fn new(tag: Vec<u8>, job: Result<Box<dyn Job>, Reply>) -> Self {
        Self {
            tag,
            stage: TaskStage::Job(job.unwrap_or_else(Answered::job)),
            octets: 0,
        }
    }

    /// Notes how many octets the command has.
    pub(super) fn with_octets(self, octets: usize) -> Self {
        Self { octets, ..self }
    }

    /// Makes the task of a command whose reply is known.
    pub(super) fn reply(tag: Vec<u8>, reply: Reply) -> Self {
        Self::new(tag, Err(reply))
    }

    /// Returns the tag of the command.
    pub(super) fn tag(&self) -> &[u8] {
        &self.tag
    }

    /// Returns the octets of memory that the command holds.
    pub(super) fn memory(&self) -> usize {
        let stage = match &self.stage {
            TaskStage::Job(job) => self.octets + job.memory(),
            TaskStage::Sync(reply, sync) => reply.memory() + sync.memory(),
            TaskStage::Updates(reply, updates) => reply.memory() + updates.memory(),
        };
        size_of::<Self>() + stage
    }

    /// True if the command may end with NO now: see [`Job::may_fail`]. Once it is carried out, the
    /// changes of the mailbox are written to their end.
    pub(super) fn may_fail(&self) -> bool {
        matches!(&self.stage, TaskStage::Job(job) if job.may_fail())
    }

    /// Carries the command on; done when its tagged response is written.
    pub(super) fn step(
        &mut self,
        state: &mut SessionState,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        let cx = &mut Context {
            state,
            store,
            budget,
            flag_lock: FlagLock::default(),
        };
        loop {
            match &mut self.stage {
                TaskStage::Job(job) => {
                    let (Ok(mut reply) | Err(mut reply)) = ready!(job.step(cx));
                    // The comparison with the disk may need it.
                    cx.flag_lock.release();
                    match sync_before(&reply, cx) {
                        Some(sync) => self.stage = TaskStage::Sync(reply, sync),
                        None => {
                            write_reply(&self.tag, &mut reply, cx);
                            return Step::Done(());
                        }
                    }
                }
                TaskStage::Sync(reply, sync) => {
                    if let Err(error) = ready!(sync.step(cx.store, cx.budget)) {
                        if matches!(error, StoreError::Invalidated) {
                            write_reply(&self.tag, reply, cx);
                            end_invalidated(cx);
                            return Step::Done(());
                        }
                        log::warn!(
                            "{}: the mailbox could not be compared with the disk: {}",
                            cx.state.log_prefix(),
                            error.in_full()
                        );
                    }
                    let updates = UpdateWriter::new(reply.policy);
                    let reply = std::mem::replace(reply, Reply::ok(""));
                    self.stage = TaskStage::Updates(reply, updates);
                }
                TaskStage::Updates(reply, updates) => {
                    ready!(updates.step(cx));
                    if cx.state.enabled.condstore && updates.has_written_expunges() {
                        add_highest_modseq(reply, cx);
                    }
                    write_reply(&self.tag, reply, cx);
                    return Step::Done(());
                }
            }
        }
    }
}

/// Returns the comparison with the disk that goes before a reply, if the reply reports changes.
fn sync_before(reply: &Reply, cx: &Context<'_, '_>) -> Option<SyncMailbox> {
    let view = cx.state.view();
    let view = view.filter(|_| reply.policy != UpdatePolicy::Nothing)?;
    Some(SyncMailbox::new(view.handle().clone()))
}

/// Writes the tagged response, and logs the error behind it.
fn write_reply(tag: &[u8], reply: &mut Reply, cx: &mut Context<'_, '_>) {
    cx.state.last_was_bad = reply.status == Status::Bad;
    if let Some(fault) = &reply.fault {
        log::error!("{}: {fault}", cx.state.log_prefix());
    }
    let text = sentence(&reply.text);
    let code = reply.code.take();
    long_responses::write_status(cx.state, tag, reply.status, code, &text);
}

/// Reports the highest mod-sequence after expunges, which counts them in (RFC 7162 §3.2.7): in the
/// tagged response if it has room for a code, else before it.
fn add_highest_modseq(reply: &mut Reply, cx: &mut Context<'_, '_>) {
    if reply.status == Status::Ok && reply.code.is_none() {
        reply.code = condstore::highest_modseq(cx);
    } else {
        condstore::announce_highest_modseq(cx);
    }
}

/// Begins a text with a capital letter: error texts of the store do not.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// Ends the session because its mailbox was deleted or replaced, so that message sequence numbers
/// mean nothing any more. The reply to the last command goes before: it was carried out while they
/// did.
fn end_invalidated(cx: &mut Context<'_, '_>) {
    let text = "The selected mailbox was deleted or replaced";
    cx.state.encoder().untagged(Status::Bye, None, text);
    cx.state.finish();
}
