//! [`WaitingAttempts`]: the attempts to log in that may not start yet.

use super::attempt::Attempt;
use super::origin::LoginOrigin;
use crate::server::auth_worker::Serial;
use crate::session::LoginRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Attempts that the end of another makes try again at once; the others do in their own time. Each
/// costs some hashes, and few of them can start.
const MAX_WOKEN: usize = 32;

/// An attempt that waits.
pub(super) struct WaitingAttempt {
    pub(super) attempt: Attempt,
    pub(super) request: LoginRequest,
    /// Time at which the client has sent it.
    pub(super) since: Instant,
    /// True if a log line says that it waits.
    pub(super) is_logged: bool,
    next_try: Instant,
}

/// The attempts that wait.
#[derive(Default)]
pub(super) struct WaitingAttempts {
    attempts: BTreeMap<Serial, WaitingAttempt>,
    by_time: BTreeSet<(Instant, Serial)>,
}

impl WaitingAttempts {
    /// Adds an attempt, which tries to start at once.
    pub(super) fn insert(
        &mut self,
        serial: Serial,
        attempt: Attempt,
        request: LoginRequest,
        now: Instant,
    ) {
        let waiting = WaitingAttempt {
            attempt,
            request,
            since: now,
            is_logged: false,
            next_try: now,
        };
        self.insert_again(serial, waiting, now);
    }

    /// Adds an attempt that was taken out, and tries again at this time.
    pub(super) fn insert_again(
        &mut self,
        serial: Serial,
        mut waiting: WaitingAttempt,
        next_try: Instant,
    ) {
        waiting.next_try = next_try;
        self.by_time.insert((next_try, serial));
        self.attempts.insert(serial, waiting);
    }

    /// Removes an attempt, if it waits.
    pub(super) fn remove(&mut self, serial: Serial) -> Option<WaitingAttempt> {
        let removed = self.attempts.remove(&serial)?;
        self.by_time.remove(&(removed.next_try, serial));
        Some(removed)
    }

    /// Returns the time of the next try.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// Takes out the attempts whose time has come, at most `limit`. Those that came first are the
    /// first.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        limit: usize,
    ) -> BTreeMap<Serial, WaitingAttempt> {
        let due = self.by_time.iter().take_while(|(time, _)| *time <= now);
        let due: Vec<Serial> = due.take(limit).map(|(_, serial)| *serial).collect();
        let taken = due
            .into_iter()
            .map(|serial| Some((serial, self.remove(serial)?)));
        taken.flatten().collect()
    }

    /// Makes attempts try again for which the end of one from there may matter.
    pub(super) fn wake_related_to(&mut self, from: &LoginOrigin, now: Instant) {
        let waiting = self.attempts.iter_mut();
        let related = waiting.filter(|(_, waiting)| {
            let other = waiting.attempt.counts_for.as_ref();
            other.is_some_and(|other| other.is_related_to(from))
        });
        for (serial, waiting) in related.take(MAX_WOKEN) {
            self.by_time.remove(&(waiting.next_try, *serial));
            waiting.next_try = now;
            self.by_time.insert((now, *serial));
        }
    }
}
