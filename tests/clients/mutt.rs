//! `mutt` and `neomutt` on a screen, with a header cache: reading, flagging, moving, searching, and
//! updating the cache after changes while they were not connected.

use std::fs;

use super::large_account::{self, CREATED, DRAFTS, INBOX, RENAMED, TRIP, contents};
use super::served_account::ServedAccount;
use super::set_flags;

use crate::support::maildir::Maildir;
use crate::support::program::{Program, until};
use crate::support::site::{PASSWORD, Site, USER};
use crate::support::terminal::Terminal;

/// How long an effect may take to reach the disk.
const SOON: std::time::Duration = std::time::Duration::from_secs(20);

macro_rules! in_both {
    ($($scenario:ident),+ $(,)?) => {
        mod mutt {
            $(#[test]
            fn $scenario() {
                super::$scenario("mutt");
            })+
        }
        mod neomutt {
            $(#[test]
            fn $scenario() {
                super::$scenario("neomutt");
            })+
        }
    };
}
in_both![
    reads_marks_and_moves,
    notices_changes,
    notices_changes_in_idle,
    resumes_by_vanished,
    resumes_by_mod_sequence,
    resumes_by_flags,
    sends_and_postpones,
    survives_a_lost_connection,
    manages_folders,
];

/// A server with the account, and a program that can be started repeatedly.
pub(super) struct Rig {
    program: Program,
    tmux: Program,
    settings: String,
    pub(super) account: ServedAccount,
}

impl Rig {
    pub(super) fn new(name: &str) -> Option<Self> {
        let program = Program::find(name)?;
        let tmux = Program::find("tmux")?;
        let account = ServedAccount::new(Site::new());
        let cache = account.site.home().join("cache");
        fs::create_dir(&cache).expect("mkdir");
        let url = format!("imap://{USER}@127.0.0.1:{}", account.relay.port());
        let settings = format!(
            "set imap_user = {USER}\nset imap_pass = {PASSWORD}\nset ssl_starttls = no\n\
             set ssl_force_tls = no\nset folder = {url}/\nset spoolfile = {url}/INBOX\n\
             set header_cache = {cache}/\nset message_cachedir = {cache}/\n\
             set mail_check = 1\nset timeout = 1\nset sort = mailbox-order\n\
             set confirmappend = no\nset confirmcreate = no\nset delete = yes\nset move = no\n\
             set quit = yes\nset wait_key = no\nset markers = no\nset mark_old = no\n\
             set imap_check_subscribed = no\nset imap_list_subscribed = no\n\
             set assumed_charset = utf-8\nset index_format = \"%4C %Z %s\"\n\
             set status_format = \"All=%m Shown=%M Unread=%u Flagged=%F\"\n\
             set imap_condstore = yes\nset imap_qresync = yes\n",
            cache = cache.display(),
        );
        Some(Self {
            program,
            tmux,
            settings,
            account,
        })
    }

    /// Opens a mailbox and waits until it shows this number of messages.
    pub(super) fn open(&self, mailbox: &str, messages: usize) -> Screen {
        let file = self.account.site.write_home("muttrc", &self.settings);
        let program = self.program.command();
        let command = format!(
            "{} -n -F {} -f 'imap://{USER}@127.0.0.1:{}/{mailbox}' 2>{}",
            program.get_program().to_string_lossy(),
            file.display(),
            self.account.relay.port(),
            self.account.site.home().join("errors").display(),
        );
        let terminal = Terminal::run(
            self.tmux.clone(),
            self.account.site.path("tmux"),
            &command,
            |command| {
                command.env("HOME", self.account.site.home());
            },
        );
        let screen = Screen(terminal);
        screen.see(&format!("All={messages} "));
        screen
    }

    fn mail(&self) -> Maildir {
        self.account.site.maildir()
    }
}

/// The running program.
pub(super) struct Screen(Terminal);

impl Screen {
    pub(super) fn see(&self, text: &str) -> String {
        self.0.wait_for(text)
    }

    fn press(&self, key: &str) {
        self.0.press(key);
    }

    /// Answers a question, and replaces the answer that the program proposes.
    fn answer(&self, question: &str, text: &str) {
        self.see(question);
        self.press("C-u");
        self.0.type_text(text);
        self.press("Enter");
    }

    /// Goes to the message with an identity, and presses a key.
    pub(super) fn at(&self, id: &str, key: &str) {
        self.press("/");
        self.answer("Search for:", &format!("~s {id}"));
        self.press(key);
    }

    /// Shows only the messages that match, and waits until their number is `messages`.
    fn limit(&self, pattern: &str, messages: usize) {
        self.press("l");
        self.answer("messages matching:", pattern);
        self.see(&format!("Shown={messages} "));
    }

    pub(super) fn quit(&self) {
        self.press("q");
        self.0.wait_for_end();
    }
}

