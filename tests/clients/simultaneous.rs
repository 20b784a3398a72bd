//! Several programs on one account at the same time: two clients, a client and a delivery agent, a
//! client and Dovecot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::isync::Mbsync;
use super::large_account::{self, DRAFTS, FOLDERS, INBOX, contents};
use super::libraries::{Library, assert_changed};
use super::mutt::{Rig, flags_become};
use super::two_way_sync::TwoWays;
use crate::support::dovecot::Dovecot;
use crate::support::maildir::Maildir;
use crate::support::site::Site;

/// Changes by one client appear on the other's screen without a key press.
#[test]
fn neomutt_sees_the_changes_of_imaplib() {
    let Some(rig) = Rig::new("neomutt") else {
        return;
    };
    let Some(imaplib) = Library::imaplib() else {
        return;
    };
    let mail = rig.account.site.maildir();
    let screen = rig.open("INBOX", INBOX.messages);
    imaplib.visit(
        rig.account.server.port(),
        "change",
        &rig.account.site.home(),
    );
    assert_changed(&mail);
    screen.see(&format!("All={} ", INBOX.messages - 1));
    let flagged = contents(&mail)
        .values()
        .filter(|flags| flags.contains('F'))
        .count();
    screen.see(&format!("Flagged={flagged}"));
    screen.at("inbox-0008", "F");
    screen.at("inbox-0009", "d");
    screen.quit();
    flags_become(&mail, "inbox-0008", "FS");
    assert_eq!(mail.holding(&INBOX.header(9)), []);
}

/// mbsync runs again and again while `others` change the account, and then once more alone.
fn sync_beside(rig: &Mbsync, others: impl FnOnce() + Send) {
    let finished = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = scope.spawn(|| {
            others();
            finished.store(true, Ordering::Release);
        });
        while !others.is_finished() {
            rig.sync();
        }
        others.join().expect("the others have no trouble");
    });
    assert!(finished.into_inner());
    rig.sync();
    rig.assert_equal();
}

#[test]
fn mbsync_runs_beside_imaplib() {
    let Some(rig) = Mbsync::new(Site::new(), "") else {
        return;
    };
    let Some(imaplib) = Library::imaplib() else {
        return;
    };
    let (port, home) = (rig.account().server.port(), rig.account().site.home());
    sync_beside(&rig, || {
        imaplib.visit(port, "change", &home);
    });
    assert_changed(&rig.account().site.maildir());
}

#[test]
fn mbsync_runs_beside_deliveries() {
    let Some(rig) = Mbsync::new(Site::new(), "") else {
        return;
    };
    let mailboxes = FOLDERS.map(|folder| folder.on_server(&rig.account().site.maildir()));
    sync_beside(&rig, || deliver(&mailboxes));
    for (folder, mailbox) in FOLDERS.iter().zip(&mailboxes) {
        assert_eq!(contents(mailbox).len(), folder.messages + DELIVERIES);
    }
}

/// How many messages each mailbox receives.
const DELIVERIES: usize = 50;

fn deliver(mailboxes: &[Maildir]) {
    for number in 1..=DELIVERIES {
        for mailbox in mailboxes {
            mailbox.deliver(&large_account::sample(&format!("late-{number:04}"), number));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Dovecot's delivery agent assigns UIDs to what it delivers.
#[test]
fn mbsync_runs_beside_dovecots_delivery_agent() {
    let Some(rig) = Mbsync::new(Site::with_dovecot(), "") else {
        return;
    };
    let Some(dovecot) = Dovecot::find(&rig.account().site) else {
        return;
    };
    sync_beside(&rig, || {
        for number in 1..=DELIVERIES {
            let message = large_account::sample(&format!("late-{number:04}"), number);
            dovecot.deliver(&rig.account().site, &message);
        }
    });
    let inbox = contents(&INBOX.on_server(&rig.account().site.maildir()));
    assert_eq!(inbox.len(), INBOX.messages + DELIVERIES);
}

/// Dovecot's client changes the mail while mbsync speaks to imap2d: no UID may change.
#[test]
fn mbsync_runs_beside_dovecot() {
    let Some(rig) = Mbsync::new(Site::with_dovecot(), "") else {
        return;
    };
    let Some(dovecot) = Dovecot::find(&rig.account().site) else {
        return;
    };
    rig.sync();
    let [near, far] = rig.sides(&INBOX);
    let before = near.the(&INBOX.header(100)).path;
    sync_beside(&rig, || {
        let mut session = dovecot.session(&rig.account().site);
        let client = &mut session.client;
        client.ok("SELECT INBOX");
        client.ok("UID STORE 1:20 +FLAGS.SILENT (\\Flagged)");
        for number in 1..=20 {
            let id = format!("dovecot-{number}");
            client.append_ok("INBOX", "(\\Seen)", &large_account::sample(&id, number));
            client.ok(&format!(
                "UID STORE {} +FLAGS.SILENT (\\Deleted)",
                200 + number
            ));
            client.ok("EXPUNGE");
            client.ok(&format!("UID COPY {} {}", 300 + number, DRAFTS.encoded));
        }
        client.ok("LOGOUT");
    });
    assert_eq!(
        near.the(&INBOX.header(100)).path,
        before,
        "fetched once only"
    );
    let inbox = contents(&far);
    assert_eq!(inbox.len(), INBOX.messages);
    assert!(inbox["inbox-0011"].contains('F'));
    assert!(!inbox.contains_key("inbox-0210"));
    assert_eq!(inbox["dovecot-20"], "S");
    let drafts = contents(&rig.sides(&DRAFTS)[0]);
    assert_eq!(drafts.len(), DRAFTS.messages + 20);
}
