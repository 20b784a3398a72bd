//! When a process that was started for its first client ends again (`--wait`).

use std::time::{Duration, Instant};

/// Time without a client after which the process ends. Starting it again takes some milliseconds,
/// so this need not be long; but a client that polls every few seconds should find the process that
/// has its mailbox in memory already.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(30);

/// The time at which a process without clients ends.
#[derive(Debug)]
pub(crate) struct IdleEnd {
    time: Duration,
    /// Time since which no client is connected.
    since: Option<Instant>,
}

impl IdleEnd {
    /// Returns a state without clients, which ends in `time`.
    pub(crate) fn new(time: Duration, now: Instant) -> Self {
        Self {
            time,
            since: Some(now),
        }
    }

    /// Notes the number of clients. The caller calls this whenever the number may have changed.
    pub(crate) fn note(&mut self, clients: usize, now: Instant) {
        self.since = (clients == 0).then(|| self.since.unwrap_or(now));
    }

    /// Returns the time at which the process ends, if no client is connected.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.time)
    }

    /// True if that time has come.
    pub(crate) fn has_come(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_comes_a_while_after_the_last_client() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut end = IdleEnd::new(Duration::from_secs(10), start);
        end.note(0, at(5));
        assert_eq!(end.deadline(), Some(at(10)));
        end.note(1, at(9));
        assert_eq!(end.deadline(), None, "a client is connected");
        end.note(0, at(20));
        assert!(!end.has_come(at(29)));
        assert!(end.has_come(at(30)));
    }
}