/// Waits until a message has exactly these flags.
pub(super) fn flags_become(maildir: &Maildir, id: &str, flags: &str) {
    until(&format!("{id} has the flags {flags:?}"), SOON, || {
        let now = contents(maildir);
        (now.get(id).map(String::as_str) == Some(flags)).then_some(())
    });
}

fn reads_marks_and_moves(name: &str) {
    let Some(rig) = Rig::new(name) else {
        return;
    };
    let screen = rig.open("INBOX", INBOX.messages);
    screen.at("inbox-0003", "Enter");
    screen.see("The text of number 3.");
    screen.press("i");
    screen.at("inbox-0004", "F");
    screen.at("inbox-0005", "N");
    screen.at("inbox-0006", "d");
    screen.at("inbox-0007", "s");
    screen.answer("Save to mailbox", "=Entwürfe");
    screen.at("inbox-0008", "C");
    screen.answer("Copy to mailbox", "=台北");
    screen.press("$");
    screen.see(&format!("All={} ", INBOX.messages - 2));
    let mail = rig.mail();
    for (id, flags) in [("0003", "S"), ("0004", "FRS"), ("0005", "")] {
        flags_become(&mail, &format!("inbox-{id}"), flags);
    }
    assert_eq!(mail.holding(&INBOX.header(6)), []);
    let moved = DRAFTS.on_server(&mail).the(&INBOX.header(7));
    assert_eq!(moved.contents(), large_account::sample(&INBOX.id(7), 7));
    let copy = TRIP.on_server(&mail).the(&INBOX.header(8));
    assert_eq!(copy.contents(), large_account::sample(&INBOX.id(8), 8));
    // For this message the server has to search.
    let hits = (1..=INBOX.messages).filter(|number| number % 50 == 9);
    screen.limit("=b aus", hits.count());
    screen.limit("all", INBOX.messages - 2);
    screen.quit();
}

fn notices_changes(name: &str) {
    if let Some(rig) = Rig::new(name) {
        watches(&rig);
        assert!(!rig.account.relay.commands().contains(" IDLE\r\n"));
    }
}

fn notices_changes_in_idle(name: &str) {
    let Some(mut rig) = Rig::new(name) else {
        return;
    };
    rig.settings.push_str("set imap_idle = yes\n");
    watches(&rig);
    rig.account.relay.assert_said(" IDLE\r\nDONE\r\n", "\r\n+ ");
}

/// Shows a mailbox that others change meanwhile.
fn watches(rig: &Rig) {
    let mail = rig.mail();
    let screen = rig.open(DRAFTS.name, DRAFTS.messages);
    let drafts = DRAFTS.on_server(&mail);
    drafts.deliver(&large_account::sample("late", 1));
    screen.see(&format!("All={} ", DRAFTS.messages + 1));
    screen.press("End");
    screen.see("subject late");
    fs::remove_file(drafts.the(&DRAFTS.header(299)).path).expect("another program may");
    screen.see(&format!("All={} ", DRAFTS.messages));
    let flagged = contents(&drafts)
        .values()
        .filter(|flags| flags.contains('F'))
        .count();
    set_flags(&drafts.the(&DRAFTS.header(298)), "FS");
    screen.see(&format!("Flagged={}", flagged + 1));
    screen.quit();
}

/// Both do not use `SELECT … (QRESYNC …)`; they ask for the vanished messages when they fetch (RFC
/// 7162 §3.2.6).
fn resumes_by_vanished(name: &str) {
    let Some(mut rig) = Rig::new(name) else {
        return;
    };
    resumes_from_its_cache(&mut rig, "");
    let relay = &rig.account.relay;
    relay.assert_said("ENABLE QRESYNC", "* ENABLED QRESYNC");
    relay.assert_said(" (CONDSTORE)\r\n", "[HIGHESTMODSEQ ");
    relay.assert_said(" VANISHED)\r\n", "* VANISHED (EARLIER) 1,100\r\n");
}

/// Without QRESYNC they ask for the changes (RFC 7162 §3.1.4).
fn resumes_by_mod_sequence(name: &str) {
    let Some(mut rig) = Rig::new(name) else {
        return;
    };
    resumes_from_its_cache(&mut rig, "set imap_qresync = no\n");
    rig.account
        .relay
        .assert_said(" (CONDSTORE)\r\n", "[HIGHESTMODSEQ ");
    rig.account
        .relay
        .assert_said(" (CHANGEDSINCE ", " MODSEQ (");
}

/// Without either they ask for all flags.
fn resumes_by_flags(name: &str) {
    let Some(mut rig) = Rig::new(name) else {
        return;
    };
    resumes_from_its_cache(&mut rig, "set imap_qresync = no\nset imap_condstore = no\n");
    assert!(!rig.account.relay.commands().contains("CONDSTORE"));
}

