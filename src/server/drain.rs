//! The last seconds of a server that shuts down, in the event loop and in the fork server: no new
//! clients, and time for the others to read their BYE.

use super::control::Control;
use std::time::{Duration, Instant};

/// Time that clients have to read their last lines. An operator expects the end within five
/// seconds.
const DRAIN_TIME: Duration = Duration::from_secs(4);

/// Whether the server shuts down, and until when it waits for its clients.
#[derive(Debug, Default)]
pub(super) struct Drain {
    until: Option<Instant>,
}

impl Drain {
    /// Begins to shut down: logs it and notifies the service manager. Returns true if the caller
    /// has to close its listeners and say good-bye to its clients. A second request ends the wait
    /// at once.
    pub(super) fn begin(
        &mut self,
        clients: usize,
        control: Option<&Control>,
        now: Instant,
    ) -> bool {
        if self.has_begun() {
            self.until = Some(now);
            return false;
        }
        log::info!("shutting down; clients connected: {clients}");
        self.until = Some(now + DRAIN_TIME);
        if let Some(control) = control {
            control.manager.notify_stopping();
        }
        true
    }

    /// True if the server shuts down.
    pub(super) fn has_begun(&self) -> bool {
        self.until.is_some()
    }

    /// Returns the time at which the server ends even if clients are connected.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// True if that time has come.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_request_ends_the_wait() {
        let mut drain = Drain::default();
        let now = Instant::now();
        assert!(!drain.has_begun() && !drain.is_over(now));
        assert!(drain.begin(1, None, now));
        assert_eq!(drain.deadline(), Some(now + DRAIN_TIME));
        assert!(!drain.is_over(now));
        assert!(!drain.begin(1, None, now));
        assert!(drain.is_over(now));
    }
}
