//! A command in progress: a value with a cursor, stepped until it has a reply.

use super::reply::Reply;
use super::state::SessionState;
use crate::budget::{Budget, Step};
use crate::store::{FlagLock, Store};

/// What one step of a job works with.
pub(super) struct Context<'a, 'c> {
    pub(super) state: &'a mut SessionState,
    pub(super) store: &'a mut Store,
    pub(super) budget: &'a mut Budget<'c>,
    /// The lock for changes of flags in this step.
    pub(super) flag_lock: FlagLock,
}

/// The end of a job: `Ok` if the command was carried out, `Err` if it failed. Either becomes the
/// tagged response.
pub(super) type Outcome = Result<Reply, Reply>;

/// A command in progress.
pub(super) trait Job {
    /// Does at least one unit of work, pays for it, and yields when the budget is spent. A job that
    /// yields inside a response has set [`SessionState::is_in_response`]: what it has encoded is in
    /// the output queue, the rest is in its cursor, and nothing else is written in between.
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome>;

    /// Returns the octets of memory that the job holds, without the strings that its command
    /// brought. Takes constant time: what a job has for each message is counted as it grows.
    fn memory(&self) -> usize {
        0
    }

    /// True if the command may end with NO now, although nothing has gone wrong with it: the client
    /// has seen nothing of it that only the rest would complete, and it is not carried out.
    fn may_fail(&self) -> bool {
        true
    }
}

/// A job that is done already: its reply was known when the command was read.
pub(super) struct Answered(Option<Reply>);

impl Answered {
    /// Makes a job that ends with `reply`.
    pub(super) fn job(reply: Reply) -> Box<dyn Job> {
        Box::new(Self(Some(reply)))
    }
}

impl Job for Answered {
    fn step(&mut self, _: &mut Context<'_, '_>) -> Step<Outcome> {
        let again = || Reply::bad("Command was already answered");
        Step::Done(Ok(self.0.take().unwrap_or_else(again)))
    }
}
