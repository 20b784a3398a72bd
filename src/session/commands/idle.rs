//! IDLE (RFC 2177): the server reports changes as they happen, until the client sends DONE.
//!
//! The session does not know when its mailbox changes: the server watches the mailbox and calls
//! [`handle_mailbox_change`](crate::session::Session::handle_mailbox_change). Then the session
//! compares the mailbox with the disk, and writes what has changed as at the end of any command,
//! but only once the client has taken everything that was written before. So a client that does not
//! read gets one longer list of changes later on, instead of a queue that grows.

use crate::budget::{Step, Why};
use crate::ready;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::IdleState;
use crate::session::update_policy::UpdatePolicy;
use crate::session::updates::UpdateWriter;
use crate::store::{StoreError, SyncMailbox};

/// The line that ends the command (RFC 2177 §4).
const DONE: &[u8] = b"DONE";

struct IdleJob {
    stage: IdleStage,
}

enum IdleStage {
    Begin,
    /// Waits for a change of the mailbox, or for DONE.
    Wait,
    /// Compares the mailbox with the disk.
    Sync(SyncMailbox),
    /// Writes what has changed.
    Updates(UpdateWriter),
}

/// Waits for changes of the mailbox, and for the client.
pub(super) fn job() -> Box<dyn Job> {
    Box::new(IdleJob {
        stage: IdleStage::Begin,
    })
}

impl Job for IdleJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        loop {
            self.stage = match &mut self.stage {
                IdleStage::Begin => {
                    cx.state.encoder().continuation("idling");
                    cx.state.idle = IdleState::Changed;
                    IdleStage::Wait
                }
                IdleStage::Wait => match cx.state.pending.take_line() {
                    Some(line) => return Step::Done(end(&line, cx)),
                    None => IdleStage::Sync(ready!(await_change(cx))),
                },
                IdleStage::Sync(sync) => match ready!(sync.step(cx.store, cx.budget)) {
                    Err(StoreError::Invalidated) => return Step::Done(Err(end_invalidated(cx))),
                    Err(error) => {
                        // The end of the command compares once more, and logs the error as a
                        // warning.
                        log::debug!(
                            "{}: IDLE could not compare the mailbox with the disk: {}",
                            cx.state.log_prefix(),
                            error.in_full()
                        );
                        IdleStage::Wait
                    }
                    Ok(()) => IdleStage::Updates(UpdateWriter::new(UpdatePolicy::All)),
                },
                IdleStage::Updates(updates) => {
                    ready!(updates.step(cx));
                    IdleStage::Wait
                }
            };
        }
    }

    fn memory(&self) -> usize {
        match &self.stage {
            IdleStage::Sync(sync) => sync.memory(),
            IdleStage::Updates(updates) => updates.memory(),
            IdleStage::Begin | IdleStage::Wait => 0,
        }
    }

    /// False: the changes of the mailbox are written to their end.
    fn may_fail(&self) -> bool {
        false
    }
}

/// Waits until the mailbox may have changed and the client has read all output. Done with the
/// comparison with the disk.
fn await_change(cx: &mut Context<'_, '_>) -> Step<SyncMailbox> {
    let mailbox = cx.state.view().map(|view| view.handle().clone());
    match mailbox.filter(|_| cx.state.idle == IdleState::Changed) {
        None => Step::Yield(Why::Line),
        Some(_) if cx.state.output.unsent() > 0 => Step::Yield(Why::OutputFull),
        Some(mailbox) => {
            cx.state.idle = IdleState::Unchanged;
            Step::Done(SyncMailbox::new(mailbox))
        }
    }
}

/// Ends the command: with OK if the line is DONE, in letters of any case (RFC 2177 §3). A command
/// that came instead is not carried out, since it is uncertain whether the client meant it as one.
fn end(line: &[u8], cx: &mut Context<'_, '_>) -> Outcome {
    cx.state.idle = IdleState::Off;
    if line.eq_ignore_ascii_case(DONE) {
        Ok(Reply::ok("IDLE terminated"))
    } else {
        Err(Reply::bad("Only DONE ends IDLE"))
    }
}

/// Ends the command because the mailbox was deleted or replaced. The comparison with the disk
/// before the reply finds the same, and BYE follows the reply.
fn end_invalidated(cx: &mut Context<'_, '_>) -> Reply {
    cx.state.idle = IdleState::Off;
    Reply::no("The selected mailbox no longer exists")
}
