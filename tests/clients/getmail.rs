//! `getmail`: fetches into a Maildir, remembers by UID what it has, and deletes when asked to.

use super::LIMIT;
use super::account::{self, CREATED, LATE, LIST, body, contents, header, sample_text};
use crate::support::maildir::Maildir;
use crate::support::program::{Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

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
        account::fill(&site.maildir());
        let fetched = site.maildir_at("home/fetched");
        let server = TestServer::start(&site, &[]);
        Some(Self {
            getmail,
            server,
            fetched,
            site,
        })
    }

    /// Fetches from these mailboxes, in Python's syntax, with these lines in the section of options.
    fn fetch(&self, mailboxes: &str, retriever: &str, options: &str) -> Vec<String> {
        let rc = format!(
            "[retriever]\ntype = SimpleIMAPRetriever\nserver = 127.0.0.1\nport = {}\n\
             username = {USER}\npassword = {PASSWORD}\nmailboxes = {mailboxes}\n{retriever}\n\
             [destination]\ntype = Maildir\npath = {}/\n\n\
             [options]\nverbose = 1\n{options}\n",
            self.server.port(),
            self.fetched.path().display(),
        );
        self.site.write_home("getmailrc", &rc);
        let mut command = self.getmail.command();
        command
            .arg("--getmaildir")
            .arg(self.site.home())
            .env("HOME", self.site.home());
        self.site.as_owner(&mut command);
        run(&mut command, LIMIT).success();
        let contents = contents(&self.fetched);
        for entry in self.fetched.entries() {
            std::fs::remove_file(entry.path).expect("getmail has delivered it");
        }
        contents.into_keys().collect()
    }
}

/// How many messages the folder has that it fetches: it starts a process and waits for the disk with each.
const FEW: usize = 30;

/// A folder of its own in the account.
fn few(mail: &Maildir) -> Maildir {
    let folder = mail.folder(CREATED.encoded);
    for number in 1..=FEW {
        folder.deliver(&account::sample(&format!("few-{number:04}"), number));
    }
    folder
}

#[test]
fn fetches_what_is_new() {
    let Some(rig) = Rig::new() else { return };
    let mail = rig.site.maildir();
    let folder = few(&mail);
    let fetch = || rig.fetch("(\"Été\", \"Made.Late\")", "", "read_all = false\n");
    let late = mail.folder(LATE.encoded);
    assert_eq!(fetch().len(), FEW);
    assert_eq!(fetch(), [""; 0]);
    folder.deliver(&account::sample("late-1", 1));
    late.deliver(&account::sample("late-2", 2));
    assert_eq!(fetch(), ["late-1", "late-2"]);
    assert_eq!(contents(&folder).len(), FEW + 1, "nothing is lost");
}

#[test]
fn takes_the_mail_away() {
    let Some(rig) = Rig::new() else { return };
    let mail = rig.site.maildir();
    let folder = few(&mail);
    let fetch = |retriever| rig.fetch("(\"Été\",)", retriever, "delete = true\n");
    assert_eq!(fetch("").len(), FEW);
    assert_eq!(folder.entries(), []);
    folder.deliver(&account::sample("late", 7));
    // Away from here may mean to another mailbox, whose name it does not encode.
    assert_eq!(fetch("move_on_delete = Lists.R&-D\n"), ["late"]);
    assert_eq!(folder.entries(), []);
    let kept = LIST.on_server(&mail).the(&header("late"));
    assert_eq!(body(&kept), sample_text(7));
}
