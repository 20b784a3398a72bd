//! A client with QRESYNC (RFC 7162) returns after the server was restarted: with `imap2d-modseq`
//! intact, without it, and after a crash. The server may report too much, never too little.

use std::fs;
use std::time::Duration;

use crate::support::data::{Data, Value};
use crate::support::imap::{Client, Reply};
use crate::support::maildir::{Maildir, message};
use crate::support::server::TestServer;
use crate::support::site::Site;

const DAY: Duration = Duration::from_secs(86_400);

/// What the client keeps between two sessions.
struct Known {
    validity: u32,
    modseq: u64,
}

/// Returns the last HIGHESTMODSEQ, which may need 63 bits.
fn modseq(reply: &Reply) -> u64 {
    let text = |data: &Data| match data {
        Data::Status(_, text) => Some(text.clone()),
        _ => None,
    };
    let texts = reply.data.iter().filter_map(text);
    let mut codes = texts.filter_map(|text| {
        let (number, _) = text.strip_prefix("[HIGHESTMODSEQ ")?.split_once(']')?;
        number.parse().ok()
    });
    codes.next_back().expect("a HIGHESTMODSEQ")
}

fn enabled(server: &TestServer) -> Client {
    let mut client = server.login_imap4();
    client.ok("ENABLE QRESYNC");
    client
}

/// Synchronises for the first time, and changes a flag.
fn first_visit(server: &TestServer) -> Known {
    let mut client = enabled(server);
    let reply = client.ok("SELECT INBOX");
    let known = Known {
        validity: reply.code("UIDVALIDITY").expect("a UIDVALIDITY"),
        modseq: modseq(&reply),
    };
    client.ok("UID STORE 1 +FLAGS (\\Flagged)");
    client.ok("CLOSE");
    let reply = client.ok("SELECT INBOX");
    let modseq = modseq(&reply);
    assert!(modseq > known.modseq);
    client.ok("LOGOUT");
    Known { modseq, ..known }
}

/// Selects the mailbox again. Returns the UIDs that vanished, the UIDs with changed flags, and the
/// client's new state.
fn visit(server: &TestServer, known: &Known) -> (Vec<String>, Vec<u32>, Known) {
    let (validity, modseq_before) = (known.validity, known.modseq);
    let mut client = enabled(server);
    let reply = client.ok(&format!(
        "SELECT INBOX (QRESYNC ({validity} {modseq_before}))"
    ));
    assert_eq!(reply.code("UIDVALIDITY"), Some(validity));
    let vanished = reply.data.iter().filter_map(|data| match data {
        Data::Other(name, values) if name == "VANISHED" => values.last().and_then(Value::text),
        _ => None,
    });
    let changed = reply.fetched().filter_map(|(_, items)| items.uid());
    let known = Known {
        validity,
        modseq: modseq(&reply),
    };
    (vanished.collect(), changed.collect(), known)
}

fn four(site: &Site) -> Maildir {
    let maildir = site.maildir();
    for id in ["one", "two", "three", "four"] {
        maildir.put(&message("Test", id, "Text.\n"), "", DAY);
    }
    maildir
}

/// Creates a mailbox of four messages, starts a server, and lets the client visit it.
fn visited() -> (Site, Maildir, TestServer, Known) {
    let site = Site::new();
    let maildir = four(&site);
    let server = TestServer::start(&site, &[]);
    let known = first_visit(&server);
    (site, maildir, server, known)
}

/// Changes the mailbox while no server runs: deletes a message and flags another.
fn change(maildir: &Maildir) {
    fs::remove_file(maildir.the("<two").path).expect("a deletion");
    let three = maildir.the("<three");
    let name = three.path.with_file_name(format!("{}:2,S", three.base));
    fs::rename(&three.path, name).expect("a rename");
}

#[test]
fn with_its_file_a_mailbox_reports_changes_only() {
    let (site, maildir, server, known) = visited();
    server.stop();
    assert!(maildir.path().join("imap2d-modseq").exists());
    change(&maildir);
    let (vanished, changed, now) = visit(&TestServer::start(&site, &[]), &known);
    assert_eq!((vanished, changed), (vec!["2".to_owned()], vec![3]));
    assert!(now.modseq > known.modseq);
}

#[test]
fn without_its_file_a_mailbox_reports_everything() {
    let (site, maildir, server, known) = visited();
    server.stop();
    change(&maildir);
    fs::remove_file(maildir.path().join("imap2d-modseq")).expect("a deletion");
    let server = TestServer::start(&site, &[]);
    let (vanished, changed, now) = visit(&server, &known);
    assert_eq!((vanished, changed), (vec!["2".to_owned()], vec![1, 3, 4]));
    assert!(now.modseq > known.modseq);
    // From then on the server reports changes only.
    let (vanished, changed, then) = visit(&server, &now);
    assert_eq!((vanished, changed), (vec![], vec![]));
    assert_eq!(then.modseq, now.modseq);
}

#[test]
fn after_a_crash_a_mailbox_reports_everything() {
    let (site, maildir, server, known) = visited();
    drop(server);
    change(&maildir);
    let (vanished, changed, now) = visit(&TestServer::start(&site, &[]), &known);
    assert_eq!((vanished, changed), (vec!["2".to_owned()], vec![1, 3, 4]));
    assert!(now.modseq > known.modseq);
}
