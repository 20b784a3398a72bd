//! Extensions that only `imapflow` uses: QRESYNC when it reconnects, and changes that arrive in
//! IDLE. Its visits, beside those of the module `libraries`:
//!
//! - `leave`: remembers the state of INBOX;
//! - `resume`: opens INBOX again and prints the changes in between, `changed UID FLAGS` and
//!   `vanished UID EARLIER`;
//! - `listen`: creates the file `ready` and prints nine changes as it receives them, `heard WHAT
//!   MILLIS`, with the time of the system's clock; of flags only `\Flagged`.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::large_account::{self, INBOX};
use super::libraries::Library;
use super::{LIMIT, set_flags};
use crate::support::imap::Client;
use crate::support::program::until;
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::Site;

/// After a restart of the server, the client receives exactly what has changed.
#[test]
fn imapflow_resumes_with_qresync() {
    let Some((mut received, commands)) = resumed(TestServer::stop) else {
        return;
    };
    received.sort();
    let vanished = [20, 30, 31, 40].map(|uid| format!("vanished\t{uid}\ttrue"));
    assert_eq!(received[..2], ["changed\t4\tFRS", "changed\t5\tF"]);
    assert_eq!(received[2..], vanished);
    assert!(!commands.contains("FETCH"), "it needs no more");
}

/// A server that was killed has lost its mod-sequences, and reports too much rather than too
/// little.
#[test]
fn imapflow_resumes_after_a_crash() {
    let Some((received, _)) = resumed(drop) else {
        return;
    };
    let messages = received.iter().filter(|line| line.starts_with("changed\t"));
    assert_eq!(messages.count(), INBOX.messages - 4);
    let vanished = [20, 30, 31, 40].map(|uid| format!("vanished\t{uid}\ttrue"));
    for line in vanished
        .iter()
        .map(String::as_str)
        .chain(["changed\t4\tFRS", "changed\t5\tF"])
    {
        assert!(
            received.iter().any(|received| received == line),
            "{line:?} was not received"
        );
    }
}

/// The client leaves; another session and another program change the mailbox; the server ends; the
/// client resumes with one command (RFC 7162 §3.2.5). Returns the client's lines and its commands.
fn resumed(end: impl FnOnce(TestServer)) -> Option<(Vec<String>, String)> {
    let imapflow = Library::imapflow()?;
    let site = Site::new();
    let mail = site.maildir();
    large_account::fill(&mail);
    let server = TestServer::start(&site, &[]);
    imapflow.visit(server.port(), "leave", &site.home());
    let mut session = server.login_imap4();
    session.ok("SELECT INBOX");
    session.ok("UID STORE 4 +FLAGS (\\Flagged)");
    session.ok("UID STORE 20,30:31 +FLAGS.SILENT (\\Deleted)");
    session.ok("EXPUNGE");
    end(server);
    set_flags(&mail.the(&INBOX.header(5)), "F");
    fs::remove_file(mail.the(&INBOX.header(40)).path).expect("another program may");
    let server = TestServer::start(&site, &[]);
    let relay = Relay::to(server.address());
    let received = imapflow.visit(relay.port(), "resume", &site.home());
    relay.assert_said(
        " ENABLE CONDSTORE UTF8=ACCEPT QRESYNC",
        "* ENABLED CONDSTORE ",
    );
    let vanished = "* VANISHED (EARLIER) 20,30:31,40\r\n";
    relay.assert_said(" SELECT INBOX (QRESYNC (", vanished);
    Some((received, relay.commands()))
}

/// How long an update may take.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The client receives new mail, flags and expunges of another session within a second. Of three
/// changes of each kind the middle time counts, because the machine may be busy once.
#[test]
fn imapflow_receives_changes_of_others_at_once() {
    let Some(imapflow) = Library::imapflow() else {
        return;
    };
    let site = Site::new();
    large_account::fill(&site.maildir());
    let server = TestServer::start(&site, &[]);
    let ready = site.home().join("ready");
    let (said, heard) = thread::scope(|scope| {
        let visit = scope.spawn(|| imapflow.visit(server.port(), "listen", &site.home()));
        let mut session = server.login_imap4();
        session.ok("SELECT INBOX");
        until("the visitor is there", LIMIT, || {
            ready.exists().then_some(())
        });
        let said: Vec<_> = (1..=3)
            .flat_map(|round| changes(&mut session, round))
            .collect();
        (said, visit.join().expect("the visit succeeds"))
    });
    for what in ["message", "flag", "expunge"] {
        let said = said.iter().filter(|change| change.0 == what);
        let heard = heard.iter().filter_map(|line| time_heard(line, what));
        let delays = said
            .zip(heard)
            .map(|(said, heard)| heard.saturating_sub(said.1));
        let mut delays: Vec<Duration> = delays.collect();
        delays.sort();
        assert_eq!(delays.len(), 3, "{what}");
        assert!(delays[1] < AT_ONCE, "{what}: {delays:?}");
    }
}

/// Makes one change of each kind; returns them with the times when they began.
fn changes(session: &mut Client, round: usize) -> [(&'static str, Duration); 3] {
    let text = large_account::sample(&format!("late-{round}"), round);
    let appended = now();
    session.append_ok("INBOX", "", &text);
    let flagged = now();
    session.ok(&format!("UID STORE {} +FLAGS (\\Flagged)", 100 + round));
    let expunged = now();
    session.ok(&format!(
        "UID STORE {} +FLAGS.SILENT (\\Deleted)",
        200 + round
    ));
    session.ok("EXPUNGE");
    thread::sleep(Duration::from_millis(200));
    [
        ("message", appended),
        ("flag", flagged),
        ("expunge", expunged),
    ]
}

/// Returns the time of the system's clock.
fn now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970")
}

fn time_heard(line: &str, what: &str) -> Option<Duration> {
    let millis = line
        .strip_prefix("heard\t")?
        .strip_prefix(what)?
        .trim_start();
    Some(Duration::from_millis(millis.parse().ok()?))
}
