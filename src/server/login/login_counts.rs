//! [`LoginCounts`]: failed logins and the delays that follow from them.
//!
//! A login counts three times, and that of an IPv6 client a fourth time:
//!
//! | for | delays after | longest delay | what it slows down |
//! | --- | --- | --- | --- |
//! | network and name | 1 failure | 15 s | one client that guesses one password |
//! | name | 5 failures | 5 s | many clients that guess one password together |
//! | network | 10 failures | 15 s | one client that tries many names |
//! | site | 80 failures | 5 s | one client that has many networks |
//!
//! From then on an attempt starts later than the last failure by 0.5 s, then 1 s, 2 s and so on.
//! Attempts under way count as failures do, until they succeed. An attempt waits for all of them.
//! Success clears the count of its own network and name, and no other: an attacker with an account
//! of their own gains nothing by logging in.
//!
//! Others must not lock a user out. So the count of network and name alone delays a user who
//! [has logged in](KnownNames) from that network lately. A device that repeats an old password
//! counts three times for its network and its name, which delays no other. Clients that speak for
//! others (`--trusted-network`) have no count for their network, and their users are not known by
//! it, because unrelated users share it: there the name counts.

use super::count_table::{CountTable, Key, Millis, Record, Rule, When};
use super::known_names::KnownNames;
use super::origin::LoginOrigin;
use crate::server::accept;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PAIR: Rule = Rule {
    free: 1,
    longest: 15_000,
};
const NAME: Rule = Rule {
    free: 5,
    longest: 5_000,
};
const NETWORK: Rule = Rule {
    free: 10,
    longest: 15_000,
};

const SITE: Rule = Rule {
    free: NETWORK.free * accept::SITE as u32,
    longest: 5_000,
};

/// Failures of one network and name that count for the network and for the name too.
const COUNTED_ELSEWHERE: u32 = 3;

/// Octets of the secret.
pub(super) const SECRET: usize = 32;

/// The key of the hashes, so that no client can choose names or networks that count as one.
pub(super) type Secret = [u8; SECRET];

/// The failed logins, and those under way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoginCounts {
    pub(super) secret: Secret,
    pub(super) pairs: CountTable,
    pub(super) names: CountTable,
    pub(super) networks: CountTable,
    pub(super) known: KnownNames,
    pub(super) lines: LogLines,
}

/// The log lines about delays, of all processes that count together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogLines {
    /// Time of the first line in this minute.
    pub(super) since: Millis,
    pub(super) logged: u32,
    pub(super) left_out: u32,
}

impl LogLines {
    /// Lines in a minute.
    const MOST: u32 = 10;
    const MINUTE: Millis = 60_000;

    /// Returns, if a line may be logged now, how many were left out in the minute before.
    pub(super) fn admit(&mut self, now: Millis) -> Option<u32> {
        let mut left_out = 0;
        if now >= self.since.saturating_add(Self::MINUTE) {
            left_out = self.left_out;
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        if self.logged < Self::MOST {
            self.logged += 1;
            return Some(left_out);
        }
        self.left_out = self.left_out.saturating_add(1);
        None
    }
}

/// An attempt that has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Started {
    /// True if the attempt is under way for its network and name only.
    is_known: bool,
}

/// How an attempt has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// The password was not checked.
    NoResult,
}

/// The keys of an attempt.
struct Keys {
    pair: Key,
    name: Key,
    /// Those of the network and its site, as far as they count.
    networks: [Option<(Key, Rule)>; 2],
}

impl LoginCounts {
    pub(super) fn new(secret: Secret) -> Self {
        Self {
            secret,
            pairs: CountTable::default(),
            names: CountTable::default(),
            networks: CountTable::default(),
            known: KnownNames::default(),
            lines: LogLines::default(),
        }
    }

