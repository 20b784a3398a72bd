//! `alpine`, by keys and screen. It descends from Pine, an early client of this protocol.

use std::path::Path;
use std::time::Duration;

use super::large_account::{self, CREATED, DRAFTS, INBOX, RENAMED};
use super::mutt::flags_become;
use super::{Dialect, in_both_dialects};
use crate::support::maildir::{Maildir, message};
use crate::support::program::{Program, until};
use crate::support::relay::Relay;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};
use crate::support::terminal::Terminal;

in_both_dialects![
    reads_saves_and_expunges,
    notices_new_mail,
    opens_another_folder
];

/// The program on its screen, with its INBOX open.
struct Rig {
    terminal: Terminal,
    // Declared after the terminal, so that alpine ends before its server.
    relay: Relay,
    _server: TestServer,
    site: Site,
}

impl Rig {
    fn open(dialect: Dialect, prepare: impl FnOnce(&Maildir)) -> Option<Self> {
        let alpine = Program::find("alpine")?;
        let tmux = Program::find("tmux")?;
        let site = Site::new();
        prepare(&site.maildir());
        let server = TestServer::start(&site, dialect.arguments());
        let relay = Relay::to(server.address());
        let settings = site.write_home("pinerc", &settings(relay.port(), &site.home()));
        let program = alpine
            .command()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let command = format!("{program} -p {} -i", settings.display());
        let terminal = Terminal::run(tmux, site.path("tmux"), &command, |command| {
            command.env("HOME", site.home());
        });
        terminal.wait_for("ENTER PASSWORD:");
        terminal.type_text(PASSWORD);
        terminal.press("Enter");
        Some(Self {
            terminal,
            relay,
            _server: server,
            site,
        })
    }

    fn see(&self, text: &str) -> String {
        self.terminal.wait_for(text)
    }

    fn press(&self, key: &str) {
        self.terminal.press(key);
    }

    /// Saves the message on the screen to a folder that does not exist; alpine then marks the
    /// message as deleted.
    fn save_to_new_folder(&self, folder: &str) {
        self.press("s");
        self.see("to folder [");
        self.press("C-u");
        self.terminal.type_text(folder);
        self.press("Enter");
        self.see("doesn't exist.  Create?");
        self.press("y");
        // The status line with the confirmation does not stay.
        self.see(" ALL DEL");
    }

    /// Answers a question, and replaces the answer that the program proposes.
    fn answer(&self, question: &str, text: &str) {
        self.see(question);
        for key in ["C-a", "C-k"] {
            self.press(key);
        }
        self.terminal.type_text(text);
        self.press("Enter");
    }

    fn quit(&self) {
        self.press("q");
        self.terminal.wait_for_end();
    }
}

fn settings(port: u16, home: &Path) -> String {
    let host = format!("{{127.0.0.1:{port}/imap/notls/user={USER}}}");
    // A version above any release suppresses the news screen.
    format!(
        "personal-name=Joe\nuser-domain=example.org\nlast-version-used=9.99\n\
         inbox-path={host}INBOX\nfolder-collections=Mail {host}[]\n\
         default-fcc={host}{SENT}\npostponed-folder=\n\
         sendmail-path=/bin/dd of={sent} status=none\n\
         feature-list=quit-without-confirm,expunge-without-confirm,\
         expunge-without-confirm-everywhere,disable-password-file-saving,\
         enable-flag-cmd,enable-aggregate-command-set\n",
        sent = home.join("sent").display(),
    )
}

fn fill(mail: &Maildir) {
    for number in 1..=3 {
        let id = number.to_string();
        mail.deliver(&message(
            &format!("subject {id}"),
            &id,
            &format!("The text of {id}."),
        ));
    }
}

fn reads_saves_and_expunges(dialect: Dialect) {
    let Some(rig) = Rig::open(dialect, fill) else {
        return;
    };
    let index = rig.see("subject 3");
    assert!(
        index.contains("subject 1") && index.contains("Ann Author"),
        "{index}"
    );
    rig.press("Enter");
    let text = rig.see("The text of 1.");
    assert!(text.contains("Date: Fri, 25 Mar 1988"), "{text}");
    rig.save_to_new_folder("Kept");
    rig.press("n");
    rig.see("The text of 2.");
    rig.press("d");
    rig.see("The text of 3.");
    rig.press("i");
    let index = rig.see("MESSAGE INDEX");
    assert_eq!(
        index
            .lines()
            .filter(|line| line.starts_with("  D "))
            .count(),
        2,
        "{index}"
    );
    rig.quit();
    let left = rig.site.maildir().entries();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].text().contains("subject 3"));
    assert_eq!(left[0].flags, "S");
    let kept = rig
        .site
        .maildir()
        .existing_folder("Kept")
        .expect("alpine made it");
    assert_eq!(kept.entries().len(), 1);
    let copy = kept.the("X-Id: 1\n");
    assert_eq!(copy.contents(), message("subject 1", "1", "The text of 1."));
}

fn notices_new_mail(dialect: Dialect) {
    let Some(rig) = Rig::open(dialect, fill) else {
        return;
    };
    rig.see("subject 3");
    let late = rig
        .site
        .maildir()
        .deliver(&message("late", "late", "The latest."));
    rig.press("C-l");
    rig.see("  4 03/25/88  Ann Author");
    std::fs::remove_file(rig.site.maildir().the("X-Id: 2").path).expect("another program may");
    rig.see("Message 1 of 4");
    rig.press("C-l");
    let index = rig.see("Message 1 of 3");
    assert!(
        index.contains("late") && !index.contains("subject 2"),
        "{index}"
    );
    rig.quit();
    assert!(
        rig.site
            .maildir()
            .entries()
            .iter()
            .any(|entry| entry.base == late)
    );
}

