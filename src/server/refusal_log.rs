//! [`RefusalLog`]: the log lines about one limit, few enough not to fill the log.
//!
//! Any host can make the server refuse connections and logins, as often as it likes. So each limit
//! has some lines a minute. Those left out are counted, and the count is logged when the minute is
//! over.

use crate::logging::LogLimit;
use std::fmt;
use std::time::Instant;

/// Lines about one limit in a minute.
const LINES_PER_MINUTE: u32 = 10;

/// The log lines about one limit.
#[derive(Debug)]
pub(super) struct RefusalLog {
    /// What the lines are about, for the line that counts those left out.
    subject: &'static str,
    limit: LogLimit,
    /// Lines left out in this minute.
    left_out: u64,
}

impl RefusalLog {
    pub(super) fn new(subject: &'static str) -> Self {
        Self {
            subject,
            limit: LogLimit::new(LINES_PER_MINUTE),
            left_out: 0,
        }
    }

    /// Logs a line as a warning, or counts it as left out.
    pub(super) fn warn(&mut self, now: Instant, line: fmt::Arguments<'_>) {
        self.report(now);
        if self.admit(now) {
            log::warn!("{line}");
        }
    }

    /// Returns the time at which to call [`Self::report`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.limit.until().filter(|_| self.left_out > 0)
    }

    /// Logs how many lines were left out, once their minute is over.
    pub(super) fn report(&mut self, now: Instant) {
        if let Some(left_out) = self.take_left_out(now) {
            let subject = self.subject;
            log::warn!("{subject}: {left_out} more in the last minute");
        }
    }

    fn admit(&mut self, now: Instant) -> bool {
        let may_log = self.limit.admit(now);
        self.left_out += u64::from(!may_log);
        may_log
    }

    fn take_left_out(&mut self, now: Instant) -> Option<u64> {
        self.deadline().filter(|end| *end <= now)?;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_minute_has_some_lines_and_then_a_count_of_the_others() {
        let mut log = RefusalLog::new("refused");
        let start = Instant::now();
        let end = start + Duration::from_secs(60);
        let admitted = (0..100).filter(|_| log.admit(start)).count();
        assert_eq!(admitted, LINES_PER_MINUTE as usize);
        assert_eq!(log.deadline(), Some(end));
        assert_eq!(log.take_left_out(start), None, "the minute is not over");
        assert_eq!(log.take_left_out(end), Some(90));
        assert_eq!((log.deadline(), log.take_left_out(end)), (None, None));
        assert!(log.admit(end));
    }
}
