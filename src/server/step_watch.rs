//! The times that the steps of the event loop take.
//!
//! A step is one turn of a connection, what follows from it, or one of the other things that the
//! loop does in each of its turns. All clients wait while it lasts. Each step begins where the one
//! before has ended, so that no part of the loop but the poll goes unmeasured. A step that takes
//! longer than [`SLOW`] is counted and logged. The line names the connection, the user and the
//! command, and nothing of its content.

use crate::logging::LogLimit;
use std::time::{Duration, Instant};

/// The longest time that a step should take. A step of a job is bounded by 2 ms
/// ([`crate::budget::STEP_TIME`]); a slow disk, or a kernel that is busy, may make it longer.
pub(super) const SLOW: Duration = Duration::from_millis(20);

/// Lines about slow steps in a minute.
const LINES_PER_MINUTE: u32 = 10;

/// The number of slow steps since the start, and the longest step.
#[derive(Debug)]
pub(super) struct StepWatch {
    /// When the current step began.
    began: Instant,
    slow: u64,
    longest: Duration,
    log_limit: LogLimit,
}

impl StepWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            slow: 0,
            longest: Duration::ZERO,
            log_limit: LogLimit::new(LINES_PER_MINUTE),
        }
    }

    /// Begins a step after the poll, which is none.
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = now;
    }

    /// Ends a step, begins the next one, and returns how long the step took. If it was slow, counts
    /// it and logs what it was, unless too many were logged in this minute.
    pub(super) fn end(&mut self, now: Instant, what: impl FnOnce() -> String) -> Duration {
        let took = now.saturating_duration_since(self.began);
        self.began = now;
        self.longest = self.longest.max(took);
        if took <= SLOW {
            return took;
        }
        self.slow += 1;
        if self.log_limit.admit(now) {
            let (took, limit) = (took.as_millis(), SLOW.as_millis());
            log::warn!(
                "{}: a step took {took} ms, more than {limit} ms, and all clients waited for it",
                what()
            );
        }
        took
    }

    /// Returns the number of slow steps.
    pub(super) fn slow(&self) -> u64 {
        self.slow
    }

    /// Returns the time that the longest step took.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_steps_are_counted_and_described_a_few_times_a_minute() {
        let mut now = Instant::now();
        let mut watch = StepWatch::new(now);
        now += 2 * SLOW;
        watch.begin(now);
        now += SLOW;
        let took = watch.end(now, || unreachable!("it is not slow"));
        assert_eq!(took, SLOW, "the time of the poll is not counted");
        assert_eq!((watch.slow(), watch.longest()), (0, SLOW));
        let mut described = 0;
        for _ in 0..100 {
            now += 2 * SLOW;
            watch.end(now, || {
                described += 1;
                String::from("connection 1")
            });
        }
        assert_eq!((watch.slow(), watch.longest()), (100, 2 * SLOW));
        // The description is made only if the log takes the line.
        assert!(described <= LINES_PER_MINUTE);
    }
}
