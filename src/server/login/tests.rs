//! Attempts from their request to their verdict, with the threads of an embedded server.

use super::logins::{Decision, Logins};
use crate::options::Options;
use crate::protocol::{Mechanism, Secret};
use crate::session::{LoginRequest, LoginVerdict, Peer};
use mio::Token;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn logins(args: &[&str]) -> Logins {
    let args = [&["--preauth"], args].concat();
    Logins::new(&Options::from_args(args).unwrap_or_else(|errors| panic!("{errors}")))
}

/// Returns the logins of a server with the user `ann`, whose password is `secret`.
fn logins_for_ann() -> (tempfile::NamedTempFile, Logins) {
    let users = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(users.path(), "ann:{PLAIN}secret\n").expect("written");
    let path = users.path().to_str().expect("UTF-8").to_string();
    let logins = logins(&["--users", &path, "--mail", "/srv/mail/%u"]);
    (users, logins)
}

fn peer(address: &str) -> Peer {
    let address: SocketAddr = address.parse().expect("an address");
    logins(&[]).peer(1, address)
}

fn password(password: &str) -> LoginRequest {
    LoginRequest::Password {
        user: b"ann".to_vec(),
        password: Secret::new(password.into()),
        method: Mechanism::Plain,
    }
}

/// Waits for the next decisions; `now` is the time for the delays.
fn deliver(logins: &mut Logins, now: Instant) -> Vec<Decision> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let decisions = logins.poll_decisions(now);
        if !decisions.is_empty() {
            return decisions;
        }
        assert!(Instant::now() < deadline, "no verdict");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_connection_gets_its_own_verdict() {
    let (_users, mut logins) = logins_for_ann();
    let now = Instant::now();
    let (one, other) = (peer("192.0.2.1:1"), peer("192.0.2.2:1"));
    let wrong = logins.request(Token(1), &one, password("wrong"), now);
    let right = logins.request(Token(2), &other, password("secret"), now);
    let mut seen = 0;
    while seen < 2 {
        for decision in deliver(&mut logins, now) {
            seen += 1;
            match decision.verdict {
                LoginVerdict::Denied => {
                    assert_eq!((decision.connection, decision.serial), (Token(1), wrong));
                }
                LoginVerdict::Granted { user, account, .. } => {
                    assert_eq!((decision.connection, decision.serial), (Token(2), right));
                    assert_eq!(user, "ann");
                    assert_eq!(account.root, PathBuf::from("/srv/mail/ann"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(!logins.are_pending() && logins.deadline().is_none());
}

#[test]
fn a_failure_delays_its_own_address_only() {
    let (_users, mut logins) = logins_for_ann();
    let mut now = Instant::now();
    let (one, other) = (peer("192.0.2.1:1"), peer("[2001:db8::1]:1"));
    for _ in 0..2 {
        now += Duration::from_secs(1);
        logins.request(Token(1), &one, password("wrong"), now);
        let verdict = &deliver(&mut logins, now)[0].verdict;
        assert!(matches!(verdict, LoginVerdict::Denied), "{verdict:?}");
    }
    logins.request(Token(1), &one, password("secret"), now);
    logins.request(Token(2), &other, password("secret"), now);
    assert_eq!(deliver(&mut logins, now)[0].connection, Token(2));
    assert!(logins.poll_decisions(now).is_empty());
    let due = logins.deadline().expect("an attempt is delayed");
    assert!(due > now && due <= now + Duration::from_secs(2));
    assert_eq!(deliver(&mut logins, due)[0].connection, Token(1));
}

#[test]
fn an_attempt_of_a_closed_connection_is_dropped_while_it_is_delayed() {
    let (_users, mut logins) = logins_for_ann();
    let now = Instant::now();
    let one = peer("192.0.2.1:1");
    logins.request(Token(1), &one, password("wrong"), now);
    deliver(&mut logins, now);
    let waiting = logins.request(Token(1), &one, password("wrong"), now);
    logins.forget(waiting);
    assert!(logins.deadline().is_none());
    let asked = logins.request(Token(1), &peer("192.0.2.2:1"), password("wrong"), now);
    assert!(logins.poll_decisions(now).is_empty() || !logins.are_pending());
    logins.forget(asked);
    assert_eq!(deliver_or_idle(&mut logins, now), 1, "it counts");
}

/// Returns how many decisions come while a check is pending; 1 if none is.
fn deliver_or_idle(logins: &mut Logins, now: Instant) -> usize {
    match logins.are_pending() {
        true => deliver(logins, now).len(),
        false => 1,
    }
}

#[test]
fn clear_text_follows_the_option() {
    let may = |option, address: &str| {
        let address = address.parse().expect("an address");
        logins(&["--users", "/dev/null", "--plaintext-login", option])
            .peer(1, address)
            .may_log_in
    };
    for local in ["127.0.0.1:5", "[::1]:5", "[::ffff:127.0.0.1]:5"] {
        assert!(may("loopback", local), "{local}");
        assert!(!may("never", local), "{local}");
    }
    assert!(!may("loopback", "192.0.2.1:5"));
    assert!(may("always", "192.0.2.1:5"));
    let without_users = logins(&["--plaintext-login", "always"]);
    assert!(!without_users.may_log_in(true), "there are no users");
}

/// Returns the address in the log line about an attempt from there, after this ID.
fn logged_address(logins: &Logins, address: &str, originating: &str) -> String {
    let address: SocketAddr = address.parse().expect("an address");
    let mut peer = logins.peer(1, address);
    if peer.speaks_for_others {
        peer.originating_address = originating.parse().ok();
    }
    let attempt = super::attempt::Attempt::new(Token(1), &peer, &password("wrong"));
    attempt.to_string()
}

#[test]
fn clients_in_trusted_networks_speak_for_others() {
    let logins = logins(&["--trusted-network", "192.0.2.0/24"]);
    let line = logged_address(&logins, "192.0.2.1:1", "2001:db8::7");
    assert!(line.starts_with("address=2001:db8::7 "), "{line}");
    let line = logged_address(&logins, "192.0.2.1:1", "none");
    assert!(line.starts_with("address=192.0.2.1 "), "{line}");
    let line = logged_address(&logins, "198.51.100.1:1", "2001:db8::7");
    assert!(line.starts_with("address=198.51.100.1 "), "{line}");
}

#[test]
fn an_attempt_that_waits_too_long_is_refused_unchecked() {
    let (_users, mut logins) = logins_for_ann();
    let one = peer("192.0.2.1:1");
    let mut now = Instant::now();
    for _ in 0..7 {
        logins.request(Token(1), &one, password("wrong"), now);
        now += Duration::from_secs(20);
        deliver(&mut logins, now);
    }
    // Each waits 15 seconds after the one before.
    for number in 1..=4 {
        logins.request(Token(number), &one, password("wrong"), now);
    }
    let mut verdicts = Vec::new();
    for seconds in [0, 15, 29, 30] {
        let now = now + Duration::from_secs(seconds);
        let is_checked = |logins: &mut Logins, verdicts: &mut Vec<_>| {
            verdicts.extend(logins.poll_decisions(now));
            !logins.are_pending()
        };
        while !is_checked(&mut logins, &mut verdicts) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let refused = verdicts
        .iter()
        .filter(|decision| matches!(decision.verdict, LoginVerdict::Unavailable(_)));
    let refused: Vec<_> = refused.map(|decision| decision.connection.0).collect();
    let denied = verdicts
        .iter()
        .filter(|decision| matches!(decision.verdict, LoginVerdict::Denied));
    assert_eq!((refused, denied.count()), (vec![3, 4], 2), "{verdicts:?}");
    assert!(logins.deadline().is_none(), "no attempt waits");
}
