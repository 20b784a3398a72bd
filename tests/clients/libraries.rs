//! The libraries that people use in their scripts: Python's `imaplib`, Perl's `Mail::IMAPClient`,
//! Node's `imapflow` and Rust's `imap`.
//!
//! Each makes the same visits to the same account, in a small program of its own beside this file,
//! and prints one line for everything that it receives, its words separated by tabs:
//!
//! - `look`: all mailboxes and messages, `message NAME IDENTITY FLAGS`, and three whole messages
//!   into files named after their identity;
//! - `change`: three searches, `found WHAT COUNT`, then flags, a deletion, a move, a copy, an
//!   upload, and folders created, renamed, subscribed and deleted;
//! - `arrange`: the mailbox `Talk`, as far as the library supports it: `sorted UIDS`, `threads
//!   THREADS`, and `counted FIRST COUNT`, of an extended search;
//! - `watch`: creates the file `ready` and waits for the changes that others make then, `heard
//!   WHAT`.
//!
//! They use what the server offers, such as MOVE and IDLE, and do without what it does not offer.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use super::large_account::{
    self, CREATED, DRAFTS, FOLDERS, INBOX, LIST, RENAMED, TRIP, contents, header,
};
use super::{LIMIT, crate_imap, set_flags};
use crate::support::imap::with_crlf;
use crate::support::maildir::Maildir;
use crate::support::program::{Program, not_run, run, until};
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

/// A library and how to run its program.
#[derive(Debug, Clone)]
pub(super) enum Library {
    /// A program, and the script that it runs.
    Script(Program, &'static str),
    /// In this process.
    Imap,
}

/// Where `.ci/run` installs packages from npm.
const IMAPFLOW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/imapflow");

impl Library {
    /// Python's library.
    pub(super) fn imaplib() -> Option<Self> {
        Self::script("python3", "imaplib_client.py")
    }

    fn imapclient() -> Option<Self> {
        let perl = Program::find("perl")?;
        let mut test = perl.command();
        let is_there = run(test.args(["-MMail::IMAPClient", "-e1"]), LIMIT);
        if !is_there.status.success() {
            not_run("Mail::IMAPClient");
            return None;
        }
        Self::script("perl", "imapclient.pl")
    }

    /// The library from npm.
    pub(super) fn imapflow() -> Option<Self> {
        if !Path::new(IMAPFLOW).is_dir() {
            not_run("imapflow");
            return None;
        }
        Self::script("node", "imapflow.mjs")
    }

    fn script(program: &str, script: &'static str) -> Option<Self> {
        Some(Self::Script(Program::find(program)?, script))
    }

