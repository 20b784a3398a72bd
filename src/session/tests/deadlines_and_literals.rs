//! Tests of sessions with a fake clock: refused literals, deadlines, and clients that do not read.

use std::path::Path;
use std::time::Duration;

use super::rig::{MAX_MESSAGE, Rig, account, maildir};
use crate::budget::{Budget, Clock as _};
use crate::session::machine::{LEAST_READ, READ_TIMEOUT};
use crate::session::output::Output;
use crate::session::{LoginVerdict, Peer, Session, Turn};

#[test]
fn a_refused_literal_is_read_over() {
    let mut rig = Rig::new();
    let login = format!(
        "a LOGIN {{20000+}}\r\n{} x\r\nb NOOP\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(
        rig.send(&login),
        "a BAD Literal too long\r\nb OK NOOP completed\r\n"
    );
    assert_eq!(
        rig.send("c LOGIN {99999999999}\r\n"),
        "c BAD Literal too long\r\n",
        "this client waits for the answer, and goes on"
    );
    assert_eq!(rig.send("d NOOP\r\n"), "d OK NOOP completed\r\n");
}

#[test]
fn a_literal_too_long_to_read_over_ends_the_session() {
    let size = MAX_MESSAGE + (64 << 20);
    for (command, tag) in [("a LOGIN x", "a"), ("b APPEND x", "b"), ("*", "*")] {
        let mut rig = Rig::new();
        let received = rig.send(&format!("{command} {{{}+}}\r\nc NOOP\r\n", size + 1));
        let want = format!(
            "{tag} BAD Literal too long\r\n* BYE The server does not wait for the rest of that command\r\n"
        );
        assert_eq!(received, want);
        assert!(rig.session.is_finished());
        let mut rig = Rig::new();
        rig.send(&format!("{command} {{{size}+}}\r\n"));
        assert!(!rig.session.is_finished(), "one octet less is read over");
    }
}

#[test]
fn commands_do_not_put_off_the_login_deadline() {
    let mut rig = Rig::new();
    for _ in 0..5 {
        rig.clock.advance(Duration::from_secs(11));
        assert_eq!(rig.send("a NOOP\r\n"), "a OK NOOP completed\r\n");
        rig.time_out();
        assert!(!rig.session.is_finished());
    }
    rig.clock.advance(Duration::from_secs(5));
    assert_eq!(rig.session.poll_timeout(), Some(rig.clock.now()));
    rig.time_out();
    assert_eq!(rig.receive(), "* BYE Autologout: idle for too long\r\n");
    assert!(rig.session.is_finished());
}

#[test]
fn a_client_that_is_logged_in_may_be_silent_for_longer() {
    let mut rig = Rig::new();
    rig.clock.advance(Duration::from_secs(50));
    rig.send("a LOGIN fred secret\r\n");
    assert!(rig.session.poll_request().is_some());
    rig.session.handle_verdict(LoginVerdict::Granted {
        user: "fred".to_owned(),
        account: account(Path::new("/nowhere")),
        server_final: None,
    });
    assert_eq!(rig.send(""), "a OK User fred logged in\r\n");
    rig.clock.advance(Duration::from_secs(1799));
    rig.time_out();
    assert!(!rig.session.is_finished());
    rig.clock.advance(Duration::from_secs(1));
    rig.time_out();
    assert_eq!(rig.receive(), "* BYE Autologout: idle for too long\r\n");
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let mut rig = Rig::new();
    rig.send("a LOGIN fred secret\r\n");
    rig.session.handle_verdict(LoginVerdict::Denied);
    let mut budget = Budget::unlimited(&rig.clock);
    rig.session.run(&mut rig.store, &mut budget);
    assert!(rig.session.has_output());
    rig.clock.advance(Duration::from_secs(60));
    rig.time_out();
    assert!(rig.session.is_finished());
    let due = rig.session.poll_timeout();
    assert!(
        due.is_some_and(|due| due <= rig.clock.now()),
        "the connection is not kept for its last output"
    );
}

/// Makes a session of the user `ann`, whose mail is in `home`.
fn session_of_ann(rig: &Rig, name: &str, home: &tempfile::TempDir) -> Session {
    let (config, now) = (rig.session.state.config.clone(), rig.clock.now());
    let peer = Peer {
        name: name.to_owned(),
        may_log_in: false,
        ..Peer::default()
    };
    Session::preauthenticated(config, peer, "ann".to_owned(), account(home.path()), now)
}

