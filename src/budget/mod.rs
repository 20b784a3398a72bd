//! How much work one turn of the loop may do, and what a piece of work says when it stops.
//!
//! The server is one thread. What keeps it responsive is that no job runs for long: a job is a value
//! with a cursor, it is *stepped* with a [`Budget`], it pays for what it does in weighted units, and
//! it returns [`Step::Yield`] when the budget is spent. The clock is looked at only when a number of
//! units has been paid, because asking the time for every record would cost more than the record.

#[cfg(test)]
mod fake_clock;

use std::time::{Duration, Instant, SystemTime};

#[cfg(test)]
pub(crate) use self::fake_clock::FakeClock;

/// Cost of visiting one record in memory (about 10 ns; 300 units are reached after far less than 2 ms,
/// so records are charged in batches: see [`RECORDS_PER_UNIT`]).
pub(crate) const RECORDS_PER_UNIT: u32 = 64;
/// Cost of one directory entry read: a few microseconds per `getdents` batch, shared by its entries.
pub(crate) const ENTRIES_PER_UNIT: u32 = 32;
/// Cost of one system call on a path that is likely to be cached (`stat`, `rename`, `unlink`): 2-20 us.
pub(crate) const COST_SYSCALL: u32 = 2;
/// Cost of opening a file, reading its status and closing it again.
pub(crate) const COST_OPEN: u32 = 4;
/// Cost of reading and looking at 16 KiB of a file: about 5-20 us from the page cache.
pub(crate) const COST_READ_16K: u32 = 3;
/// Cost of a flush to disk. It alone may take longer than a step: whoever flushes yields next.
pub(crate) const COST_SYNC: u32 = 300;

/// The longest one step of one job may take ([crate], invariant 2).
pub(crate) const STEP_TIME: Duration = Duration::from_millis(2);
/// The most units one step of one job may spend ([crate], invariant 2).
pub(crate) const STEP_UNITS: u32 = 300;
/// The longest that all jobs together may take between two looks at the sockets.
pub(crate) const TURN_TIME: Duration = Duration::from_millis(10);

/// Units paid between two looks at the clock.
const CLOCK_EVERY: u32 = 16;

/// Where the time comes from. Only `server` owns a real one; tests own one that stands still.
pub trait Clock {
    /// Monotonic time, for deadlines.
    fn now(&self) -> Instant;
    /// Time of day, for internal dates and for comparing with file time stamps.
    fn wall(&self) -> SystemTime;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// What one step may spend: units, and time until a deadline.
pub struct Budget<'c> {
    clock: &'c dyn Clock,
    deadline: Option<Instant>,
    left: u32,
    until_clock: u32,
}

impl<'c> Budget<'c> {
    /// A budget of `units` that also ends `time` from now.
    pub fn new(clock: &'c dyn Clock, units: u32, time: Duration) -> Self {
        Self {
            clock,
            deadline: Some(clock.now() + time),
            left: units,
            until_clock: CLOCK_EVERY,
        }
    }

    /// The budget of an ordinary step.
    pub fn step(clock: &'c dyn Clock) -> Self {
        Self::new(clock, STEP_UNITS, STEP_TIME)
    }

    /// A budget that never ends; for one-shot tools and tests.
    pub fn unlimited(clock: &'c dyn Clock) -> Self {
        Self {
            clock,
            deadline: None,
            left: u32::MAX,
            until_clock: u32::MAX,
        }
    }

    /// Pays for work that was just done. Work is done first and paid afterwards, so that every step
    /// gets at least one unit of work done however small its budget is.
    pub fn spend(&mut self, units: u32) {
        if self.deadline.is_none() {
            return;
        }
        self.left = self.left.saturating_sub(units);
        self.until_clock = self.until_clock.saturating_sub(units);
        if self.until_clock == 0 {
            self.until_clock = CLOCK_EVERY;
            if self
                .deadline
                .is_some_and(|deadline| self.clock.now() >= deadline)
            {
                self.left = 0;
            }
        }
    }

    /// True when the step must stop.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Monotonic time now.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Time of day now.
    pub fn wall(&self) -> SystemTime {
        self.clock.wall()
    }
}

/// Why a step stopped before its job was done: what must happen before it is worth stepping again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The budget is spent: step again in the next turn.
    Budget,
    /// The output queue is at its high-water mark: step again when it has drained.
    OutputFull,
    /// A lock is held by somebody else, or a directory has to hold still: step again at that time.
    Until(Instant),
    /// Somebody outside has to answer (a verifier, the rest of a literal).
    External,
    /// The client has to send a line (DONE, to end IDLE).
    Line,
}

/// What a step of a job comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step<T> {
    /// The job is done.
    Done(T),
    /// The job has to be stepped again, when the reason is gone.
    Yield(Why),
}

impl<T, E> Step<Result<T, E>> {
    /// Converts the error of a job that failed.
    pub(crate) fn map_err<F>(self, convert: impl FnOnce(E) -> F) -> Step<Result<T, F>> {
        match self {
            Self::Done(result) => Step::Done(result.map_err(convert)),
            Self::Yield(why) => Step::Yield(why),
        }
    }
}

/// Unwraps a [`Step::Done`], or returns the [`Step::Yield`] from the enclosing function.
#[macro_export]
macro_rules! ready {
    ($step:expr) => {
        match $step {
            $crate::budget::Step::Done(value) => value,
            $crate::budget::Step::Yield(why) => return $crate::budget::Step::Yield(why),
        }
    };
}

/// Unwraps the `Ok` of a [`Step::Done`]. Returns the error, or the [`Step::Yield`], from the enclosing
/// function, whose error type the error is converted to.
#[macro_export]
macro_rules! try_ready {
    ($step:expr) => {
        match $crate::ready!($step) {
            Ok(value) => value,
            Err(error) => return $crate::budget::Step::Done(Err(From::from(error))),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_by_units() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 2, Duration::from_secs(1));
        budget.spend(1);
        assert!(!budget.is_spent());
        budget.spend(1);
        assert!(budget.is_spent());
    }

    #[test]
    fn ends_by_time_once_enough_units_were_paid() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 1000, Duration::from_millis(2));
        clock.advance(Duration::from_millis(3));
        budget.spend(1);
        assert!(!budget.is_spent(), "the clock is not asked for every unit");
        budget.spend(CLOCK_EVERY);
        assert!(budget.is_spent());
    }

    #[test]
    fn unlimited_never_ends() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::unlimited(&clock);
        budget.spend(u32::MAX);
        budget.spend(u32::MAX);
        assert!(!budget.is_spent());
    }
}
