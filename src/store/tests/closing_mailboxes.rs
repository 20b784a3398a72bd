//! Tests that closing a mailbox takes short steps, however many messages it has.

use std::time::Duration;

use super::rig::{Rig, Session, mailbox};
use crate::budget::Budget;
use crate::store::{Access, MailboxHandle, Settings, Store};
use crate::types::MailboxName;

const MESSAGES: usize = 640;
const FILE: &str = "imap2d-modseq";

/// Opens INBOX with many messages, each of which has other flags than the next, in a store that
/// keeps no mailbox that is not in use.
fn inbox() -> (Rig, Session) {
    let rig = Rig::new();
    for number in 0..MESSAGES {
        let flags = if number % 2 == 0 { "S" } else { "F" };
        let name = format!("{}.a.h:2,{flags}", 1000 + number);
        std::fs::write(rig.root().join("cur").join(name), "text").expect("written");
    }
    let store = Store::new(Settings {
        warm_mailboxes: 0,
        ..Settings::new("host", std::process::id())
    });
    let other = MailboxName::new(b"other").expect("a name");
    store.create(&rig.account, &other).expect("created");
    let session = rig.open(store, "INBOX", Access::ReadWrite);
    (rig, session)
}

/// Ends the session, and opens another mailbox, so that INBOX is closed.
fn leave(rig: &Rig, session: Session) -> (Store, MailboxHandle) {
    let Session {
        mut store,
        handle,
        view,
    } = session;
    drop((handle, view));
    let other = store.open(&rig.account, &mailbox("other"));
    let other = other.expect("opened");
    (store, other)
}

fn names_of_ours(rig: &Rig) -> Vec<String> {
    let mut names = rig.names("");
    names.retain(|name| name.starts_with("imap2d-modseq") || name.ends_with(".lock"));
    names
}

#[test]
fn mod_sequences_are_written_in_steps() {
    let (rig, session) = inbox();
    let asked = session
        .store
        .mod_sequence(&session.view, &session.message(7));
    let (mut store, other) = leave(&rig, session);
    assert_eq!(store.abandoned_work(), 1);
    let (mut steps, units) = (0, 4);
    while store.abandoned_work() > 0 {
        store.clean_up(&mut Budget::new(&rig.clock, units, Duration::from_secs(1)));
        steps += 1;
    }
    // Each message is visited, and each run of one message written.
    let least = MESSAGES as u32 / 64 + MESSAGES as u32 * 4 / 64 / units;
    assert!(steps >= least / 2, "{steps} steps");
    assert_eq!(names_of_ours(&rig), [FILE]);
    drop((other, store));
    let again = rig.inbox();
    let read = again.store.mod_sequence(&again.view, &again.message(7));
    assert_eq!(read, asked);
}

#[test]
fn a_mailbox_that_is_opened_while_it_is_closed_stays() {
    for steps in [0, 1, 5, 12, 18] {
        let (rig, session) = inbox();
        session.highest_for_client();
        let before = session.handle.clone();
        let before_memory = session.store.mailbox(&before).memory();
        drop(before);
        let (mut store, _other) = leave(&rig, session);
        for _ in 0..steps {
            store.clean_up(&mut Budget::new(&rig.clock, 1, Duration::from_secs(1)));
        }
        let again = store.open(&rig.account, &mailbox("INBOX"));
        let again = again.expect("opened");
        assert_eq!(store.mailbox(&again).memory(), before_memory, "kept");
        rig.clean_up(&mut store, || {});
        assert!(names_of_ours(&rig).is_empty(), "after {steps} steps");
        assert_eq!(
            store.mailbox(&again).records.message_count(),
            MESSAGES,
            "after {steps} steps"
        );
    }
}

#[test]
fn few_mailboxes_are_closed_at_once() {
    let (rig, mut session) = inbox();
    let mut open = Vec::new();
    for number in 0..40 {
        let name = MailboxName::new(format!("m{number}").as_bytes()).expect("a name");
        session.store.create(&rig.account, &name).expect("created");
        let opened = session.store.open(&rig.account, &mailbox(name.as_str()));
        open.push(opened.expect("opened"));
    }
    let held = |store: &Store| store.slots.iter().flatten().count();
    let most = held(&session.store);
    drop(open);
    session.store.evict();
    assert!(most - held(&session.store) <= 8);
    for _ in 0..5 {
        session.store.evict();
    }
    assert_eq!(held(&session.store), 1);
}

impl Session {
    /// Asks for a mod-sequence, as a client that wants them kept does.
    fn highest_for_client(&self) {
        self.store.announced_mod_sequence(&self.view);
    }
}
