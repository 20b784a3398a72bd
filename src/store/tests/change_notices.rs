//! Telling those who wait that there may be something to hear.

use std::time::Duration;

use super::rig::{Rig, Session};
use crate::budget::{Budget, Clock};
use crate::store::{Access, DeleteMailbox};
use crate::types::{FlagOperation, Flags, MailboxName};

fn may_have_changed(rig: &Rig, session: &mut Session) -> bool {
    let mut budget = Budget::unlimited(&rig.clock);
    session.store.may_have_changed(&session.handle, &mut budget)
}

/// True if the mailbox is told to have changed.
fn has_changed(session: &mut Session) -> bool {
    let changed = session.store.take_changed();
    assert!(changed.iter().all(|mailbox| *mailbox == session.handle));
    !changed.is_empty()
}

#[test]
fn what_is_done_here_is_told_once() {
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
    assert!(!has_changed(&mut session), "nothing was found");
    rig.append(&mut session, "new", Flags::NONE);
    assert!(has_changed(&mut session));
    session.expunge(&rig).expect("expunged");
    assert!(has_changed(&mut session));
    rig.deliver("2.b.h", "b");
    session.sync_and_update(&rig);
    assert!(has_changed(&mut session));
}

#[test]
fn a_mailbox_that_was_deleted_has_changed() {
    let rig = Rig::new();
    let mut store = rig.store();
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
fn a_mailbox_is_looked_at_again_unless_the_kernel_tells_of_it() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let mut store = rig.store();
    store.start_watching().expect("an instance");
    let mut session = rig.open(store, "INBOX", Access::ReadWrite);
    let next = |session: &Session| session.store.next_check(&session.handle, rig.clock.now());
    session.store.poll_inotify();
    session.sync(&rig);
    assert_eq!(next(&session), None);
    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(next(&session), None, "no matter how long ago");
    rig.deliver("2.b.h", "b");
    session.store.poll_inotify();
    assert!(next(&session).is_some(), "something was left open");
    session.sync(&rig);
    assert_eq!(next(&session), None);

    let mut session = rig.inbox();
    let again = rig.clock.now() + Duration::from_secs(1);
    assert_eq!(next(&session), Some(again), "nobody tells this store");
    rig.touch_directories(rig.root());
    session.sync(&rig);
    rig.clock.advance(Duration::from_secs(3));
    session.sync(&rig);
    assert!(!may_have_changed(&rig, &mut session));
    rig.deliver("3.c.h", "c");
    rig.touch_directories(rig.root());
    assert!(may_have_changed(&rig, &mut session));
}