/// Closes a mailbox, changes it, and opens it again.
fn resumes_from_its_cache(rig: &mut Rig, settings: &str) {
    rig.settings.push_str(settings);
    let mail = rig.mail();
    let drafts = DRAFTS.on_server(&mail);
    rig.open(DRAFTS.name, DRAFTS.messages).quit();
    let cached = fs::read_dir(rig.account.site.home().join("cache")).expect("readdir");
    assert_ne!(cached.count(), 0, "there is a cache");
    drafts.deliver(&large_account::sample("late", 1));
    set_flags(&drafts.the(&DRAFTS.header(2)), "FS");
    for number in [1, 100] {
        fs::remove_file(drafts.the(&DRAFTS.header(number)).path).expect("another program may");
    }
    rig.account.relay.forget();
    let screen = rig.open(DRAFTS.name, DRAFTS.messages - 1);
    let stored = contents(&drafts);
    let flagged = stored.values().filter(|flags| flags.contains('F')).count();
    screen.see(&format!("Flagged={flagged}"));
    screen.press("End");
    screen.see("subject late");
    // No cached header stands for another message.
    for id in ["draft-0002", "draft-0099", "draft-0101", "draft-0300"] {
        screen.at(id, "Enter");
        screen.see(&format!("Message-ID: <{id}@example.org>"));
        screen.press("i");
    }
    screen.quit();
}

/// A message is postponed, edited again and sent, with a copy in another folder.
fn sends_and_postpones(name: &str) {
    let Some(mut rig) = Rig::new(name) else {
        return;
    };
    let editor = rig
        .account
        .site
        .write_home("editor", "echo 'Grüße aus Wien' >>\"$1\"\n");
    rig.settings.push_str(&format!(
        "set editor = \"sh {} %s\"\nset sendmail = /bin/true\nset postponed = \"={}\"\n\
         set record = \"={}\"\nset send_charset = utf-8\nset abort_nosubject = no\n",
        editor.display(),
        CREATED.name,
        TRIP.name,
    ));
    let mail = rig.mail();
    let drafts = mail.folder(CREATED.encoded);
    let screen = rig.open("INBOX", INBOX.messages);
    screen.press("m");
    screen.answer("To:", "ann@example.org");
    screen.answer("Subject:", "a letter");
    screen.see("y:Send");
    screen.press("P");
    let draft = until("the draft is there", SOON, || drafts.entries().pop());
    assert!(
        draft.text().contains("Subject: a letter"),
        "{}",
        draft.text()
    );
    screen.see(&format!("All={} ", INBOX.messages));
    screen.press("R");
    screen.see("y:Send");
    screen.press("y");
    let sent = until("the copy is there", SOON, || {
        TRIP.on_server(&mail).holding("a letter").pop()
    });
    assert_eq!(sent.flags, "S");
    assert!(sent.text().contains("Subject: a letter"), "{}", sent.text());
    until("the draft has gone", SOON, || {
        drafts.entries().is_empty().then_some(())
    });
    screen.quit();
}

fn survives_a_lost_connection(name: &str) {
    let Some(rig) = Rig::new(name) else {
        return;
    };
    let screen = rig.open("INBOX", INBOX.messages);
    rig.account.relay.cut();
    rig.mail().deliver(&large_account::sample("late", 1));
    if name == "neomutt" {
        // It connects again but does not open the mailbox.
        until("it is back", SOON, || {
            let logins = rig.account.server.log().matches("login granted").count();
            (logins == 2).then_some(())
        });
        screen.press("c");
        screen.answer("Open mailbox", "!");
    }
    screen.see(&format!("All={} ", INBOX.messages + 1));
    screen.quit();
}

fn manages_folders(name: &str) {
    let Some(rig) = Rig::new(name) else {
        return;
    };
    let mail = rig.mail();
    let screen = rig.open("INBOX", INBOX.messages);
    screen.press("c");
    screen.see("Open mailbox");
    screen.press("?");
    if name == "neomutt" {
        // It lists the mailboxes of its settings first, and there are none.
        screen.see("Mailboxes [0]");
        screen.press("Tab");
    }
    screen.see(DRAFTS.name);
    screen.press("C");
    screen.answer("Create mailbox:", CREATED.name);
    until("the folder is there", SOON, || CREATED.if_on_server(&mail));
    screen.press("/");
    screen.answer("Search for:", CREATED.name);
    screen.press("r");
    screen.answer("Rename mailbox", RENAMED.name);
    until("the folder has its new name", SOON, || {
        RENAMED.if_on_server(&mail)
    });
    assert!(CREATED.if_on_server(&mail).is_none());
    screen.press("/");
    screen.answer("Search for:", RENAMED.name);
    screen.press("d");
    screen.see("Really delete mailbox");
    screen.press("y");
    until("the folder has gone", SOON, || {
        RENAMED.if_on_server(&mail).is_none().then_some(())
    });
    screen.press("q");
    screen.quit();
}
