//! Tests of the notices by which sessions in IDLE learn that a mailbox may have changed.

use std::time::Duration;

use super::rig::{Rig, Session};
use crate::budget::{Budget, Clock};
use crate::store::{Access, DeleteMailbox};
use crate::types::{FlagOperation, Flags, MailboxName};

fn may_have_changed(rig: &Rig, session: &mut Session) -> bool {
    let mut budget = Budget::unlimited(&rig.clock);
    session.store.may_have_changed(&session.handle, &mut budget)
}

/// Returns true if the store reports that the mailbox has changed.
fn has_changed(session: &mut Session) -> bool {
    let changed = session.store.take_changed();
    assert!(changed.iter().all(|mailbox| *mailbox == session.handle));
    !changed.is_empty()
}

#[test]
fn a_change_by_this_store_is_reported_once() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let mut session = rig.inbox();
    assert!(has_changed(&mut session));
    assert!(!has_changed(&mut session));
    session
        .store_flags(&rig, 1, FlagOperation::Add, Flags::DELETED)
        .expect("stored");
    assert!(has_changed(&mut session));
    session.sync(&rig);
    assert!(!has_changed(&mut session), "the sync found no change");
    rig.append(&mut session, "new", Flags::NONE);
    assert!(has_changed(&mut session));
    session.expunge(&rig).expect("expunged");
    assert!(has_changed(&mut session));
    rig.deliver("2.b.h", "b");
    session.sync_and_update(&rig);
    assert!(has_changed(&mut session));
}

#[test]
fn a_deleted_mailbox_has_changed() {
    let rig = Rig::new();
    let store = rig.store();
    let name = MailboxName::new(b"Work").expect("a name");
    store.create(&rig.account, &name).expect("created");
    let mut session = rig.open(store, "Work", Access::ReadWrite);
    session.store.take_changed();
    let mut delete = DeleteMailbox::new(rig.account.clone(), name);
    rig.drive(|budget| delete.step(&mut session.store, budget))
        .expect("deleted");
    assert!(has_changed(&mut session));
    assert!(may_have_changed(&rig, &mut session));
}

#[test]
fn a_mailbox_has_a_next_check_unless_inotify_watches_it() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let mut store = rig.store();
    store.start_watching().expect("an inotify instance");
    let mut session = rig.open(store, "INBOX", Access::ReadWrite);
    let next = |session: &Session| session.store.next_check(&session.handle, rig.clock.now());
    session.store.poll_inotify();
    session.sync(&rig);
    assert_eq!(next(&session), None);
    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        next(&session),
        None,
        "the kernel reports changes, so that time does not matter"
    );
    rig.deliver("2.b.h", "b");
    session.store.poll_inotify();
    assert!(
        next(&session).is_some(),
        "the delivery has not been read yet"
    );
    session.sync(&rig);
    assert_eq!(next(&session), None);

    let mut session = rig.inbox();
    let again = rig.clock.now() + Duration::from_secs(1);
    assert_eq!(next(&session), Some(again), "this store does not watch");
    rig.touch_directories(rig.root());
    session.sync(&rig);
    rig.clock.advance(Duration::from_secs(3));
    session.sync(&rig);
    assert!(!may_have_changed(&rig, &mut session));
    rig.deliver("3.c.h", "c");
    rig.touch_directories(rig.root());
    assert!(may_have_changed(&rig, &mut session));
}

#[test]
fn many_reports_are_read_in_several_calls() {
    let rig = Rig::new();
    let mut store = rig.store();
    store.start_watching().expect("an inotify instance");
    let mut session = rig.open(store, "INBOX", Access::ReadWrite);
    session.store.poll_inotify();
    session.sync(&rig);
    assert!(!session.store.has_unread_reports());
    for number in 0..3_000 {
        // Long names make long reports, and so few of them a read.
        let name = format!("{number}.{}.h", "a".repeat(100));
        std::fs::write(rig.root().join("new").join(name), "").expect("written");
    }
    assert_eq!(session.store.poll_inotify(), [session.handle.clone()]);
    let mut calls = 1;
    while session.store.has_unread_reports() {
        session.store.poll_inotify();
        calls += 1;
    }
    assert!(calls > 1);
    session.sync_and_update(&rig);
    assert_eq!(session.view.exists(), 3_000);
}
