//! `alpine`, keys and screen: the mail program that descends from the first of this protocol.

use super::{Dialect, in_both_dialects};
use crate::support::maildir::{Maildir, message};
use crate::support::program::Program;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};
use crate::support::terminal::Terminal;

in_both_dialects![
    reads_saves_and_expunges,
    hears_of_new_mail,
    opens_another_folder
];

/// The program on its screen, with its INBOX open.
struct Rig {
    terminal: Terminal,
    // After the terminal, so that alpine ends before its server.
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
        let settings = site.write_home("pinerc", &settings(server.port()));
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

    /// Saves the message on the screen to a folder that does not exist; alpine deletes it then.
    fn save_to_new_folder(&self, folder: &str) {
        self.press("s");
        self.see("to folder [");
        self.press("C-u");
        self.terminal.type_text(folder);
        self.press("Enter");
        self.see("doesn't exist.  Create?");
        self.press("y");
        // The line that tells of it does not stay.
        self.see(" ALL DEL");
    }

    fn quit(&self) {
        self.press("q");
        self.terminal.wait_for_end();
    }
}

fn settings(port: u16) -> String {
    let host = format!("{{127.0.0.1:{port}/imap/notls/user={USER}}}");
    // A version above any release keeps the news screen away.
    format!(
        "personal-name=Joe\nuser-domain=example.org\nlast-version-used=9.99\n\
         inbox-path={host}INBOX\nfolder-collections=Mail {host}[]\n\
         default-fcc=\"\"\npostponed-folder=\n\
         feature-list=quit-without-confirm,expunge-without-confirm,\
         expunge-without-confirm-everywhere,disable-password-file-saving\n"
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

fn hears_of_new_mail(dialect: Dialect) {
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
