//! `fetchmail`. It downloads mail, counts EXPUNGE responses, and relies on the size of literals.
//!
//! Since release 6.4 it no longer falls back to IMAP2 when CAPABILITY is answered BAD: it continues
//! as with an RFC 1730 server, with `FETCH n RFC822.TEXT.PEEK` and `STORE n +FLAGS.SILENT`. So the
//! pinned IMAP2 dialect has to accept these two as well.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::large_account::{self, DRAFTS, FOLDERS, Folder};
use super::{Dialect, LIMIT, in_both_dialects};
use crate::support::maildir::message;
use crate::support::processes::Process;
use crate::support::program::{Finished, Program, run, until};
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

in_both_dialects![
    downloads_and_deletes_the_mail,
    downloads_and_keeps_the_mail,
    fetches_only_what_is_new
];

struct Rig {
    fetchmail: Program,
    server: TestServer,
    site: Site,
}

impl Rig {
    fn new(dialect: Dialect) -> Option<Self> {
        let fetchmail = Program::find("fetchmail")?;
        let site = Site::new();
        std::fs::create_dir(site.path("fetched")).expect("mkdir");
        let server = TestServer::start(&site, dialect.arguments());
        Some(Self {
            fetchmail,
            server,
            site,
        })
    }

    /// Runs one poll with these user options.
    fn poll(&self, options: &str) -> Finished {
        run(&mut self.command(self.server.port(), options), LIMIT)
    }

    fn command(&self, port: u16, options: &str) -> Command {
        // `$$` in the file name is the process number of the shell that runs the delivery program.
        let delivery = format!("cat > {}/$$", self.site.path("fetched").display());
        let file = self.site.write_home(
            "fetchmailrc",
            &format!(
                "set invisible\nset no bouncemail\n\
                 poll 127.0.0.1 protocol imap port {port} auth password\n\
                 user \"{USER}\" password \"{PASSWORD}\" sslproto '' no rewrite {options}\n\
                 mda \"{delivery}\"\n"
            ),
        );
        let mut command = self.fetchmail.command();
        command
            .args(["--verbose", "--verbose", "--nosyslog", "--fetchmailrc"])
            .arg(file)
            .arg("--pidfile")
            .arg(self.site.home().join("fetchmail.pid"))
            .env("HOME", self.site.home());
        command
    }

