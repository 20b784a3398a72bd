//! A clock for tests. The integration tests include this file too, so it names its trait by
//! `super`.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

use super::Clock;

/// A clock that stands still until [`Self::advance`] moves it.
#[derive(Debug)]
pub(crate) struct FakeClock {
    base: (Instant, SystemTime),
    elapsed: Cell<Duration>,
}

impl FakeClock {
    /// A clock that stands at `wall`.
    pub(crate) fn new(wall: SystemTime) -> Self {
        Self {
            base: (Instant::now(), wall),
            elapsed: Cell::new(Duration::ZERO),
        }
    }

    /// Moves both times forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.elapsed.set(self.elapsed.get() + by);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        self.base.0 + self.elapsed.get()
    }

    fn wall(&self) -> SystemTime {
        self.base.1 + self.elapsed.get()
    }
}
