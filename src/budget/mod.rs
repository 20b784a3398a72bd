//! The budget of a step, and the result of a step.
//!
//! The server has one thread, and stays responsive because no job runs for long. A job is a value
//! with a cursor. The event loop *steps* it with a [`Budget`]; the job pays for its work in
//! weighted units, and returns [`Step::Yield`] when the budget is spent. The budget reads the clock
//! after each payment for a system call, which may have waited for the disk, and otherwise once per
//! [`CLOCK_EVERY`] units, because reading it for every record would cost more than the record. In
//! debug builds a step that goes on for long after its budget is spent panics.

#[cfg(any(test, feature = "fuzzing"))]
mod fake_clock;

use std::time::{Duration, Instant, SystemTime};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::fake_clock::FakeClock;

/// Records in memory that one unit pays for. Visiting a record takes about 10 ns.
pub(crate) const RECORDS_PER_UNIT: u32 = 64;
/// Directory entries that one unit pays for. A `getdents` call takes a few microseconds and returns
/// many entries.
pub(crate) const ENTRIES_PER_UNIT: u32 = 32;
/// Units for a system call on a path that is likely to be cached (`stat`, `rename`, `unlink`): 2 to
/// 20 us.
pub(crate) const COST_SYSCALL: u32 = 2;
/// Units for opening a file, reading its status and closing it.
pub(crate) const COST_OPEN: u32 = 4;
/// Units for reading and scanning 16 KiB of a file: 5 to 20 us from the page cache.
pub(crate) const COST_READ_16K: u32 = 3;
/// Units for a flush to disk in place, where no flusher takes it. It may take longer than a step,
/// so the job yields after it.
pub(crate) const COST_SYNC: u32 = 300;

/// The longest one step of one job may take ([crate], invariant 2).
pub(crate) const STEP_TIME: Duration = Duration::from_millis(2);
/// The most units one step of one job may spend ([crate], invariant 2).
pub(crate) const STEP_UNITS: u32 = 300;
/// The most units that a step may pay after its budget is spent, before debug builds panic. The
/// last piece of work may cost as much as two flushes ([`COST_SYNC`]) of one that looked small.
const MOST_OVERSPENT: u32 = 4 * STEP_UNITS;

/// Units paid between two readings of the clock.
const CLOCK_EVERY: u32 = 16;
/// Parts of a unit that work in memory is counted in: an octet is [`COST_READ_16K`] of them.
const PARTS_PER_UNIT: u64 = 16 * 1024;

/// The source of time. Only `server` owns a real one; tests use one that stands still.
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

/// What one step may spend: units of work, and the time until a deadline.
pub struct Budget<'c> {
    clock: &'c dyn Clock,
    /// `None` if the budget is unlimited.
    deadline: Option<Instant>,
    /// Units that are left.
    left: u32,
    /// Units to pay until the next reading of the clock.
    until_clock: u32,
    /// Work that is not worth a unit yet, in parts of [`PARTS_PER_UNIT`].
    parts: u64,
    /// Units paid after the budget was spent.
    overspent: u32,
}

impl<'c> Budget<'c> {
    /// Returns a budget of `units` that also ends `time` from now.
    pub fn new(clock: &'c dyn Clock, units: u32, time: Duration) -> Self {
        Self {
            clock,
            deadline: Some(clock.now() + time),
            left: units,
            until_clock: CLOCK_EVERY,
            parts: 0,
            overspent: 0,
        }
    }

    /// Returns the budget of an ordinary step.
    pub fn step(clock: &'c dyn Clock) -> Self {
        Self::new(clock, STEP_UNITS, STEP_TIME)
    }

    /// Returns a budget that never ends; for tests.
    pub fn unlimited(clock: &'c dyn Clock) -> Self {
        Self {
            clock,
            deadline: None,
            left: u32::MAX,
            until_clock: u32::MAX,
            parts: 0,
            overspent: 0,
        }
    }

    /// Pays for work that the job has just done. A job works first and pays afterwards, so that
    /// every step does at least one unit of work, however small its budget is.
    pub fn spend(&mut self, units: u32) {
        if self.deadline.is_none() {
            return;
        }
        let over = units.saturating_sub(self.left);
        self.overspent = self.overspent.saturating_add(over);
        debug_assert!(
            self.overspent <= MOST_OVERSPENT,
            "a step went on for {} units after its budget was spent",
            self.overspent
        );
        self.left = self.left.saturating_sub(units);
        self.until_clock = self.until_clock.saturating_sub(units);
        if self.until_clock == 0 || units >= COST_SYSCALL {
            self.look_at_clock();
        }
    }

    fn look_at_clock(&mut self) {
        self.until_clock = CLOCK_EVERY;
        if self
            .deadline
            .is_some_and(|deadline| self.clock.now() >= deadline)
        {
            self.left = 0;
        }
    }

    /// Pays for octets in memory that were scanned, compared or encoded, at the rate of
    /// [`COST_READ_16K`]. What is worth less than a unit is added up.
    pub fn spend_octets(&mut self, octets: usize) {
        self.spend_parts((octets as u64).saturating_mul(u64::from(COST_READ_16K)));
    }

    /// Pays for records, keys, names or fields in memory that were visited or compared, at the rate
    /// of [`RECORDS_PER_UNIT`]. What is worth less than a unit is added up.
    pub fn spend_records(&mut self, records: usize) {
        let rate = PARTS_PER_UNIT / u64::from(RECORDS_PER_UNIT);
        self.spend_parts((records as u64).saturating_mul(rate));
    }