    /// Makes a visit, with a directory for files, and returns the lines that it printed.
    pub(super) fn visit(&self, port: u16, visit: &str, directory: &Path) -> Vec<String> {
        let Self::Script(program, script) = self else {
            return crate_imap::visit(port, visit, directory);
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/clients")
            .join(script);
        let mut command = program.command();
        command
            .arg(script)
            .arg(port.to_string())
            .args([USER, PASSWORD, visit])
            .arg(directory)
            .env("HOME", directory)
            .env("IMAPFLOW", IMAPFLOW)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let printed = run(&mut command, LIMIT).success();
        printed.lines().map(str::to_owned).collect()
    }
}

macro_rules! with_each {
    ($($name:ident: $library:expr, $arranged:expr, $used:expr;)+) => {
        $(#[test]
        fn $name() {
            if let Some(library) = $library {
                visits(&library, &$arranged, &$used);
            }
        })+
    };
}
with_each![
    imaplib: Library::imaplib(), [SORTED, THREADS, COUNTED], [
        (" UID MOVE ", "[COPYUID "),
        (" APPEND ", "[APPENDUID "),
    ];
    mail_imapclient: Library::imapclient(), [SORTED, THREADS], [
        (" APPEND ", "[APPENDUID "),
        (" IDLE\r\nDONE\r\n", "+ "),
    ];
    imapflow: Library::imapflow(), [COUNTED], [
        (" ID (", "* ID "),
        (" NAMESPACE\r\n", "* NAMESPACE "),
        (" LIST \"\" \"*\" RETURN (", "* LIST ("),
        (" ENABLE CONDSTORE UTF8=ACCEPT", "* ENABLED CONDSTORE UTF8=ACCEPT"),
        (" SEARCH BODY {7+}\r\n", "* SEARCH "),
        (" UID MOVE ", "[COPYUID "),
        (" UID EXPUNGE ", " EXPUNGE\r\n"),
        ("+0000\" {53+}\r\n", "[APPENDUID "),
        (" IDLE\r\nDONE\r\n", "+ "),
    ];
    imap_crate: Some(Library::Imap), [SORTED], [
        (" UID MOVE ", "[COPYUID "),
        (" IDLE\r\nDONE\r\n", "+ "),
    ];
];

/// What the visit `arrange` has to print, and what client and server have to send for it.
struct Arranged {
    line: &'static str,
    command: &'static str,
    answer: &'static str,
}

/// By subject, without `Re:`, then by date (RFC 5256 §2.1).
const SORTED: Arranged = Arranged {
    line: "sorted\t5 1 3 2 4",
    command: " UID SORT (SUBJECT DATE) UTF-8 ALL",
    answer: "* SORT 5 1 3 2 4\r\n",
};
/// Each message below the one that it answers; answers to the same message, and the threads, by
/// date.
const THREADS: Arranged = Arranged {
    line: "threads\t(5)(1 (2 3)(4))",
    command: " UID THREAD REFERENCES UTF-8 ALL",
    answer: "* THREAD (5)(1 (2 3)(4))\r\n",
};
/// Only the number of the messages (RFC 4731).
const COUNTED: Arranged = Arranged {
    line: "counted\t1\t4",
    command: " UID SEARCH RETURN (MIN COUNT) SUBJECT pears",
    answer: " UID MIN 1 COUNT 4\r\n",
};

/// Fills the mailbox `Talk`: subject, day, and what each message answers.
fn talk(mail: &Maildir) {
    let talk = mail.folder("Talk");
    for (number, subject, day, references) in [
        (1, "pears", 3, ""),
        (2, "Re: pears", 5, "<1@x>"),
        (3, "Re: pears", 4, "<1@x> <2@x>"),
        (4, "Re: pears", 6, "<1@x>"),
        (5, "apples", 1, ""),
    ] {
        let message = format!(
            "From: ann@example.org\nSubject: {subject}\nDate: {day} Jan 2020 12:00:00 +0000\n\
             Message-ID: <{number}@x>\nReferences: {references}\nX-Id: talk-{number}\n\nText.\n"
        );
        talk.put(message.as_bytes(), "S", LIMIT);
    }
}

fn visits(library: &Library, arranged: &[Arranged], used: &[(&str, &str)]) {
    let site = Site::new();
    large_account::fill(&site.maildir());
    talk(&site.maildir());
    let server = TestServer::start(&site, &[]);
    let relay = Relay::to(server.address());
    let visit = |visit| library.visit(relay.port(), visit, &site.home());
    look(&site, &visit("look"));
    let found = visit("change");
    assert_found(&found);
    assert_changed(&site.maildir());
    let lines: Vec<&str> = arranged.iter().map(|arranged| arranged.line).collect();
    assert_eq!(visit("arrange"), lines);
    watch(&site, || visit("watch"));
    for (command, answer) in used {
        relay.assert_said(command, answer);
    }
    for arranged in arranged {
        relay.assert_said(arranged.command, arranged.answer);
    }
    look(&site, &visit("look"));
}

/// The library sees what is on the disk.
fn look(site: &Site, seen: &[String]) {
    let mut mailboxes: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for line in seen {
        let words: Vec<&str> = line.split('\t').collect();
        let ["message", name, id, flags] = words[..] else {
            panic!("{line:?} is not about a message");
        };
        let messages = mailboxes.entry(name).or_default();
        let twice = messages.insert(id.to_owned(), flags.to_owned());
        assert_eq!(twice, None, "{line:?} is there twice");
    }
    for folder in FOLDERS {
        let seen = mailboxes
            .get(folder.name)
            .or_else(|| mailboxes.get(folder.encoded));
        let stored = contents(&folder.on_server(&site.maildir()));
        assert_eq!(seen, Some(&stored), "{}", folder.name);
    }
    for number in 7..=9 {
        let fetched = fs::read(site.home().join(INBOX.id(number))).expect("the library wrote it");
        let sent = with_crlf(&large_account::sample(&INBOX.id(number), number));
        assert!(fetched == sent, "message {number} differs");
    }
}

fn assert_found(found: &[String]) {
    let count = |what: fn(&usize) -> bool| (1..=INBOX.messages).filter(what).count();
    let expected = [
        ("unseen", count(|number| number % 3 == 0)),
        ("flagged", count(|number| number % 10 == 0)),
        ("text", count(|number| number % 50 == 9)),
    ];
    let expected = expected.map(|(what, count)| format!("found\t{what}\t{count}"));
    assert_eq!(found, expected);
}

/// Asserts what the visit `change` has to leave on the disk.
pub(super) fn assert_changed(mail: &Maildir) {
    let inbox = contents(mail);
    assert_eq!(inbox["inbox-0004"], "FRS");
    assert_eq!(inbox["inbox-0005"], "");
    assert!(!inbox.contains_key("inbox-0006"));
    assert_eq!(inbox.len(), INBOX.messages - 1);
    let keyword = &mail.the(&INBOX.header(4)).flags;
    assert!(keyword.ends_with(char::is_lowercase), "{keyword}");

    let (drafts, trip, list) = (
        DRAFTS.on_server(mail),
        TRIP.on_server(mail),
        LIST.on_server(mail),
    );
    assert_eq!(trip.holding(&TRIP.header(7)), []);
    let moved = drafts.the(&TRIP.header(7));
    assert_eq!(moved.contents(), large_account::sample(&TRIP.id(7), 7));
    assert_eq!(moved.flags, large_account::flags(7));
    let copies = [&trip, &list].map(|mailbox| mailbox.the(&TRIP.header(8)));
    assert_eq!(copies[0].contents(), copies[1].contents());

    let appended = drafts.the(&header("appended"));
    assert_eq!(
        appended.text(),
        "Subject: appended\nX-Id: appended\n\nBy the client.\n"
    );
    assert_eq!(appended.flags, "DS");
    let modified = fs::metadata(&appended.path).and_then(|file| file.modified());
    let given = UNIX_EPOCH + Duration::from_secs(1_044_072_306);
    assert_eq!(modified.expect("it is there"), given);

    assert!(CREATED.if_on_server(mail).is_none());
    assert!(RENAMED.if_on_server(mail).is_some());
    assert!(mail.existing_folder("Short").is_none());
    let subscriptions = fs::read_to_string(mail.path().join("subscriptions")).unwrap_or_default();
    assert!(
        subscriptions.lines().any(|line| line == RENAMED.encoded),
        "{subscriptions}"
    );
}

/// Other programs change the mailbox while the visitor waits.
fn watch(site: &Site, visit: impl FnOnce() -> Vec<String> + Send) {
    let mail = site.maildir();
    let ready = site.home().join("ready");
    let [flagged, gone] = [11, 20].map(|number| mail.the(&INBOX.header(number)));
    let mut heard = thread::scope(|scope| {
        let visit = scope.spawn(visit);
        until("the visitor is there", LIMIT, || {
            ready.exists().then_some(())
        });
        mail.deliver(&large_account::sample("watched", 1));
        set_flags(&flagged, "FS");
        fs::remove_file(&gone.path).expect("another program may");
        visit.join().expect("the visit succeeds")
    });
    heard.sort();
    assert_eq!(heard, ["heard\texpunge", "heard\tflag", "heard\tmessage"]);
}
