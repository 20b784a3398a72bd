//! `mailutil`, the tool of c-client (Debian `uw-mailutils`).

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Dialect, LIMIT, in_both_dialects};
use crate::support::maildir::{Maildir, message};
use crate::support::program::{Finished, Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

in_both_dialects![
    creates_renames_and_deletes,
    checks_for_new_mail,
    copies_into_a_new_mailbox,
    appends_to_a_mailbox,
    moves_messages,
    prunes_by_criteria,
    transfers_a_hierarchy,
];

/// It asks for the password on a terminal. This script gives it one.
const TERMINAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/password.exp");

/// The program, a server in the dialect, and the mail.
struct Rig {
    mailutil: Program,
    expect: Program,
    dialect: Dialect,
    // Declared before the site, so that the server ends before its files are deleted.
    server: TestServer,
    site: Site,
}

impl Rig {
    fn new(dialect: Dialect) -> Option<Self> {
        let mailutil = Program::find("mailutil")?;
        let expect = Program::find("expect")?;
        let site = Site::new();
        let server = TestServer::start(&site, dialect.arguments());
        Some(Self {
            mailutil,
            expect,
            dialect,
            server,
            site,
        })
    }

    /// Returns the name of a mailbox on the server in c-client's notation.
    fn name(&self, mailbox: &str) -> String {
        format!(
            "{{127.0.0.1:{}/imap/notls/user={USER}}}{mailbox}",
            self.server.port()
        )
    }

    fn run(&self, verb: &str, arguments: &[&str]) -> Finished {
        let mut command = self.expect.command();
        command
            .args(["-f", TERMINAL, "--"])
            .arg(self.mailutil.command().get_program())
            .arg(verb)
            .args(arguments)
            .env("IMAP_PASSWORD", PASSWORD)
            .env("HOME", self.site.home());
        let finished = run(&mut command, LIMIT);
        // c-client warns about servers that accept passwords without TLS.
        assert!(!finished.text().contains("SECURITY"), "{finished}");
        finished
    }

    fn mail(&self) -> Maildir {
        self.site.maildir()
    }

    fn folder(&self, name: &str) -> Maildir {
        let found = self.mail().existing_folder(name);
        found.unwrap_or_else(|| panic!("there is no folder {name}"))
    }

    /// Returns the flags that a copy has: IMAP2 cannot append with flags, so c-client drops them.
    fn flags_of_copy(&self, flags: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Imap2 => "",
            Dialect::Automatic => flags,
        }
    }

    /// Creates three messages with different flags.
    fn fill(&self, mailbox: &Maildir) {
        let age = Duration::from_secs(86_400);
        mailbox.put(&message("plain", "plain", "one line"), "", age);
        mailbox.put(
            &message("seen", "seen", "one line\n\nand another"),
            "S",
            age,
        );
        mailbox.put(
            &message("flagged", "flagged", "{5}\n\"quoted\" \\ 8-bit \u{e9}"),
            "FRS",
            age,
        );
    }

    /// Asserts that the three messages of [`Self::fill`] have arrived complete.
    fn assert_copied(&self, source: &Maildir, copies: &Maildir) {
        assert_eq!(copies.entries().len(), 3);
        for (id, flags) in [("plain", ""), ("seen", "S"), ("flagged", "FRS")] {
            let header = format!("X-Id: {id}\n");
            let copy = copies.the(&header);
            assert_eq!(copy.text(), source.the(&header).text());
            assert_eq!(copy.flags, self.flags_of_copy(flags), "flags of {id}");
        }
    }
}