/// Reads `count` octets a minute for an hour, and sends an octet each time. Returns the minutes
/// after which the session was broken.
fn minutes_of_reading(count: usize) -> Option<usize> {
    let home = maildir(&[]);
    let mut rig = Rig::new();
    let mut session = session_of_ann(&rig, "slow", &home);
    session.state.output.bytes().resize(60 * LEAST_READ, b'x');
    (1..=60).find(|_| {
        rig.clock.advance(Duration::from_secs(60));
        session.consume(count, rig.clock.now());
        rig.send_to(&mut session, " ");
        session.handle_timeout(rig.clock.now());
        session.is_broken()
    })
}

#[test]
fn a_client_that_reads_an_octet_a_minute_is_disconnected() {
    assert_eq!(minutes_of_reading(1), Some(5));
    assert_eq!(minutes_of_reading(LEAST_READ / 5 - 1), Some(5));
    assert_eq!(minutes_of_reading(LEAST_READ / 4), None);
}

#[test]
fn an_idle_client_that_does_not_read_gets_one_list_of_changes() {
    let home = maildir(&["1.x:2,".to_owned()]);
    let mut rig = Rig::new();
    let [mut idle, mut other] = ["idle", "other"].map(|name| session_of_ann(&rig, name, &home));
    for session in [&mut idle, &mut other] {
        rig.send_to(session, "a SELECT INBOX\r\n");
    }
    rig.send_to(&mut idle, "b IDLE\r\n");
    assert!(idle.idle_mailbox().is_some());
    let before = idle.state.output.unsent();
    for round in 0..1000 {
        let sign = ["+", "-"][round % 2];
        let command = format!("c{round} STORE 1 {sign}FLAGS (\\Flagged)\r\n");
        rig.send_to(&mut other, &command);
        idle.handle_mailbox_change();
        rig.send_to(&mut idle, "");
        other.state.output = Output::default();
    }
    assert_eq!(idle.state.output.unsent(), before);
    assert_eq!(idle.turn(), Turn::OutputFull);
    let now = rig.clock.now();
    idle.consume(usize::MAX, now);
    rig.send_to(&mut idle, "");
    assert_eq!(idle.poll_output(), b"* 1 FETCH (FLAGS ())\r\n");
    rig.clock.advance(READ_TIMEOUT);
    idle.handle_timeout(rig.clock.now());
    assert!(idle.is_broken(), "the client read nothing for too long");
}

#[test]
fn a_message_without_room_for_flags_does_not_stop_a_store() {
    // A directory entry has 255 octets: no letter can be added to the first.
    let long = format!("1.{}:2,", "x".repeat(250));
    let home = maildir(&[long, "2.x:2,".to_owned()]);
    let mut rig = Rig::new();
    rig.session.state.log_in("ann", account(home.path()));
    let mut session = std::mem::replace(&mut rig.session, Rig::new().session);
    rig.send_to(
        &mut session,
        "a SELECT INBOX\r\nb STORE 1:2 +FLAGS (\\Flagged)\r\n",
    );
    rig.session = session;
    let received = rig.receive();
    assert!(
        received.contains("* 2 STORE (FLAGS (\\Flagged)"),
        "{received}"
    );
    assert!(
        received.contains("b NO The message has no room for more flags"),
        "{received}"
    );
    assert!(home.path().join("cur/2.x:2,F").exists());
}

/// No other event would wake the session.
#[test]
fn a_line_may_come_with_the_command_that_waits_for_it() {
    let mut rig = Rig::new();
    rig.send("a AUTHENTICATE PLAIN\r\nAGpvZQBzZWNyZXQ=\r\n");
    assert_eq!(rig.session.turn(), Turn::External);
    assert!(rig.session.poll_request().is_some());

    let mut rig = Rig::new();
    let now = rig.clock.now();
    rig.session.handle_input(b"a AUTHENTICATE PLAIN\r\n", now);
    rig.session.handle_eof();
    rig.send("");
    assert!(rig.session.is_finished(), "the line can no longer come");
}

#[test]
fn log_lines_begin_with_connection_user_and_mailbox() {
    let home = maildir(&[]);
    let mut rig = Rig::new();
    rig.session.state.peer.id = 7;
    assert_eq!(rig.session.state.log_prefix(), "connection 7 from test");
    rig.session.state.log_in("ann", account(home.path()));
    let mut session = std::mem::replace(&mut rig.session, Rig::new().session);
    rig.send_to(&mut session, "a SELECT INBOX\r\n");
    assert_eq!(
        session.state.log_prefix(),
        "connection 7 from test, user \"ann\", mailbox INBOX"
    );
}
