//! Finishes, between the turns of the connections, the jobs of clients that have disconnected in
//! the middle (see `store::abandoned`).

use super::flusher::Flusher;
use super::panics;
use crate::budget::{Budget, Clock, STEP_TIME, SystemClock};
use crate::store::Store;
use std::time::{Duration, Instant};

/// How long a server that ends goes on with abandoned work. What waits for the lock of another
/// program for longer is given up: a message that was being moved may then be in both mailboxes.
const TIME_AT_END: Duration = Duration::from_secs(1);

/// The session and the owner of the flushes of abandoned work, whose sessions have ended. It has
/// the share of one user.
const NO_SESSION: usize = usize::MAX;

/// Gives one step to one piece of abandoned work: as much as the long commands get between two
/// polls of the sockets. A file is removed in less than half the time in which it is made, so the
/// work cannot pile up.
pub(super) fn take_turn(store: &mut Store) {
    if store.abandoned_work() > 0 {
        step(store, SystemClock.now());
    }
}

/// Ends with the abandoned work, when no session is left, and closes all mailboxes. Stops when the
/// time of a server that ends is over.
pub(super) fn finish(store: &mut Store, flusher: Option<&Flusher>) {
    let end = SystemClock.now() + TIME_AT_END;
    finish_work(store, flusher, end);
    store.close_all();
    finish_work(store, flusher, end);
}

/// Steps the abandoned work until nothing is left, or the time is over.
fn finish_work(store: &mut Store, flusher: Option<&Flusher>, end: Instant) {
    while store.abandoned_work() > 0 {
        if let Some(flusher) = flusher {
            for (number, result) in flusher.take_results() {
                store.complete_flush(number, result);
            }
        }
        if let Some(time) = store.next_clean_up(SystemClock.now()) {
            // Another program holds a lock, or the disk flushes. No client waits any more.
            let pause = time.saturating_duration_since(SystemClock.now());
            std::thread::sleep(pause.min(end.saturating_duration_since(SystemClock.now())));
        }
        let goes_on = step(store, end);
        if let Some(flusher) = flusher {
            flusher.start(store.take_flush_requests());
        }
        if !goes_on {
            let left = store.abandoned_work();
            if left > 0 {
                log::warn!("{left} jobs of clients that have disconnected were not finished");
            }
            return;
        }
    }
}

/// Gives a step to one piece of work. Returns false when the time is over.
fn step(store: &mut Store, end: Instant) -> bool {
    let mut budget = Budget::step(&SystemClock);
    store.set_session(NO_SESSION, NO_SESSION);
    if let Err(message) = panics::catch(|| store.clean_up(&mut budget)) {
        log::error!("a fault in imap2d during clean-up; please report it: {message}");
        store.invalidate_touched();
    }
    SystemClock.now() + STEP_TIME <= end
}
