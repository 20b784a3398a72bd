//! `curl`, which takes an IMAP4rev1 server for granted: it runs in the automatic dialect only.

use super::LIMIT;
use crate::support::imap::with_crlf;
use crate::support::maildir::message;
use crate::support::program::{Finished, Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

struct Rig {
    curl: Program,
    server: TestServer,
    site: Site,
}

impl Rig {
    /// A mailbox with a read and an unread message, and a folder.
    fn new() -> Option<Self> {
        let curl = Program::find("curl")?;
        let site = Site::new();
        let mail = site.maildir();
        mail.put(
            &message("an old one", "old", "has been read"),
            "S",
            super::LIMIT,
        );
        mail.deliver(&message("a new one", "new", "has not been read"));
        mail.folder("Lists.rust");
        let server = TestServer::start(&site, &[]);
        Some(Self { curl, server, site })
    }

    fn run(&self, path: &str, arguments: &[&str]) -> Finished {
        let mut command = self.curl.command();
        command
            .args(["--disable", "--silent", "--show-error", "--user"])
            .arg(format!("{USER}:{PASSWORD}"))
            .args(arguments)
            .arg(format!("imap://127.0.0.1:{}/{path}", self.server.port()))
            .env("HOME", self.site.home());
        run(&mut command, LIMIT)
    }

    fn get(&self, path: &str, arguments: &[&str]) -> String {
        self.run(path, arguments).success()
    }
}

#[test]
fn lists_mailboxes() {
    let Some(rig) = Rig::new() else { return };
    let listing = rig.get("", &[]);
    let lines: Vec<&str> = listing.lines().collect();
    assert!(
        lines.iter().all(|line| line.starts_with("* LIST (")),
        "{listing}"
    );
    for name in ["INBOX", "Lists.rust"] {
        let is_there = |line: &&str| {
            line.ends_with(&format!(" {name}")) || line.contains(&format!("\"{name}\""))
        };
        assert!(lines.iter().any(is_there), "{name} is not in {listing}");
    }
}

#[test]
fn fetches_whole_messages_and_parts() {
    let Some(rig) = Rig::new() else { return };
    let old = String::from_utf8(with_crlf(&message("an old one", "old", "has been read")));
    assert_eq!(rig.get("INBOX;MAILINDEX=1", &[]), old.expect("ASCII"));
    assert_eq!(
        rig.get("INBOX;MAILINDEX=2;SECTION=TEXT", &[]),
        "has not been read\r\n"
    );
    let header = rig.get("INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(SUBJECT)", &[]);
    assert_eq!(header, "Subject: an old one\r\n\r\n");
    assert_eq!(
        rig.get("INBOX;UID=1;SECTION=TEXT", &[]),
        "has been read\r\n"
    );
    assert_eq!(
        rig.site.maildir().the("X-Id: new").flags,
        "S",
        "it has been read by now"
    );
}

#[test]
fn fails_where_there_is_no_such_thing() {
    let Some(rig) = Rig::new() else { return };
    assert!(!rig.run("INBOX;MAILINDEX=9", &[]).status.success());
    assert!(!rig.run("Nowhere;MAILINDEX=1", &[]).status.success());
    assert!(!rig.run("", &["--user", "joe:wrong"]).status.success());
}

#[test]
fn sends_commands_of_its_user() {
    let Some(rig) = Rig::new() else { return };
    let flags = rig.get("INBOX", &["-X", "FETCH 1 (UID FLAGS)"]);
    assert!(flags.contains("* 1 FETCH (UID 1 FLAGS (\\Seen"), "{flags}");
    rig.get("INBOX", &["-X", "STORE 2 +FLAGS (\\Flagged)"]);
    assert_eq!(rig.site.maildir().the("X-Id: new").flags, "F");
    rig.get("INBOX", &["-X", "COPY 1:2 Lists.rust"]);
    let copies = rig.site.maildir().folder("Lists.rust").entries();
    assert_eq!(copies.len(), 2, "{copies:?}");
    rig.get("INBOX", &["-X", "STORE 1 +FLAGS.SILENT (\\Deleted)"]);
    let expunged = rig.get("INBOX", &["-X", "EXPUNGE"]);
    assert!(expunged.contains("* 1 EXPUNGE"), "{expunged}");
    assert_eq!(rig.site.maildir().entries().len(), 1);
}

#[test]
fn searches() {
    let Some(rig) = Rig::new() else { return };
    assert_eq!(rig.get("INBOX?SUBJECT%20old", &[]).trim(), "* SEARCH 1");
    assert_eq!(rig.get("INBOX?UNSEEN", &[]).trim(), "* SEARCH 2");
    assert_eq!(
        rig.get("INBOX?TEXT%20%22has%20not%22", &[]).trim(),
        "* SEARCH 2"
    );
}

#[test]
fn uploads_a_message() {
    let Some(rig) = Rig::new() else { return };
    let text = "one line\n".repeat(20_000);
    let sent = message("an upload", "upload", &text);
    let file = rig.site.path("upload.eml");
    std::fs::write(&file, with_crlf(&sent)).expect("a file to send");
    rig.get(
        "Lists.rust",
        &["-T", file.to_str().expect("a path in ASCII")],
    );
    let stored = rig.site.maildir().folder("Lists.rust").the("X-Id: upload");
    assert_eq!(stored.contents(), sent, "stored with bare LF");
    assert!(stored.flags.is_empty() || stored.flags == "S", "{stored:?}");
}
