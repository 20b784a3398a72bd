//! How long somebody waits who has guessed wrong.
//!
//! Each attempt to log in is held back before it is looked at, so that giving up on a slow answer and trying
//! again elsewhere gains nothing. The first failures of an address are forgiven at once, as everybody
//! mistypes; then the time doubles. Attempts that are under way count as failures from the first one
//! on, so that many at a time are no faster than one after the other. A success makes up for all.

use crate::server::accept::Network;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What the first failure costs the next attempt.
const FIRST: Duration = Duration::from_millis(500);
/// No attempt waits longer: less than the time in which a client has to log in, and than its own patience.
const LONGEST: Duration = Duration::from_secs(15);
/// An address that has not failed for so long is as good as new.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Addresses that are remembered; beyond that the one whose last failure is longest ago is forgotten.
/// About 300 KiB.
const MAX_ADDRESSES: usize = 4096;

/// What is known of the addresses from which logins have failed, or are under way.
#[derive(Default)]
pub(super) struct Throttle {
    addresses: HashMap<Network, Record>,
}

struct Record {
    failures: u32,
    under_way: u32,
    last: Instant,
}

impl Throttle {
    /// An attempt begins; how long it is to be held back. [`Self::end`] ends it.
    pub(super) fn begin(&mut self, from: Network, now: Instant) -> Duration {
        self.make_room(from);
        let record = self.addresses.entry(from).or_insert(Record {
            failures: 0,
            under_way: 0,
            last: now,
        });
        if now.saturating_duration_since(record.last) >= FORGOTTEN {
            record.failures = 0;
        }
        let delay = match record.failures {
            0 => Duration::ZERO,
            failures => delay(failures.saturating_add(record.under_way)),
        };
        record.under_way += 1;
        delay
    }

    /// An attempt has ended: well, badly, or with nothing found out.
    pub(super) fn end(&mut self, from: Network, success: Option<bool>, now: Instant) {
        let Some(record) = self.addresses.get_mut(&from) else {
            return;
        };
        record.under_way = record.under_way.saturating_sub(1);
        match success {
            Some(true) => record.failures = 0,
            Some(false) => {
                record.failures = record.failures.saturating_add(1);
                record.last = now;
            }
            None => {}
        }
        if record.failures == 0 && record.under_way == 0 {
            self.addresses.remove(&from);
        }
    }

    fn make_room(&mut self, for_one: Network) {
        if self.addresses.len() < MAX_ADDRESSES || self.addresses.contains_key(&for_one) {
            return;
        }
        let oldest = self.addresses.iter().min_by_key(|(_, record)| record.last);
        if let Some(oldest) = oldest.map(|(&network, _)| network) {
            self.addresses.remove(&oldest);
        }
    }
}

/// 0.5 s after one failure, then 1 s, 2 s, and so on to 15 s.
fn delay(failures: u32) -> Duration {
    let doubled = failures.saturating_sub(1).min(10);
    (FIRST * (1 << doubled)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> Network {
        Network::V4(number.to_be_bytes())
    }

    fn tenths(delay: Duration) -> u128 {
        delay.as_millis() / 100
    }

    #[test]
    fn grows_with_each_failure_and_a_success_makes_up_for_all() {
        let mut throttle = Throttle::default();
        let (now, one) = (Instant::now(), network(1));
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(tenths(throttle.begin(one, now)));
            throttle.end(one, Some(false), now);
        }
        assert_eq!(waits, [0, 5, 10, 20, 40, 80, 150, 150]);
        assert_eq!(tenths(throttle.begin(network(2), now)), 0, "others");
        throttle.begin(one, now);
        throttle.end(one, None, now);
        assert_eq!(
            tenths(throttle.begin(one, now)),
            150,
            "nothing was found out"
        );
        throttle.end(one, Some(true), now);
        assert_eq!(tenths(throttle.begin(one, now)), 0);
    }

    #[test]
    fn many_at_a_time_are_no_faster() {
        let mut throttle = Throttle::default();
        let (now, one) = (Instant::now(), network(1));
        for _ in 0..3 {
            assert_eq!(tenths(throttle.begin(one, now)), 0, "nobody has failed yet");
        }
        throttle.end(one, Some(false), now);
        assert_eq!(tenths(throttle.begin(one, now)), 20, "two are under way");
        assert_eq!(tenths(throttle.begin(one, now)), 40);
    }

    #[test]
    fn is_forgotten_in_time_and_takes_bounded_room() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..2 * MAX_ADDRESSES as u32 {
            let at = now + Duration::from_millis(number.into());
            throttle.begin(network(number), at);
            throttle.end(network(number), Some(false), at);
        }
        assert_eq!(throttle.addresses.len(), MAX_ADDRESSES);
        let last = network(2 * MAX_ADDRESSES as u32 - 1);
        assert_eq!(tenths(throttle.begin(last, now)), 5);
        assert_eq!(
            tenths(throttle.begin(network(0), now)),
            0,
            "the oldest went"
        );
        throttle.end(last, None, now);
        let later = now + FORGOTTEN + Duration::from_secs(60);
        assert_eq!(tenths(throttle.begin(last, later)), 0);
    }
}