fn creates_renames_and_deletes(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    for (created, renamed) in [("Work", "Done"), ("my box", "her box")] {
        let (created_there, renamed_there) = (rig.name(created), rig.name(renamed));
        rig.run("create", &[&created_there]).success();
        assert!(rig.mail().existing_folder(created).is_some());
        assert!(
            !rig.run("create", &[&created_there]).status.success(),
            "it exists already"
        );
        rig.run("rename", &[&created_there, &renamed_there])
            .success();
        assert!(rig.mail().existing_folder(created).is_none());
        assert!(rig.mail().existing_folder(renamed).is_some());
        rig.run("delete", &[&renamed_there]).success();
        assert!(rig.mail().existing_folder(renamed).is_none());
        assert!(
            !rig.run("delete", &[&renamed_there]).status.success(),
            "it is gone"
        );
    }
}

fn checks_for_new_mail(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    let inbox = rig.name("INBOX");
    let answer = rig.run("check", &[&inbox]).success();
    assert!(answer.contains("No new messages, 0 total"), "{answer}");
    rig.fill(&rig.mail());
    rig.mail().deliver(&message("new", "new", "just now"));
    let answer = rig.run("check", &[&inbox]).success();
    assert!(answer.contains("(2 unseen), 4 total"), "{answer}");
}

fn copies_into_a_new_mailbox(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    rig.fill(&rig.mail());
    rig.run("copy", &[&rig.name("INBOX"), &rig.name("Copies")])
        .success();
    rig.assert_copied(&rig.mail(), &rig.folder("Copies"));
    let again = rig.run("copy", &[&rig.name("INBOX"), &rig.name("Copies")]);
    assert!(
        !again.status.success(),
        "the mailbox exists already: {again}"
    );
}

fn appends_to_a_mailbox(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    rig.fill(&rig.mail());
    let missing = rig.run("append", &[&rig.name("INBOX"), &rig.name("Archive")]);
    assert!(
        !missing.status.success(),
        "there is no such mailbox: {missing}"
    );
    assert!(rig.mail().existing_folder("Archive").is_none());
    rig.run("create", &[&rig.name("Archive")]).success();
    rig.run("append", &[&rig.name("INBOX"), &rig.name("Archive")])
        .success();
    rig.assert_copied(&rig.mail(), &rig.folder("Archive"));
}

fn moves_messages(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    rig.fill(&rig.mail().folder("Source"));
    let texts = texts(&rig.folder("Source"));
    rig.run("move", &[&rig.name("Source"), &rig.name("Moved")])
        .success();
    assert_eq!(rig.folder("Source").entries(), []);
    assert_eq!(self::texts(&rig.folder("Moved")), texts);
}

/// Returns the messages of a mailbox, whatever the names of their files.
fn texts(mailbox: &Maildir) -> BTreeSet<String> {
    mailbox.entries().iter().map(|entry| entry.text()).collect()
}

fn prunes_by_criteria(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    rig.fill(&rig.mail());
    rig.mail().deliver(&message("two words", "new", "just now"));
    let inbox = rig.name("INBOX");
    // Its exit code is always 1.
    let none = rig.run("prune", &[&inbox, "subject \"no such\""]);
    assert!(none.text().contains("No matching messages"), "{none}");
    assert_eq!(rig.mail().entries().len(), 4);
    for (criteria, pruned) in [
        ("subject \"two words\"", "X-Id: new"),
        ("flagged since 1-jan-1988", "X-Id: flagged"),
    ] {
        let answer = rig.run("prune", &[&inbox, criteria]);
        assert!(answer.text().contains("1 message(s) purged"), "{answer}");
        assert_eq!(rig.mail().holding(pruned), [], "{answer}");
    }
    assert_eq!(rig.mail().entries().len(), 2);
}

fn transfers_a_hierarchy(dialect: Dialect) {
    let Some(rig) = Rig::new(dialect) else { return };
    for name in ["Old", "Old.Sub", "Other"] {
        rig.fill(&rig.mail().folder(name));
    }
    rig.run("transfer", &[&rig.name("Old"), &rig.name("New")])
        .success();
    for (source, copies) in [("Old", "NewOld"), ("Old.Sub", "NewOld.Sub")] {
        rig.assert_copied(&rig.folder(source), &rig.folder(copies));
    }
    assert!(rig.mail().existing_folder("NewOther").is_none());
}
