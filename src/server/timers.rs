//! The timers of connections and of watched mailboxes.
//!
//! A session's deadline moves with nearly every command, nearly always to a later time (`idle for
//! 30 minutes` starts anew). So a timer is moved at once only when it has to fire *earlier*; the
//! caller recognises one that fires too early, and arms it again. An idle session thus costs no
//! wake-up before its deadline, and a busy one no work in this table. There is at most one timer
//! for a token, so the table is never larger than the number of connections; that is why this is an
//! ordered set and not a heap with dead entries in it.

use mio::Token;
use std::collections::BTreeSet;
use std::time::Instant;

/// The armed timers in the order in which they fire.
#[derive(Default)]
pub(super) struct Timers {
    armed: BTreeSet<(Instant, Token)>,
}

impl Timers {
    /// Arms the timer of `token` to fire at `wanted` or before, or disarms it. `armed` is the
    /// caller's note of the timer: only this function changes it, and the caller clears it when the
    /// timer fires.
    pub(super) fn arm(
        &mut self,
        token: Token,
        armed: &mut Option<Instant>,
        wanted: Option<Instant>,
    ) {
        if let (Some(armed), Some(wanted)) = (*armed, wanted) {
            if armed <= wanted {
                return;
            }
        }
        if let Some(earlier) = armed.take() {
            self.armed.remove(&(earlier, token));
        }
        if let Some(wanted) = wanted {
            self.armed.insert((wanted, token));
        }
        *armed = wanted;
    }

    /// Returns the time at which the next timer fires.
    pub(super) fn next(&self) -> Option<Instant> {
        self.armed.first().map(|&(at, _)| at)
    }

    /// Removes one timer that is due, and returns its token.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Token> {
        if self.next()? > now {
            return None;
        }
        self.armed.pop_first().map(|(_, token)| token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_later_deadline_leaves_the_timer_alone_and_an_earlier_one_moves_it() {
        let start = Instant::now();
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let mut timers = Timers::default();
        let mut note = None;
        timers.arm(Token(1), &mut note, at(10));
        timers.arm(Token(1), &mut note, at(20));
        assert_eq!((timers.next(), note), (at(10), at(10)));
        timers.arm(Token(1), &mut note, at(5));
        assert_eq!((timers.next(), note), (at(5), at(5)));
        assert_eq!(timers.armed.len(), 1);
        timers.arm(Token(1), &mut note, None);
        assert_eq!((timers.next(), note), (None, None));
    }

    #[test]
    fn timers_fire_in_order_and_not_before_time() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for (token, seconds) in [(1, 3), (2, 1), (3, 2)] {
            let wanted = start + Duration::from_secs(seconds);
            timers.arm(Token(token), &mut None, Some(wanted));
        }
        let now = start + Duration::from_secs(2);
        assert_eq!(timers.pop_due(now), Some(Token(2)));
        assert_eq!(timers.pop_due(now), Some(Token(3)));
        assert_eq!(timers.pop_due(now), None);
    }
}
