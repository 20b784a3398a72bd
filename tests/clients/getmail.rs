//! `getmail`. It fetches mail, remembers by UID which messages it has, and can delete them on the
//! server.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::LIMIT;
use super::large_account::{
    self, CREATED, FOLDERS, INBOX, LATE, LIST, body, contents, header, sample_text,
};
use crate::support::maildir::Maildir;
use crate::support::processes::Process;
use crate::support::program::{Program, run, until};
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

/// Writes the message to a file in the directory of its argument. getmail 6 misses the exit of a
/// child that is faster than itself and waits until a timeout, so the delivery sleeps.
const DELIVERY: &str = "cat >$0/$$ && sleep 0.3";

struct Rig {
    getmail: Program,
    server: TestServer,
    fetched: Maildir,
    site: Site,
}

impl Rig {
    fn new() -> Option<Self> {
        let getmail = Program::find("getmail")?;
        let site = Site::of_a_user();
        large_account::fill(&site.maildir());
        let fetched = site.maildir_at("home/fetched");
        let server = TestServer::start(&site, &[]);
        Some(Self {
            getmail,
            server,
            fetched,
            site,
        })
    }

    /// Fetches from these mailboxes, given in Python's syntax, with these lines in the section of
    /// options.
    fn fetch(&self, mailboxes: &str, retriever: &str, options: &str) -> Vec<String> {
        let destination = format!(
            "type = MDA_external\npath = /bin/sh\narguments = (\"-c\", \"{DELIVERY}\", \"{}/new\")",
            self.fetched.path().display()
        );
        let mailboxes = format!("mailboxes = {mailboxes}\n{retriever}");
        self.configure(self.server.port(), &mailboxes, &destination, options);
        run(&mut self.command(), LIMIT).success();
        self.take_fetched()
    }

    /// Writes the configuration.
    fn configure(&self, port: u16, retriever: &str, destination: &str, options: &str) {
        let rc = format!(
            "[retriever]\ntype = SimpleIMAPRetriever\nserver = 127.0.0.1\nport = {port}\n\
             username = {USER}\npassword = {PASSWORD}\n{retriever}\n\
             [destination]\n{destination}\n\n[options]\nverbose = 1\n{options}\n",
        );
        self.site.write_home("getmailrc", &rc);
    }

    fn command(&self) -> Command {
        let mut command = self.getmail.command();
        command
            .arg("--getmaildir")
            .arg(self.site.home())
            .env("HOME", self.site.home());
        self.site.as_owner(&mut command);
        command
    }

    /// Returns the configuration of a delivery that runs no program.
    fn maildir(&self) -> String {
        format!("type = Maildir\npath = {}/", self.fetched.path().display())
    }

    /// Returns the identities of the delivered messages, and removes these.
    fn take_fetched(&self) -> Vec<String> {
        let contents = contents(&self.fetched);
        for entry in self.fetched.entries() {
            std::fs::remove_file(entry.path).expect("getmail has delivered it");
        }
        contents.into_keys().collect()
    }
}

/// How many messages are in the folder that it delivers one by one.
const FEW: usize = 12;

/// Creates a folder with few messages in the account.
fn few(mail: &Maildir) -> Maildir {
    let folder = mail.folder(CREATED.encoded);
    for number in 1..=FEW {
        folder.deliver(&large_account::sample(&format!("few-{number:04}"), number));
    }
    folder
}

#[test]
fn getmail_fetches_new_messages() {
    let Some(rig) = Rig::new() else { return };
    let mail = rig.site.maildir();
    let folder = few(&mail);
    let fetch = || rig.fetch("(\"Été\", \"Made.Late\")", "", "read_all = false\n");
    let late = mail.folder(LATE.encoded);
    assert_eq!(fetch().len(), FEW);
    assert_eq!(fetch(), [""; 0]);
    folder.deliver(&large_account::sample("late-1", 1));
    late.deliver(&large_account::sample("late-2", 2));
    assert_eq!(fetch(), ["late-1", "late-2"]);
    assert_eq!(contents(&folder).len(), FEW + 1, "nothing is lost");
}

#[test]
fn getmail_deletes_what_it_has_fetched() {
    let Some(rig) = Rig::new() else { return };
    let mail = rig.site.maildir();
    let folder = few(&mail);
    let fetch = |retriever| rig.fetch("(\"Été\",)", retriever, "delete = true\n");
    assert_eq!(fetch("").len(), FEW);
    assert_eq!(folder.entries(), []);
    folder.deliver(&large_account::sample("late", 7));
    // "Delete" can also mean to move to another mailbox, whose name getmail does not encode.
    assert_eq!(fetch("move_on_delete = Lists.R&-D\n"), ["late"]);
    assert_eq!(folder.entries(), []);
    let kept = LIST.on_server(&mail).the(&header("late"));
    assert_eq!(body(&kept), sample_text(7));
}

/// getmail is slow with each message, so it fetches a limited number of a large mailbox per run.
#[test]
fn getmail_fetches_a_large_account_in_parts() {
    let Some(rig) = Rig::new() else { return };
    let names = FOLDERS.map(|folder| format!("\"{}\"", folder.name));
    let mailboxes = format!("mailboxes = ({})", names.join(", "));
    let options = format!("read_all = false\nmax_messages_per_session = {PART}\n");
    rig.configure(rig.server.port(), &mailboxes, &rig.maildir(), &options);
    for start in [1, PART + 1] {
        run(&mut rig.command(), LIMIT).success();
        let part: Vec<String> = (start..start + PART)
            .map(|number| INBOX.id(number))
            .collect();
        assert_eq!(rig.take_fetched(), part);
    }
}

/// How many messages one run fetches.
const PART: usize = 50;

/// In IDLE it fetches messages as they arrive.
#[test]
fn getmail_waits_for_mail_in_idle() {
    let Some(rig) = Rig::new() else { return };
    let folder = rig.site.maildir().folder(LATE.encoded);
    let relay = Relay::to(rig.server.address());
    let mailboxes = format!("mailboxes = (\"{}\",)", LATE.name);
    rig.configure(
        relay.port(),
        &mailboxes,
        &rig.maildir(),
        "read_all = false\n",
    );
    let _getmail = Process::start(
        rig.command()
            .args(["--idle", LATE.name])
            .stdin(Stdio::null())
            .stderr(Stdio::null()),
    );
    for number in 1..=2 {
        until("it waits", LIMIT, || {
            (relay.commands().matches(" IDLE\r\n").count() == number).then_some(())
        });
        let id = format!("late-{number}");
        folder.deliver(&large_account::sample(&id, number));
        until("it fetches", SOON, || {
            (!rig.fetched.entries().is_empty()).then_some(())
        });
        assert_eq!(rig.take_fetched(), [id]);
    }
}

/// How soon getmail must have fetched a message that arrived in IDLE: without a notification it
/// waits for five minutes.
const SOON: Duration = Duration::from_secs(20);