fn opens_another_folder(dialect: Dialect) {
    let prepare = |mail: &Maildir| {
        fill(mail);
        fill(&mail.folder("Archive"));
        mail.folder("Archive")
            .deliver(&message("an archived one", "archived", "Long ago."));
    };
    let Some(rig) = Rig::open(dialect, prepare) else {
        return;
    };
    rig.see("subject 3");
    rig.press("l");
    rig.see("Archive");
    rig.press("g");
    rig.see("GOTO");
    rig.press("C-u");
    rig.terminal.type_text("Archive");
    rig.press("Enter");
    rig.see("an archived one");
    rig.press("d");
    rig.see("  D   4 ");
    rig.quit();
    let archive = rig.site.maildir().folder("Archive");
    assert_eq!(archive.entries().len(), 3);
    assert_eq!(archive.holding("X-Id: archived"), []);
    assert_eq!(rig.site.maildir().entries().len(), 3);
}

/// A mailbox of 1200 messages: the server sorts and threads them, alpine selects by a search, sets
/// flags, and moves a message to a folder with an accent in its name.
#[test]
fn alpine_works_on_a_large_mailbox() {
    let Some(rig) = Rig::open(Dialect::Automatic, large_account::fill) else {
        return;
    };
    let mail = rig.site.maildir();
    rig.see(&format!("of {}", with_comma(INBOX.messages)));
    for (order, command, answer) in [
        ("s", " SORT (SUBJECT) US-ASCII ALL", "* SORT 1 2 3 4 "),
        (
            "h",
            " THREAD REFERENCES US-ASCII ALL",
            "* THREAD (1)(2)(3)(4)",
        ),
    ] {
        rig.press("$");
        rig.see("Choose type of sort");
        rig.press(order);
        until(answer, SOON, || {
            rig.relay.answers().contains(answer).then_some(())
        });
        rig.relay.assert_said(command, answer);
    }
    // tmux would treat a single semicolon as its own.
    rig.press("\\;");
    for (question, key) in [("SELECT criteria", "t"), ("Select based on", "s")] {
        rig.see(question);
        rig.press(key);
    }
    rig.answer("String in message SUBJECT", "inbox-0051");
    rig.see("ZOOMED MESSAGE INDEX");
    rig.press("*");
    rig.see("Flag New");
    rig.press("a");
    flags_become(&mail, "inbox-0051", "R");
    rig.press("s");
    rig.answer("to folder [", DRAFTS.name);
    let drafts = DRAFTS.on_server(&mail);
    let moved = until("it is moved", SOON, || {
        drafts.holding(&INBOX.header(51)).pop()
    });
    assert_eq!(moved.contents(), large_account::sample(&INBOX.id(51), 51));
    flags_become(&mail, "inbox-0051", "RT");
    rig.quit();
    assert_eq!(mail.holding(&INBOX.header(51)), []);
    assert_eq!(mail.entries().len(), INBOX.messages - 1);
}

/// Returns a number in alpine's notation.
fn with_comma(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

/// alpine accepts names that are not ASCII in modified UTF-7 only, but displays them decoded.
#[test]
fn alpine_manages_folders() {
    let Some(rig) = Rig::open(Dialect::Automatic, fill) else {
        return;
    };
    let mail = rig.site.maildir();
    rig.see("subject 3");
    rig.press("l");
    rig.see("FOLDER LIST");
    rig.press("a");
    rig.answer("Folder name to add", CREATED.encoded);
    until("the folder is there", SOON, || CREATED.if_on_server(&mail));
    rig.see(&format!(" {}[.]", CREATED.name));
    rig.press("r");
    rig.answer("Rename", RENAMED.encoded);
    until("it has its new name", SOON, || RENAMED.if_on_server(&mail));
    assert!(CREATED.if_on_server(&mail).is_none());
    rig.see(&format!(" {}[.]", RENAMED.name));
    rig.press("Right");
    rig.press("d");
    rig.see(&format!("DELETE \"{}\"?", RENAMED.name));
    rig.press("y");
    until("it has gone", SOON, || {
        RENAMED.if_on_server(&mail).is_none().then_some(())
    });
    rig.quit();
}

/// It saves what it sends in a folder, and continues after its connection was lost.
#[test]
fn alpine_saves_what_it_sends_and_survives_a_lost_connection() {
    let prepare = |mail: &Maildir| {
        fill(mail);
        mail.folder(SENT);
    };
    let Some(rig) = Rig::open(Dialect::Automatic, prepare) else {
        return;
    };
    rig.see("subject 3");
    rig.press("c");
    rig.see("COMPOSE MESSAGE");
    for line in ["ann@example.org", "", "", "a letter"] {
        rig.terminal.type_text(line);
        rig.press("Down");
    }
    rig.terminal.type_text("Grüße aus Wien");
    rig.press("C-x");
    rig.see("Send message");
    rig.press("y");
    let sent = rig.site.maildir().folder(SENT);
    let copy = until("the copy is there", SOON, || sent.holding("a letter").pop());
    assert!(copy.text().contains("Subject: a letter"), "{}", copy.text());
    assert!(rig.site.home().join("sent").exists());
    rig.see("subject 3");
    rig.relay.cut();
    rig.site
        .maildir()
        .deliver(&message("late", "late", "The latest."));
    rig.press("C-l");
    rig.see("INBOX(CLOSED)");
    rig.press("g");
    rig.answer("GOTO", "INBOX");
    rig.see("  4 03/25/88");
    rig.quit();
}

/// The folder for copies of sent messages.
const SENT: &str = "Sent";

/// How long an effect may take to reach the disk.
const SOON: Duration = Duration::from_secs(20);