    /// Pays for one pass over all records of a mailbox, which cannot be divided: 100 000 of them
    /// take about 1 ms. If it is worth more than what is left, it ends the step.
    pub(crate) fn spend_pass(&mut self, records: usize) {
        let units = u32::try_from(records / RECORDS_PER_UNIT as usize).unwrap_or(u32::MAX);
        self.spend(units.min(self.left));
    }

    fn spend_parts(&mut self, parts: u64) {
        self.parts = self.parts.saturating_add(parts);
        let units = self.parts / PARTS_PER_UNIT;
        if units > 0 {
            self.parts %= PARTS_PER_UNIT;
            self.spend(u32::try_from(units).unwrap_or(u32::MAX));
        }
    }

    /// Returns true when the step must stop.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Returns how many of the `units` that the budget was made with, and how many beyond, were
    /// paid.
    #[cfg(test)]
    pub(crate) fn paid(&self, units: u32) -> u32 {
        units - self.left + self.overspent
    }

    /// Returns the monotonic time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Returns the time of day.
    pub fn wall(&self) -> SystemTime {
        self.clock.wall()
    }
}

/// Why a step stopped before its job was done, and so when the next step can make progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The budget is spent. Step again in the next turn.
    Budget,
    /// The output queue is at its high-water mark. Step again when it has drained.
    OutputFull,
    /// Another session or program holds a lock, or a directory has to hold still. Step again then.
    Until(Instant),
    /// A file or a directory is being flushed to disk. Step again when that is done.
    Flush,
    /// The session waits for an answer: from the auth worker, or the rest of a literal.
    External,
    /// The session waits for a line of the client, such as DONE, which ends IDLE.
    Line,
}

/// The result of one step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step<T> {
    /// The job is done.
    Done(T),
    /// The job is not done. Step it again when the reason is gone.
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
macro_rules! ready {
    ($step:expr) => {
        match $step {
            $crate::budget::Step::Done(value) => value,
            $crate::budget::Step::Yield(why) => return $crate::budget::Step::Yield(why),
        }
    };
}

/// Unwraps the `Ok` of a [`Step::Done`]. Returns the error, or the [`Step::Yield`], from the
/// enclosing function, whose error type the error is converted to.
macro_rules! try_ready {
    ($step:expr) => {
        $crate::try_done!($crate::ready!($step))
    };
}

/// Does what `?` does, in a function that returns a [`Step`]: unwraps an `Ok`, or returns the
/// error, converted, from the enclosing function.
macro_rules! try_done {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return $crate::budget::Step::Done(Err(From::from(error))),
        }
    };
}

pub(crate) use {ready, try_done, try_ready};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_when_its_units_are_spent() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 2, Duration::from_secs(1));
        budget.spend(1);
        assert!(!budget.is_spent());
        budget.spend(1);
        assert!(budget.is_spent());
    }

    #[test]
    fn a_budget_ends_by_time_once_enough_units_are_paid() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 1000, Duration::from_millis(2));
        clock.advance(Duration::from_millis(3));
        budget.spend(1);
        assert!(!budget.is_spent(), "the clock is not read for every unit");
        budget.spend(CLOCK_EVERY);
        assert!(budget.is_spent());
    }

    #[test]
    fn a_system_call_that_takes_long_ends_the_step() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 1000, Duration::from_millis(2));
        budget.spend(COST_SYSCALL);
        assert!(!budget.is_spent());
        clock.advance(Duration::from_millis(3));
        budget.spend(COST_SYSCALL);
        assert!(budget.is_spent());
        let mut budget = Budget::unlimited(&clock);
        budget.spend(COST_SYSCALL);
        assert!(!budget.is_spent());
    }

    #[test]
    fn octets_and_records_add_up_to_units() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 4, Duration::from_secs(1));
        budget.spend_octets(16 * 1024 - 1);
        assert!(!budget.is_spent());
        budget.spend_octets(1);
        budget.spend_records(RECORDS_PER_UNIT as usize - 1);
        assert!(!budget.is_spent());
        budget.spend_records(1);
        assert!(budget.is_spent());
        let mut budget = Budget::new(&clock, u32::MAX, Duration::from_secs(1));
        budget.spend_octets(usize::MAX / 4);
        assert!(budget.is_spent(), "no amount overflows");
    }

    #[test]
    fn a_long_pass_ends_the_step_and_is_no_fault() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::new(&clock, 4, Duration::from_secs(1));
        budget.spend_pass(3 * RECORDS_PER_UNIT as usize);
        assert!(!budget.is_spent());
        budget.spend_pass(usize::MAX);
        assert!(budget.is_spent());
        budget.spend_pass(usize::MAX);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a step went on for 1201 units after its budget was spent")]
    fn a_step_that_goes_on_for_long_is_a_fault() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::step(&clock);
        budget.spend(STEP_UNITS);
        budget.spend(MOST_OVERSPENT);
        budget.spend(1);
    }

    #[test]
    fn an_unlimited_budget_never_ends() {
        let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
        let mut budget = Budget::unlimited(&clock);
        budget.spend(u32::MAX);
        budget.spend(u32::MAX);
        assert!(!budget.is_spent());
    }
}
