//! Waiting for events, in the event loop and in the fork server.

use super::error::ServerError;
use mio::{Events, Poll};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// Waits for events, but not beyond `deadline`, and not at all if `is_busy`.
///
/// # Errors
/// If the system refuses.
pub(super) fn wait(
    poll: &mut Poll,
    events: &mut Events,
    is_busy: bool,
    deadline: Option<Instant>,
    now: Instant,
) -> Result<(), ServerError> {
    let timeout = if is_busy {
        Some(Duration::ZERO)
    } else {
        deadline.map(|at| at.saturating_duration_since(now))
    };
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => other.map_err(ServerError::system("wait for events")),
    }
}
