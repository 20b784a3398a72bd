//! The queue of flushes, and the flushes that jobs wait for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::rc::{Rc, Weak};

use rustix::io::Errno;

use super::target::FlushTarget;
use crate::budget::{Budget, COST_SYNC, COST_SYSCALL, Step, Why};
use crate::{ready, try_done};

/// The result of a flush. It is shared by the jobs that wait for it.
pub(crate) type FlushResult = Result<(), Errno>;

/// The flushes of a store. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlushQueue(Rc<RefCell<QueueState>>);

#[derive(Debug, Default)]
struct QueueState {
    /// True if a flusher takes the requests; otherwise jobs flush when they poll.
    has_flusher: bool,
    /// The session that is running now, as the server numbers them.
    session: usize,
    /// The owner of that session, as the server numbers them.
    owner: usize,
    /// Number of the last request.
    last_number: u64,
    /// Requests that the flusher has not taken yet.
    requests: Vec<FlushRequest>,
    /// The flushes of all requests that are not completed, by the numbers of the requests.
    submitted: HashMap<u64, Weak<RefCell<FlushState>>>,
}

/// A flush that the flusher has to make.
#[derive(Debug)]
pub(crate) struct FlushRequest {
    number: u64,
    /// Whose share of the flusher the request uses up.
    owner: usize,
    target: FlushTarget,
}

impl FlushRequest {
    /// Returns the number by which [`FlushQueue::complete`] knows the request.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns whose share of the flusher the request uses up: that of the owner whose session
    /// submitted it first.
    pub(crate) fn owner(&self) -> usize {
        self.owner
    }

    /// Flushes, and waits until the disk has it.
    pub(crate) fn flush(&self) -> FlushResult {
        self.target.flush()
    }

    /// Returns the path of the file.
    #[cfg(test)]
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.target.path()
    }
}

/// A flush that a job waits for. Clones wait for the same one.
#[derive(Debug, Clone)]
pub(crate) struct Flush {
    queue: FlushQueue,
    state: Rc<RefCell<FlushState>>,
}

#[derive(Debug)]
enum FlushState {
    /// There is no flusher: the first poll flushes.
    InPlace(FlushTarget),
    /// The flusher has the request, or will get it. These sessions wait for it.
    Submitted(Vec<usize>),
    Done(FlushResult),
}

impl FlushQueue {
    /// Leaves the flushes to a flusher from now on, which calls [`Self::take_requests`].
    pub(crate) fn use_flusher(&self) {
        self.0.borrow_mut().has_flusher = true;
    }

    /// Notes which session runs from now on, and its owner: the session waits for the flushes that
    /// its jobs poll, and the flushes that they submit are the owner's.
    pub(crate) fn set_session(&self, session: usize, owner: usize) {
        let mut state = self.0.borrow_mut();
        (state.session, state.owner) = (session, owner);
    }

    /// Submits a flush of what was written before.
    pub(crate) fn submit(&self, target: FlushTarget) -> Flush {
        let state = self.0.borrow_mut().submit(target);
        Flush {
            queue: self.clone(),
            state,
        }
    }

    /// Opens a directory and submits the flush of its entries.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub(crate) fn submit_directory(&self, path: &Path) -> io::Result<Flush> {
        Ok(self.submit(FlushTarget::directory(path)?))
    }

    /// Submits the flush of a new directory and of those above it that may be new.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub(crate) fn submit_with_parents(&self, path: &Path) -> io::Result<Flush> {
        Ok(self.submit(FlushTarget::with_parents(path)?))
    }

    /// Takes the requests that were submitted since the last call.
    pub(crate) fn take_requests(&self) -> Vec<FlushRequest> {
        std::mem::take(&mut self.0.borrow_mut().requests)
    }

    /// Takes in the result of a request. Returns the sessions that wait for it.
    pub(crate) fn complete(&self, number: u64, result: FlushResult) -> Vec<usize> {
        let submitted = self.0.borrow_mut().submitted.remove(&number);
        let Some(state) = submitted.and_then(|state| state.upgrade()) else {
            return Vec::new();
        };
        match state.replace(FlushState::Done(result)) {
            FlushState::Submitted(sessions) => sessions,
            FlushState::InPlace(_) | FlushState::Done(_) => Vec::new(),
        }
    }
}

impl QueueState {
    fn submit(&mut self, target: FlushTarget) -> Rc<RefCell<FlushState>> {
        if !self.has_flusher {
            return Rc::new(RefCell::new(FlushState::InPlace(target)));
        }
        if let Some(state) = self.find(&target) {
            return state;
        }
        self.last_number += 1;
        let number = self.last_number;
        let state = Rc::new(RefCell::new(FlushState::Submitted(Vec::new())));
        self.submitted.insert(number, Rc::downgrade(&state));
        self.requests.push(FlushRequest {
            number,
            owner: self.owner,
            target,
        });
        state
    }

