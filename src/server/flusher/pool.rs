//! The threads, their requests and their results.

use super::request_queue::RequestQueue;
use crate::store::{FlushRequest, FlushResult};
use mio::Waker;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most flushes that are under way at once: as many as a disk takes into its queue and a
/// journal into one commit, and few enough that their stacks and descriptors do not count.
const MOST_THREADS: usize = 16;
/// The stack of a thread, in octets. It calls the kernel and little else.
const STACK: usize = 64 * 1024;
/// A thread that has had nothing to flush for this long ends.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// How a request is carried out; tests have other ways.
type FlushFunction = dyn Fn(&FlushRequest) -> FlushResult + Send + Sync;

/// The flusher. When it is dropped its threads end, each after the flush that it is making.
pub(in crate::server) struct Flusher {
    shared: Arc<FlusherShared>,
}

/// What the threads and the event loop share.
struct FlusherShared {
    state: Mutex<FlusherState>,
    /// Wakes a thread when there is a request.
    has_work: Condvar,
    /// Wakes the event loop when there is a result.
    waker: Arc<Waker>,
    flush: Box<FlushFunction>,
}

#[derive(Default)]
struct FlusherState {
    requests: RequestQueue<FlushRequest>,
    /// The numbers of the requests that were carried out, and their results.
    results: Vec<(u64, FlushResult)>,
    threads: usize,
    /// How many of the threads have no request, or have not begun.
    free_threads: usize,
    /// True if no more requests come.
    is_closed: bool,
}

impl Flusher {
    /// Returns a flusher that wakes the event loop by `waker`.
    pub(in crate::server) fn new(waker: Arc<Waker>) -> Self {
        Self::with(waker, FlushRequest::flush)
    }

    /// Returns a flusher that flushes by `flush`.
    pub(in crate::server) fn with(
        waker: Arc<Waker>,
        flush: impl Fn(&FlushRequest) -> FlushResult + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(FlusherShared {
                state: Mutex::default(),
                has_work: Condvar::new(),
                waker,
                flush: Box::new(flush),
            }),
        }
    }

    /// Starts flushes, or queues them if many are under way.
    pub(in crate::server) fn start(&self, requests: Vec<FlushRequest>) {
        if requests.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        for request in requests {
            state.requests.push(request.owner(), request);
        }
        while state.needs_thread() {
            match self.start_thread() {
                Ok(()) => state.add_thread(),
                Err(error) if state.threads == 0 => {
                    log::error!(
                        "cannot start a thread that flushes to disk, so all clients wait for each \
                         flush: {error}"
                    );
                    self.shared.flush_here(&mut state);
                    return;
                }
                Err(_) => break,
            }
        }
        self.shared.has_work.notify_all();
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new()
            .name("flusher".into())
            .stack_size(STACK);
        thread.spawn(move || shared.work()).map(drop)
    }

    /// Takes the results that have come since the last call, by the numbers of the requests.
    pub(in crate::server) fn take_results(&self) -> Vec<(u64, FlushResult)> {
        std::mem::take(&mut self.shared.lock().results)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.has_work.notify_all();
    }
}

impl FlusherState {
    fn needs_thread(&self) -> bool {
        self.requests.len() > self.free_threads && self.threads < MOST_THREADS
    }

    fn add_thread(&mut self) {
        self.threads += 1;
        self.free_threads += 1;
    }
}

impl FlusherShared {
    fn lock(&self) -> MutexGuard<'_, FlusherState> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out requests until none has come for a while.
    fn work(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            if let Some(request) = state.requests.pop() {
                state.free_threads -= 1;
                drop(state);
                let done = self.carry_out(request);
                state = self.lock();
                state.free_threads += 1;
                self.report(&mut state, done);
                continue;
            }
            let waited = self.has_work.wait_timeout(state, IDLE_TIME);
            let (woken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if waited.timed_out() && state.requests.len() == 0 {
                break;
            }
        }
        state.threads -= 1;
        state.free_threads -= 1;
    }

    /// Flushes and closes the descriptor. Both may take their time.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "dropping the request closes the descriptor"
    )]
    fn carry_out(&self, request: FlushRequest) -> (u64, FlushResult) {
        (request.number(), (self.flush)(&request))
    }

    fn report(&self, state: &mut FlusherState, done: (u64, FlushResult)) {
        let is_first = state.results.is_empty();
        state.results.push(done);
        if is_first {
            // It fails only if the loop has ended.
            let _ = self.waker.wake();
        }
    }

    /// Carries out all requests in the thread of the event loop.
    fn flush_here(&self, state: &mut FlusherState) {
        while let Some(request) = state.requests.pop() {
            let done = self.carry_out(request);
            self.report(state, done);
        }
    }
}