    /// Starts an attempt if it may start now; otherwise returns when to try again.
    pub(super) fn try_start(&mut self, from: &LoginOrigin, now: Millis) -> Result<Started, When> {
        let keys = self.keys(from);
        let is_known = !from.speaks_for_others() && self.known.contains(keys.name, keys.pair, now);
        let own = self.pairs.own(keys.pair, now);
        let mut start = match own {
            // Mail readers open several connections at a time.
            Some(record) if is_known && record.failures == 0 => When::Now,
            _ => self.pairs.next_start(keys.pair, PAIR, now),
        };
        if !is_known {
            start = start.max(self.names.next_start(keys.name, NAME, now));
            for (network, rule) in keys.networks.into_iter().flatten() {
                start = start.max(self.networks.next_start(network, rule, now));
            }
        }
        if start != When::Now {
            return Err(start);
        }
        self.pairs
            .change(keys.pair, now, |record, _| record.start(now));
        if !is_known {
            self.change_elsewhere(&keys, now, |record| record.start(now));
        }
        Ok(Started { is_known })
    }

    /// Notes the end of an attempt that has started.
    pub(super) fn end(
        &mut self,
        from: &LoginOrigin,
        started: Started,
        outcome: Outcome,
        now: Millis,
    ) {
        let keys = self.keys(from);
        let before = self.pairs.own(keys.pair, now);
        let counts_elsewhere = from.speaks_for_others()
            || before.is_none_or(|record| record.failures < COUNTED_ELSEWHERE);
        self.pairs.change(keys.pair, now, |record, is_shared| {
            record.end();
            match outcome {
                Outcome::Success if !is_shared => record.failures = 0,
                Outcome::Failure => record.fail(now),
                Outcome::Success | Outcome::NoResult => {}
            }
        });
        self.change_elsewhere(&keys, now, |record| {
            if !started.is_known {
                record.end();
            }
            match outcome {
                Outcome::Failure if counts_elsewhere => record.fail(now),
                Outcome::Failure => record.fail_again(now),
                Outcome::Success | Outcome::NoResult => {}
            }
        });
        if outcome == Outcome::Success && !from.speaks_for_others() {
            self.known.insert(keys.name, keys.pair, now);
        }
    }

    /// Changes the records of the name, of the network and of the site.
    fn change_elsewhere(&mut self, keys: &Keys, now: Millis, change: impl Fn(&mut Record)) {
        self.names
            .change(keys.name, now, |record, _| change(record));
        for (network, _) in keys.networks.into_iter().flatten() {
            self.networks
                .change(network, now, |record, _| change(record));
        }
    }

    /// Removes what says nothing any more.
    pub(super) fn forget_old(&mut self, now: Millis) {
        for table in [&mut self.pairs, &mut self.names, &mut self.networks] {
            table.forget_old(now);
        }
    }

    fn keys(&self, from: &LoginOrigin) -> Keys {
        let network = from.network_octets();
        Keys {
            pair: self.key(b'p', network, from.name()),
            name: self.key(b'u', &[], from.name()),
            networks: [
                from.counted_network().map(|network| (network, NETWORK)),
                from.counted_site().map(|site| (site, SITE)),
            ]
            .map(|counted| {
                counted.map(|(network, rule)| (self.key(b'n', network.octets(), &[]), rule))
            }),
        }
    }

