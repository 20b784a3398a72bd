//! A limit on log lines that clients can cause again and again.

use std::time::{Duration, Instant};

/// The time over which lines are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// Admits a number of log lines a minute.
#[derive(Debug)]
pub(crate) struct LogLimit {
    lines_per_minute: u32,
    /// End of the minute that began with the first line. `None` before that line.
    until: Option<Instant>,
    /// Lines admitted in this minute.
    admitted: u32,
}

impl LogLimit {
    pub(crate) fn new(lines_per_minute: u32) -> Self {
        Self {
            lines_per_minute,
            until: None,
            admitted: 0,
        }
    }

    /// Returns the end of the minute that began last.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Returns true if a line may be logged now, and counts it.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        if self.until.is_none_or(|until| until <= now) {
            self.until = Some(now + PERIOD);
            self.admitted = 0;
        }
        let may_log = self.admitted < self.lines_per_minute;
        self.admitted += u32::from(may_log);
        may_log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_so_many_lines_and_the_next_minute_as_many_again() {
        let mut limit = LogLimit::new(2);
        let start = Instant::now();
        let admitted = |limit: &mut LogLimit, now| (0..5).filter(|_| limit.admit(now)).count();
        assert_eq!(admitted(&mut limit, start), 2);
        assert_eq!(admitted(&mut limit, start + PERIOD / 2), 0);
        assert_eq!(admitted(&mut limit, start + PERIOD), 2);
    }
}
