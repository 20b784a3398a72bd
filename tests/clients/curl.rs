//! `curl`. It expects an IMAP4rev1 server and is tested in the automatic dialect only.

use super::LIMIT;
use super::large_account::{self, CREATED, DRAFTS, INBOX, RENAMED};
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
    /// Creates a mailbox with a read and an unread message, and a folder.
    fn new() -> Option<Self> {
        let site = Site::new();
        let mail = site.maildir();
        mail.put(
            &message("an old one", "old", "has been read"),
            "S",
            super::LIMIT,
        );
        mail.deliver(&message("a new one", "new", "has not been read"));
        mail.folder("Lists.rust");
        Self::over(site)
    }

    /// Creates a large account.
    fn with_account() -> Option<Self> {
        let site = Site::new();
        large_account::fill(&site.maildir());
        Self::over(site)
    }

    fn over(site: Site) -> Option<Self> {
        let curl = Program::find("curl")?;
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

    /// Sends a command with `--request`, in INBOX.
    fn send(&self, command: &str) -> String {
        self.get("INBOX", &["-X", command])
    }

    fn get(&self, path: &str, arguments: &[&str]) -> String {
        self.run(path, arguments).success()
    }
}

#[test]
fn curl_lists_mailboxes() {
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
fn curl_fetches_whole_messages_and_parts() {
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
fn curl_fails_for_missing_mailboxes_and_messages() {
    let Some(rig) = Rig::new() else { return };
    assert!(!rig.run("INBOX;MAILINDEX=9", &[]).status.success());
    assert!(!rig.run("Nowhere;MAILINDEX=1", &[]).status.success());
    assert!(!rig.run("", &["--user", "joe:wrong"]).status.success());
}

#[test]
fn curl_sends_commands_of_its_user() {
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
fn curl_searches() {
    let Some(rig) = Rig::new() else { return };
    assert_eq!(rig.get("INBOX?SUBJECT%20old", &[]).trim(), "* SEARCH 1");
    assert_eq!(rig.get("INBOX?UNSEEN", &[]).trim(), "* SEARCH 2");
    assert_eq!(
        rig.get("INBOX?TEXT%20%22has%20not%22", &[]).trim(),
        "* SEARCH 2"
    );
}

#[test]
fn curl_uploads_a_message() {
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

/// curl fetches every message of a folder over one connection, into files.
#[test]
fn curl_fetches_a_folder() {
    let Some(rig) = Rig::with_account() else {
        return;
    };
    let files = rig.site.home().join("#1.eml");
    let files = files.to_str().expect("a path in ASCII");
    // The name is in the form it has on the wire, with its `&` escaped.
    let path = format!("Entw%26APw-rfe;UID=[1-{}]", DRAFTS.messages);
    rig.get(&path, &["--output", files]);
    assert_eq!(rig.server.log().matches("login granted").count(), 1);
    for number in 1..=DRAFTS.messages {
        let file = rig.site.home().join(format!("{number}.eml"));
        let fetched = std::fs::read(file).expect("curl wrote it");
        let sent = with_crlf(&large_account::sample(&DRAFTS.id(number), number));
        assert!(fetched == sent, "message {number} differs");
    }
    let folder = DRAFTS.on_server(&rig.site.maildir());
    assert!(
        folder
            .entries()
            .iter()
            .all(|entry| entry.flags.contains('S'))
    );
}

#[test]
fn curl_lists_a_large_mailbox_and_its_new_messages() {
    let Some(rig) = Rig::with_account() else {
        return;
    };
    let flagged = rig.get("INBOX?FLAGGED", &[]);
    let numbers = flagged.trim().strip_prefix("* SEARCH ");
    let numbers = numbers.map_or(0, |numbers| numbers.split(' ').count());
    let flagged = (1..=INBOX.messages).filter(|number| number % 10 == 0);
    assert_eq!(numbers, flagged.count());
    // curl fails if there are many more lines at once.
    let last = rig.send("FETCH 1151:* (UID FLAGS)");
    assert_eq!(last.matches(" FETCH (UID ").count(), INBOX.messages - 1150);
    rig.site
        .maildir()
        .deliver(&large_account::sample("late", 1));
    let status = rig.send("STATUS INBOX (MESSAGES UIDNEXT)");
    let count = INBOX.messages + 1;
    let expected = format!("* STATUS INBOX (MESSAGES {count} UIDNEXT {})", count + 1);
    assert_eq!(status.trim(), expected);
}

#[test]
fn curl_moves_a_message() {
    let Some(rig) = Rig::new() else { return };
    let moved = rig.send("UID MOVE 1 Lists.rust");
    assert!(
        moved.contains("[COPYUID ") && moved.contains("* 1 EXPUNGE"),
        "{moved}"
    );
    let mail = rig.site.maildir();
    assert_eq!(mail.holding("X-Id: old\n"), []);
    assert_eq!(mail.folder("Lists.rust").the("X-Id: old\n").flags, "S");
}

#[test]
fn curl_manages_folders() {
    let Some(rig) = Rig::new() else {
        return;
    };
    let mail = rig.site.maildir();
    rig.send(&format!("CREATE {}", CREATED.encoded));
    assert!(CREATED.if_on_server(&mail).is_some());
    rig.send(&format!("RENAME {} {}", CREATED.encoded, RENAMED.encoded));
    assert!(CREATED.if_on_server(&mail).is_none());
    assert!(rig.get("", &[]).contains(RENAMED.encoded));
    rig.send(&format!("DELETE {}", RENAMED.encoded));
    assert!(RENAMED.if_on_server(&mail).is_none());
}

/// Extension commands that a user may send.
#[test]
fn curl_sends_extension_commands() {
    let Some(rig) = Rig::new() else { return };
    for (command, answer) in [
        ("SORT (REVERSE ARRIVAL) UTF-8 ALL", "* SORT 2 1\r\n"),
        ("THREAD REFERENCES UTF-8 ALL", "* THREAD (1)(2)\r\n"),
        (
            "UID SEARCH RETURN (MAX COUNT) ALL",
            " UID MAX 2 COUNT 2\r\n",
        ),
        ("UID SEARCH RETURN () OLDER 10", " UID ALL 1\r\n"),
        ("NAMESPACE", "* NAMESPACE ((\"\" \".\")) NIL NIL\r\n"),
        ("UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)", " MODSEQ ("),
        (
            "FETCH 1 BINARY.SIZE[1]",
            "* 1 FETCH (BINARY.SIZE[1] 15)\r\n",
        ),
    ] {
        let answered = rig.send(command);
        assert!(answered.contains(answer), "{command}: {answered}");
    }
}
