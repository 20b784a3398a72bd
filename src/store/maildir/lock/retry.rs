//! When to try again to take a lock, and when to give up.

use std::time::{Duration, Instant};

/// The schedule of the attempts to take one lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockRetry {
    pause: Duration,
    deadline: Instant,
}

impl LockRetry {
    const FIRST_PAUSE: Duration = Duration::from_millis(5);
    /// The longest time between two attempts.
    pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(250);
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Returns the schedule of attempts of which the first is made now.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            pause: Self::FIRST_PAUSE,
            deadline: now + Self::PATIENCE,
        }
    }

    /// Returns the time of the next attempt, or `None` when the client has to be answered that the
    /// mailbox is in use.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Instant> {
        if now >= self.deadline {
            return None;
        }
        let next = now + self.pause;
        self.pause = (self.pause * 3 / 2).min(Self::LONGEST_PAUSE);
        Some(next)
    }
}
