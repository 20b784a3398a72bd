//! Breaks in the use of a lock that one process takes again and again.
//!
//! A job that changes the flags of many messages releases the lock at the end of each step, and
//! takes it again in the next one, a moment later. Another process tries every few milliseconds,
//! and would hardly ever find it free. So there are breaks.

use std::time::{Duration, Instant};

/// Time for which the lock is taken again and again.
const LONGEST: Duration = Duration::from_millis(200);
/// Time for which it is then left alone: two tries of another process.
const BREAK: Duration = Duration::from_millis(10);
/// Time without the lock after which there was a break anyway. The step that had it may have taken
/// most of a shorter time.
const FORGOTTEN: Duration = Duration::from_millis(50);

/// How the lock of a mailbox is used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum LockTurn {
    #[default]
    NotTaken,
    /// Taken again and again since the first time, at last at the second.
    Taken(Instant, Instant),
    /// Left alone until then.
    Break(Instant),
}

impl LockTurn {
    /// Notes that the lock is taken now.
    ///
    /// # Errors
    /// If it must be left alone: returns until when.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        *self = match *self {
            Self::Break(end) if now < end => return Err(end),
            Self::Taken(began, last) if now < last + FORGOTTEN && now >= began + LONGEST => {
                *self = Self::Break(now + BREAK);
                return Err(now + BREAK);
            }
            Self::Taken(began, last) if now < last + FORGOTTEN => Self::Taken(began, now),
            Self::Taken(..) | Self::Break(_) | Self::NotTaken => Self::Taken(now, now),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_turn_is_followed_by_a_break() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for step in [1, 20] {
            let mut turn = LockTurn::default();
            let times = (0..1000).step_by(step);
            let taken: Vec<_> = times.filter(|&now| turn.take(at(now)).is_ok()).collect();
            let first: Vec<_> = (0..200).step_by(step).collect();
            assert!(taken.starts_with(&first));
            assert!(taken[first.len()] >= 210, "{taken:?}");
            assert!(taken.len() * step > 900);
        }
        // A lock that is taken now and then needs no break.
        let mut turn = LockTurn::default();
        for millis in (0..1000).step_by(50) {
            assert_eq!(turn.take(at(millis)), Ok(()));
        }
    }
}