    /// Returns the delivered messages, sorted.
    fn fetched(&self) -> Vec<String> {
        let listing = std::fs::read_dir(self.site.path("fetched")).expect("readdir");
        let mut texts: Vec<String> = listing
            .map(|entry| std::fs::read(entry.expect("readdir").path()).expect("a delivered file"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
        texts.sort();
        texts
    }
}

/// Messages that a client with a wrong literal size would tear apart.
fn samples() -> Vec<Vec<u8>> {
    vec![
        message("first", "1", "a single line"),
        message("second", "2", ".\n..\n\nFrom the start of a line\n)"),
        message(
            "third",
            "3",
            &"many lines, to fill more than one buffer\n".repeat(3_000),
        ),
    ]
}

/// Asserts that `sample` is in `fetched`, apart from header fields that fetchmail adds.
fn assert_fetched(fetched: &[String], sample: &[u8]) {
    let sample = String::from_utf8_lossy(sample);
    let (header, text) = sample.split_once("\n\n").expect("a sample has a header");
    let identity = header
        .lines()
        .find(|line| line.starts_with("X-Id:"))
        .expect("an identity");
    let found = fetched.iter().find(|message| message.contains(identity));
    let found = found.unwrap_or_else(|| panic!("no {identity} in {fetched:?}"));
    let (fetched_header, fetched_text) = found.split_once("\n\n").expect("a header");
    for line in header.lines() {
        assert!(
            fetched_header.contains(line),
            "{line} is missing in {fetched_header}"
        );
    }
    assert_eq!(fetched_text.trim_end(), text.trim_end());
}

fn downloads_and_deletes_the_mail(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    for sample in samples() {
        rig.site.maildir().deliver(&sample);
    }
    let poll = rig.poll("fetchall no keep");
    poll.success();
    let fetched = rig.fetched();
    assert_eq!(fetched.len(), 3, "{poll}");
    for sample in samples() {
        assert_fetched(&fetched, &sample);
    }
    assert_eq!(rig.site.maildir().entries(), [], "{poll}");
}

fn downloads_and_keeps_the_mail(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    for sample in samples() {
        rig.site.maildir().deliver(&sample);
    }
    let poll = rig.poll("keep");
    poll.success();
    assert_eq!(rig.fetched().len(), 3, "{poll}");
    let entries = rig.site.maildir().entries();
    assert_eq!(entries.len(), 3);
    assert!(
        entries.iter().all(|entry| entry.flags == "S"),
        "{entries:?}\n{poll}"
    );
    for sample in samples() {
        assert!(entries.iter().any(|entry| entry.contents() == sample));
    }
}

/// The second poll asks only for unseen messages and finds none (exit code 1: no mail).
fn fetches_only_what_is_new(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    rig.site.maildir().deliver(&samples()[0]);
    rig.poll("keep").success();
    let nothing = rig.poll("keep");
    assert_eq!(nothing.status.code(), Some(1), "{nothing}");
    rig.site.maildir().deliver(&samples()[1]);
    rig.poll("keep").success();
    assert_eq!(rig.fetched().len(), 2);
}

/// One poll downloads the whole account, from folders named as they are on the wire; the next poll
/// finds nothing.
#[test]
fn fetchmail_downloads_a_large_account() {
    let Some(rig) = Rig::new(Dialect::Automatic) else {
        return;
    };
    let mail = rig.site.maildir();
    large_account::fill(&mail);
    let folders = FOLDERS.map(|folder| format!("\"{}\"", folder.encoded));
    let batch = rig.site.path("batch");
    // Into one file: a process for each message would be slow.
    let options = format!(
        "folder {} fetchall no keep expunge 100 bsmtp {}",
        folders.join(","),
        batch.display()
    );
    rig.poll(&options).success();
    let batch = std::fs::read(batch).expect("fetchmail wrote it");
    let batch = String::from_utf8_lossy(&batch);
    let mut fetched: Vec<&str> = batch
        .lines()
        .filter_map(|line| line.strip_prefix("X-Id: "))
        .map(str::trim_end)
        .collect();
    fetched.sort_unstable();
    let ids = |folder: Folder| (1..=folder.messages).map(move |number| folder.id(number));
    let mut expected: Vec<String> = FOLDERS.into_iter().flat_map(ids).collect();
    expected.sort();
    assert_eq!(fetched, expected);
    for folder in FOLDERS {
        assert_eq!(folder.on_server(&mail).entries(), [], "{}", folder.name);
    }
    assert_eq!(rig.poll(&options).status.code(), Some(1), "no mail");
}

/// In IDLE it fetches messages as they arrive, whether another session appends them or they are
/// delivered.
#[test]
fn fetchmail_waits_for_mail_in_idle() {
    let Some(rig) = Rig::new(Dialect::Automatic) else {
        return;
    };
    let drafts = rig.site.maildir().folder(DRAFTS.encoded);
    let relay = Relay::to(rig.server.address());
    let options = format!("idle keep folder \"{}\"", DRAFTS.encoded);
    let _fetchmail = Process::start(
        rig.command(relay.port(), &options)
            .stdin(Stdio::null())
            .stderr(Stdio::null()),
    );
    let idles = |times| {
        until("it waits", LIMIT, || {
            (relay.commands().matches(" IDLE\r\n").count() == times).then_some(())
        });
    };
    let fetches = |count| {
        until("it fetches", SOON, || {
            (rig.fetched().len() == count).then_some(())
        });
    };
    idles(1);
    drafts.deliver(&samples()[0]);
    fetches(1);
    idles(2);
    let mut session = rig.server.login();
    session.append_ok(DRAFTS.encoded, "", &samples()[1]);
    fetches(2);
    idles(3);
    for sample in &samples()[..2] {
        assert_fetched(&rig.fetched(), sample);
    }
}

/// How soon fetchmail must have fetched a message that arrived in IDLE: sooner than its next poll.
const SOON: Duration = Duration::from_secs(10);
