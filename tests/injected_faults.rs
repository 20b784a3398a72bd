//! What a fault in the server costs: panics, in each part of the event loop, that a client asks for
//! by the back door for tests (`src/server/test_backdoor.rs`).

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::imap::Client;
use crate::support::maildir::message;
use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

/// How often the test looks whether a part of the loop has failed before it makes more work.
const LOOKS: usize = 50;

/// What the event loop guards, by the names in its log lines.
const PARTS: [&str; 19] = [
    "looking for the end",
    "counting clients",
    "looking for the next deadline",
    "taking an event",
    "handling a signal",
    "accepting connections",
    "accepting a connection",
    "reading PROXY headers",
    "firing timers",
    "deciding logins",
    "deciding a login",
    "taking results of flushes",
    "taking a result",
    "checking certificates",
    "looking for changes",
    "passing a change on",
    "giving turns",
    "cleaning up",
    "starting flushes",
];

fn asks(client: &mut Client, action: &str) -> String {
    client.send(format!("X-BACKDOOR {action}\r\n").as_bytes());
    String::from_utf8(client.response()).expect("a report")
}

/// Returns a host whose user has two messages in INBOX, and another mailbox.
fn site() -> Site {
    let site = Site::new();
    for number in 1..=2 {
        let text = message("s", &format!("{number}@x"), "text");
        site.maildir().put(&text, "S", Duration::from_secs(60));
    }
    site.maildir().folder("Other");
    site
}

#[test]
fn a_panic_in_a_turn_ends_one_session_and_has_its_mailbox_loaded_anew() {
    let site = site();
    let server = TestServer::start(&site, &[]);
    let [mut victim, mut sibling, mut other] = [(); 3].map(|()| server.login_imap4());
    for client in [&mut victim, &mut sibling] {
        assert_eq!(client.ok("SELECT INBOX").exists(), Some(2));
    }
    other.ok("SELECT Other");
    assert_eq!(asks(&mut victim, "fail STORE"), "* DONE");
    victim.send(b"x STORE 1 +FLAGS (\\Flagged)\r\n");
    assert!(victim.is_closed());
    let line = "mailbox INBOX: closed after a fault in imap2d; please report it: a test has asked";
    until("the log line", LIMIT, || {
        server.log().contains(line).then_some(())
    });
    other.ok("NOOP");
    // What the turn has worked on is not trusted: who has the mailbox selected has to select again.
    sibling.send(b"y NOOP\r\n");
    until("the end of the sibling", LIMIT, || {
        String::from_utf8_lossy(&sibling.response())
            .starts_with("* BYE")
            .then_some(())
    });
    let selected = other.ok("SELECT INBOX");
    assert_eq!(selected.exists(), Some(2));
    assert_eq!(server.login_imap4().ok("SELECT INBOX").exists(), Some(2));
}

#[test]
fn a_panic_in_any_part_of_the_loop_costs_what_that_part_had_to_do() {
    let site = site();
    let server = TestServer::start(&site, &[]);
    let mut other = server.login_imap4();
    other.ok("SELECT Other");
    for part in PARTS {
        assert_eq!(
            asks(&mut other, &format!("fail {part}")),
            "* DONE",
            "{part}"
        );
        // Each piece of work may be the one that the fault costs.
        let (mut victims, mut looks) = (Vec::new(), 0);
        until(part, LIMIT, || {
            if looks % LOOKS == 0 {
                victims.push(make_work(&server, &site));
            }
            looks += 1;
            (asks(&mut other, "has-failed x") == "* DONE").then_some(())
        });
        drop(victims);
        other.ok("NOOP");
        let mut next = server.login();
        next.append_ok("Other", "", &message("s", "3@x", "text"));
        next.ok("LOGOUT");
    }
    let lines = server.log();
    let lines = lines.matches("a fault in imap2d while ").count();
    assert!((5..=PARTS.len()).contains(&lines), "{lines} lines");
}

/// Gives each part of the loop something to do. What becomes of it does not matter.
fn make_work(server: &TestServer, site: &Site) -> Option<TcpStream> {
    let text = message("s", "4@x", "text");
    site.maildir().folder("Other").deliver(&text);
    let mut stream = TcpStream::connect(server.address()).ok()?;
    let commands = format!(
        "a LOGIN {USER} {PASSWORD}\r\nb APPEND Other {{6+}}\r\n\r\nxyz\n\r\nc SELECT Other\r\nd IDLE\r\n"
    );
    let _ = stream.write_all(commands.as_bytes());
    server.signal(Signal::USR1);
    Some(stream)
}