    fn key(&self, kind: u8, network: &[u8], name: &[u8]) -> Key {
        let hash = Hmac::<Sha256>::new_from_slice(&self.secret);
        let mut hash = hash.expect("HMAC takes a key of any length");
        // The lengths of networks differ by kind; names have one length.
        hash.update(&[kind, network.len() as u8]);
        hash.update(network);
        hash.update(name);
        let hash: [u8; 32] = hash.finalize().into_bytes().into();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        Key::new(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Peer;

    const MINUTE: Millis = 60_000;
    /// Time between the tries of the attackers, and time that a check takes.
    const STEP: Millis = 250;

    fn counts() -> LoginCounts {
        LoginCounts::new([7; SECRET])
    }

    fn from(host: u8, name: &str) -> LoginOrigin {
        let peer = Peer {
            address: Some([192, 0, 2, host].into()),
            ..Peer::default()
        };
        LoginOrigin::new(&peer, name.as_bytes())
    }

    fn from_webmail(name: &str) -> LoginOrigin {
        let peer = Peer {
            address: Some([127, 0, 0, 1].into()),
            speaks_for_others: true,
            ..Peer::default()
        };
        LoginOrigin::new(&peer, name.as_bytes())
    }

    /// Logs in at once, or returns when to try again.
    fn attempt(
        counts: &mut LoginCounts,
        from: &LoginOrigin,
        outcome: Outcome,
        now: Millis,
    ) -> Result<(), When> {
        let started = counts.try_start(from, now)?;
        counts.end(from, started, outcome, now);
        Ok(())
    }

    /// Lets all of these clients guess for ten minutes, each as many at a time as it may start.
    /// Returns how many guesses were checked.
    fn guess(counts: &mut LoginCounts, clients: &[LoginOrigin]) -> usize {
        let mut checked = 0;
        for now in (0..10 * MINUTE).step_by(STEP as usize) {
            let mut started = Vec::new();
            for client in clients {
                while let Ok(one) = counts.try_start(client, now) {
                    started.push((client, one));
                }
            }
            checked += started.len();
            for (client, started) in started {
                counts.end(client, started, Outcome::Failure, now + STEP);
            }
        }
        checked
    }

    #[test]
    fn one_client_guesses_one_password_four_times_a_minute() {
        let guesses = guess(&mut counts(), &[from(1, "ann")]);
        // Six in the first 16 seconds.
        assert!((40..=46).contains(&guesses), "{guesses}");
        let variants = ["ann", "Ann", " ann"].map(|name| from(1, name));
        assert_eq!(guess(&mut counts(), &variants), guesses);
    }

    #[test]
    fn a_client_with_many_networks_is_slowed_as_a_site() {
        let from = |site: u16, network: u16| {
            let peer = Peer {
                address: Some([0x2001, 0xdb8, site, network, 0, 0, 0, 1].into()),
                ..Peer::default()
            };
            LoginOrigin::new(&peer, format!("user{network}").as_bytes())
        };
        let mut counts = counts();
        let free = (0..100).filter(|&network| {
            attempt(&mut counts, &from(1, network), Outcome::Failure, 0).is_ok()
        });
        assert_eq!(free.count(), 80);
        let mut later = |site, now| attempt(&mut counts, &from(site, 200), Outcome::Failure, now);
        assert_eq!(later(1, 0), Err(When::At(500)));
        assert_eq!(later(2, 0), Ok(()), "another site");
        assert_eq!(later(1, 500), Ok(()));
        assert_eq!(later(1, 501), Err(When::At(1500)));
    }

    #[test]
    fn logging_in_with_an_own_account_does_not_help_guessing() {
        let alone = guess(&mut counts(), &[from(1, "ann")]);
        let mut counts = counts();
        let (own, victim) = (from(1, "own"), from(1, "ann"));
        let mut guesses = 0;
        for now in (0..10 * MINUTE).step_by(STEP as usize) {
            let own_logins = (0..10).map(|_| counts.try_start(&own, now).ok());
            let own_logins: Vec<_> = own_logins.collect();
            let started: Vec<_> = (0..6)
                .map(|_| counts.try_start(&victim, now).ok())
                .collect();
            for started in own_logins.into_iter().flatten() {
                counts.end(&own, started, Outcome::Success, now + STEP / 2);
            }
            guesses += started.iter().flatten().count();
            for started in started.into_iter().flatten() {
                counts.end(&victim, started, Outcome::Failure, now + STEP);
            }
        }
        assert!(guesses <= alone, "{guesses} and {alone}");
    }

    #[test]
    fn many_clients_together_guess_one_password_twelve_times_a_minute() {
        let clients: Vec<_> = (0..20).map(|host| from(host, "ann")).collect();
        let guesses = guess(&mut counts(), &clients);
        assert!((100..=130).contains(&guesses), "{guesses}");
    }

    #[test]
    fn one_client_tries_many_names_slowly() {
        let names: Vec<_> = (0..20).map(|number| from(1, &number.to_string())).collect();
        let guesses = guess(&mut counts(), &names);
        // Four times a minute in the end.
        assert!((40..=90).contains(&guesses), "{guesses}");
    }

    #[test]
    fn guessing_does_not_lock_a_user_out() {
        let mut counts = counts();
        let home = from(100, "ann");
        assert_eq!(attempt(&mut counts, &home, Outcome::Success, 0), Ok(()));
        let clients: Vec<_> = (0..20).map(|host| from(host, "ann")).collect();
        guess(&mut counts, &clients);
        let neighbours = ["a", "b", "c", "d", "e", "f", "g"].map(|name| from(100, name));
        guess(&mut counts, &neighbours);
        let now = 10 * MINUTE;
        for _ in 0..3 {
            assert_eq!(attempt(&mut counts, &home, Outcome::Success, now), Ok(()));
        }
        // At another place she waits as the attackers do.
        let start = attempt(&mut counts, &from(200, "ann"), Outcome::Success, now);
        assert!(start <= Err(When::At(now + 5000)), "{start:?}");
        // If she mistypes at home, she waits a little.
        assert_eq!(attempt(&mut counts, &home, Outcome::Failure, now), Ok(()));
        let start = attempt(&mut counts, &home, Outcome::Success, now);
        assert_eq!(start, Err(When::At(now + 500)));
    }

    #[test]
    fn a_device_with_an_old_password_delays_only_itself() {
        let mut counts = counts();
        guess(&mut counts, &[from(1, "ann")]);
        let now = 10 * MINUTE;
        for other in [from(1, "bob"), from(2, "ann")] {
            assert_eq!(attempt(&mut counts, &other, Outcome::Success, now), Ok(()));
        }
    }

    #[test]
    fn simultaneous_logins_of_one_user_wait_for_the_first_only() {
        let mut counts = counts();
        let ann = from(1, "ann");
        let first = counts.try_start(&ann, 0).expect("it may start");
        assert_eq!(counts.try_start(&ann, 1), Err(When::AfterOthers(500)));
        counts.end(&ann, first, Outcome::Success, 2);
        let others: Vec<_> = (0..100).map(|_| counts.try_start(&ann, 3)).collect();
        assert!(others.iter().all(Result::is_ok));
        for started in others.into_iter().flatten() {
            counts.end(&ann, started, Outcome::Success, 4);
        }
        let known = KnownNames::default();
        assert_ne!(counts.known, known);
        counts.known = known;
        let empty = LoginCounts::new(counts.secret);
        assert_eq!(counts, empty, "nothing is under way");
    }

    #[test]
    fn processes_together_log_some_lines_a_minute() {
        let mut lines = LogLines::default();
        let at = |lines: &mut LogLines, now| (0..100).filter_map(|_| lines.admit(now)).sum::<u32>();
        assert_eq!(at(&mut lines, MINUTE), 0);
        assert_eq!(lines.left_out, 100 - LogLines::MOST);
        assert_eq!(lines.admit(2 * MINUTE - 1), None);
        assert_eq!(lines.admit(2 * MINUTE), Some(101 - LogLines::MOST));
        assert_eq!(lines.admit(2 * MINUTE), Some(0));
    }

    #[test]
    fn in_a_trusted_network_the_name_counts() {
        let mut counts = counts();
        let names: Vec<_> = (0..1000)
            .map(|number| from_webmail(&number.to_string()))
            .collect();
        for name in &names {
            assert_eq!(attempt(&mut counts, name, Outcome::Failure, 0), Ok(()));
        }
        let ann = from_webmail("ann");
        for now in (0..5000).step_by(1000) {
            assert_eq!(attempt(&mut counts, &ann, Outcome::Success, now), Ok(()));
            assert_eq!(attempt(&mut counts, &ann, Outcome::Failure, now), Ok(()));
        }
        let now = MINUTE;
        assert_eq!(attempt(&mut counts, &ann, Outcome::Success, now), Ok(()));
        assert_eq!(attempt(&mut counts, &ann, Outcome::Failure, now), Ok(()));
        let start = attempt(&mut counts, &ann, Outcome::Success, now + 600);
        assert_eq!(start, Err(When::At(now + 1000)), "success clears no name");
        // A client without an address shares its network with all users of the host.
        let local = LoginOrigin::new(&Peer::default(), b"ann");
        let start = attempt(&mut counts, &local, Outcome::Success, now + 600);
        assert_eq!(start, Err(When::At(now + 1000)));
    }
}