    /// Returns the flush of a request that has not begun and covers the target.
    fn find(&self, target: &FlushTarget) -> Option<Rc<RefCell<FlushState>>> {
        let covers = |request: &&FlushRequest| request.target.covers(target);
        let number = self.requests.iter().find(covers)?.number;
        self.submitted.get(&number)?.upgrade()
    }
}

impl Flush {
    /// Waits for the result of the flush. Every poll returns the same result.
    pub(crate) fn poll(&self, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
        let mut state = self.state.borrow_mut();
        if let FlushState::InPlace(target) = &*state {
            let result = target.flush();
            budget.spend(COST_SYNC);
            *state = FlushState::Done(result);
        }
        match &mut *state {
            FlushState::Done(result) => Step::Done(result.map_err(io::Error::from)),
            FlushState::Submitted(sessions) => {
                budget.spend(COST_SYSCALL);
                let session = self.queue.0.borrow().session;
                if !sessions.contains(&session) {
                    sessions.push(session);
                }
                Step::Yield(Why::Flush)
            }
            FlushState::InPlace(_) => unreachable!("it was flushed above"),
        }
    }
}

/// Waits for all the flushes, and takes out those that are done. Ends with the first error.
pub(crate) fn poll_all(flushes: &mut Vec<Flush>, budget: &mut Budget<'_>) -> Step<io::Result<()>> {
    while let Some(flush) = flushes.last() {
        let flushed = ready!(flush.poll(budget));
        flushes.pop();
        try_done!(flushed);
        if budget.is_spent() && !flushes.is_empty() {
            return Step::Yield(Why::Budget);
        }
    }
    Step::Done(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;
    use std::time::SystemTime;

    use super::*;
    use crate::budget::FakeClock;

    fn poll(flush: &Flush) -> Step<Result<(), io::ErrorKind>> {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let polled = flush.poll(&mut Budget::unlimited(&clock));
        polled.map_err(|error| error.kind())
    }

    fn directory(path: &std::path::Path) -> FlushTarget {
        FlushTarget::directory(path).expect("a directory")
    }

    #[test]
    fn flushes_in_place_without_a_flusher() {
        let dir = tempfile::tempdir().expect("a directory");
        let queue = FlushQueue::default();
        let flush = queue.submit(directory(dir.path()));
        assert_eq!(poll(&flush), Step::Done(Ok(())));
        assert!(queue.take_requests().is_empty());
    }

    #[test]
    fn flushes_of_one_directory_are_one_until_the_flusher_takes_it() {
        let (dir, other) = (tempfile::tempdir(), tempfile::tempdir());
        let (dir, other) = (dir.expect("a directory"), other.expect("another"));
        let queue = FlushQueue::default();
        queue.use_flusher();
        queue.set_session(1, 10);
        let first = queue.submit(directory(dir.path()));
        queue.set_session(2, 20);
        let second = queue.submit(directory(dir.path()));
        let elsewhere = queue.submit(directory(other.path()));
        queue.set_session(1, 10);
        assert_eq!(poll(&first), Step::Yield(Why::Flush));
        queue.set_session(2, 20);
        assert_eq!(poll(&second), Step::Yield(Why::Flush));
        assert_eq!(poll(&second), Step::Yield(Why::Flush));
        let taken = queue.take_requests();
        let owners: Vec<usize> = taken.iter().map(FlushRequest::owner).collect();
        assert_eq!(owners, [10, 20]);
        // What is written after that may be too late for it.
        let late = queue.submit(directory(dir.path()));
        assert_eq!(queue.complete(taken[0].number(), Err(Errno::NOSPC)), [1, 2]);
        let failed = Step::Done(Err(io::ErrorKind::StorageFull));
        assert_eq!((poll(&first), poll(&second)), (failed.clone(), failed));
        assert_eq!(poll(&elsewhere), Step::Yield(Why::Flush));
        assert_eq!(poll(&late), Step::Yield(Why::Flush));
        assert_eq!(queue.take_requests().len(), 1);
    }

    #[test]
    fn flushes_of_one_file_stay_apart() {
        let file = Arc::new(tempfile::tempfile().expect("a file"));
        let queue = FlushQueue::default();
        queue.use_flusher();
        let target = |file: &Arc<File>| FlushTarget::content(Arc::clone(file));
        let _flushes = (queue.submit(target(&file)), queue.submit(target(&file)));
        assert_eq!(queue.take_requests().len(), 2);
    }

    #[test]
    fn the_result_of_a_flush_that_no_job_waits_for_is_ignored() {
        let dir = tempfile::tempdir().expect("a directory");
        let queue = FlushQueue::default();
        queue.use_flusher();
        drop(queue.submit(directory(dir.path())));
        let taken = queue.take_requests();
        assert!(queue.complete(taken[0].number(), Ok(())).is_empty());
        assert!(queue.complete(taken[0].number(), Ok(())).is_empty());
    }
}
