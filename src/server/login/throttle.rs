//! The delays of attempts to log in after failed ones.
//!
//! Each attempt is delayed before its password is checked, so that a client gains nothing by giving
//! up on a slow answer and trying again on another connection. The first failure of a network
//! delays its next attempt a little, as all users mistype; then the delay doubles. After a failure,
//! attempts that are under way count as failures too, so that many at a time are no faster than one
//! after the other. A success clears all failures.

use crate::server::accept::Network;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Delay of the attempt after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// Longest delay: less than the time in which a client has to log in, and than the client's own
/// time-out.
const LONGEST: Duration = Duration::from_secs(15);
/// Time without a failure after which a network's failures are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Networks that are remembered, in about 300 KiB. Beyond that the one whose last failure is
/// longest ago is forgotten.
const MAX_NETWORKS: usize = 4096;

/// The networks from which logins have failed, or are under way.
#[derive(Default)]
pub(super) struct Throttle {
    networks: HashMap<Network, Record>,
}

/// The attempts of one network.
struct Record {
    /// Failures since the last success.
    failures: u32,
    /// Attempts that have begun and not ended.
    under_way: u32,
    /// Time of the last failure.
    last: Instant,
}

impl Throttle {
    /// Begins an attempt, and returns its delay. [`Self::end`] ends it.
    pub(super) fn begin(&mut self, from: Network, now: Instant) -> Duration {
        self.make_room(from);
        let record = self.networks.entry(from).or_insert(Record {
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

    /// Ends an attempt: in success, in failure, or with no result.
    pub(super) fn end(&mut self, from: Network, success: Option<bool>, now: Instant) {
        let Some(record) = self.networks.get_mut(&from) else {
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
            self.networks.remove(&from);
        }
    }

    /// Forgets the oldest network if there is no room for this one.
    fn make_room(&mut self, network: Network) {
        if self.networks.len() < MAX_NETWORKS || self.networks.contains_key(&network) {
            return;
        }
        let oldest = self.networks.iter().min_by_key(|(_, record)| record.last);
        if let Some(oldest) = oldest.map(|(&network, _)| network) {
            self.networks.remove(&oldest);
        }
    }
}

/// Returns 0.5 s after one failure, then 1 s, 2 s, and so on to 15 s.
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
    fn the_delay_grows_with_each_failure_and_ends_with_a_success() {
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
            "the attempt had no result"
        );
        throttle.end(one, Some(true), now);
        assert_eq!(tenths(throttle.begin(one, now)), 0);
    }

    #[test]
    fn attempts_at_the_same_time_are_no_faster() {
        let mut throttle = Throttle::default();
        let (now, one) = (Instant::now(), network(1));
        for _ in 0..3 {
            assert_eq!(
                tenths(throttle.begin(one, now)),
                0,
                "no attempt has failed yet"
            );
        }
        throttle.end(one, Some(false), now);
        assert_eq!(tenths(throttle.begin(one, now)), 20, "two are under way");
        assert_eq!(tenths(throttle.begin(one, now)), 40);
    }

    #[test]
    fn failures_are_forgotten_in_time_and_take_bounded_room() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..2 * MAX_NETWORKS as u32 {
            let at = now + Duration::from_millis(number.into());
            throttle.begin(network(number), at);
            throttle.end(network(number), Some(false), at);
        }
        assert_eq!(throttle.networks.len(), MAX_NETWORKS);
        let last = network(2 * MAX_NETWORKS as u32 - 1);
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
