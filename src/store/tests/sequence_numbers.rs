//! Tests of sequence numbers: views, cursors, tombstones and updates.

use super::rig::{Rig, Session, numbers};
use crate::store::{Access, Cursor};
use crate::types::{FlagOperation, Flags, NumberSet};

fn mailbox_of(rig: &Rig, count: u32) -> Session {
    for number in 0..count {
        rig.put("cur", &format!("{}.x.h:2,", 1000 + number), "x");
    }
    rig.inbox()
}

fn visit(session: &Session, mut cursor: Cursor) -> Vec<(u32, u32)> {
    let mailbox = session.store.mailbox(&session.handle);
    let mut visited = Vec::new();
    while let Some(message) = cursor.next(mailbox, &session.view) {
        visited.push((message.number, message.uid.get()));
    }
    visited
}

#[test]
fn cursors_visit_the_numbers_and_uids_of_their_view() {
    let rig = Rig::new();
    let mut session = mailbox_of(&rig, 10);
    for number in [2, 5, 6] {
        session
            .store_flags(&rig, number, FlagOperation::Add, Flags::DELETED)
            .expect("stored");
    }
    let mut other = session.store.view(&session.handle, Access::ReadOnly);
    session.expunge(&rig).expect("expunged");
    // One view takes the expunges, the other does not yet.
    assert_eq!(session.sync_and_update(&rig).expunged, [2, 4, 4]);
    let updated = [(1, 1), (2, 3), (3, 4), (4, 7), (5, 8), (6, 9), (7, 10)];
    assert_eq!(
        visit(&session, Cursor::over_numbers(NumberSet::range(1, 100))),
        updated
    );
    assert_eq!(
        visit(&session, Cursor::over_uids(NumberSet::range(1, u32::MAX))),
        updated
    );
    assert_eq!(
        visit(&session, Cursor::over_uids(numbers(&[2, 3, 6, 9]))),
        [(2, 3), (6, 9)]
    );
    assert_eq!(
        visit(&session, Cursor::over_numbers(numbers(&[3, 7, 8]))),
        [(3, 4), (7, 10)]
    );
    std::mem::swap(&mut session.view, &mut other);
    let unchanged: Vec<(u32, u32)> = (1..=10).map(|number| (number, number)).collect();
    assert_eq!(
        visit(&session, Cursor::over_numbers(NumberSet::range(1, 10))),
        unchanged
    );
    assert_eq!(
        visit(&session, Cursor::over_uids(numbers(&[5, 6, 11]))),
        [(5, 5), (6, 6)]
    );
    assert!(
        session.store.updates(&session.view, false).is_empty(),
        "expunges are held back"
    );
    assert_eq!(session.view.exists(), 10);
    assert_eq!(
        session.store.updates(&session.view, true).expunged,
        [2, 4, 4]
    );
}

#[test]
fn a_cursor_keeps_its_place_when_tombstones_are_removed() {
    let rig = Rig::new();
    let mut session = mailbox_of(&rig, 400);
    for number in 1..=200 {
        session
            .store_flags(&rig, number, FlagOperation::Add, Flags::DELETED)
            .expect("stored");
    }
    let mut cursor = Cursor::over_uids(numbers(&[150, 250, 251, 400]));
    let first = cursor.next(session.store.mailbox(&session.handle), &session.view);
    assert_eq!(first.map(|message| message.number), Some(150));
    session.expunge(&rig).expect("expunged");
    let layout = session.store.mailbox(&session.handle).records.layout();
    assert_eq!(
        session.store.updates(&session.view, true).expunged.len(),
        200
    );
    assert_ne!(
        session.store.mailbox(&session.handle).records.layout(),
        layout,
        "the tombstones are gone"
    );
    assert_eq!(visit(&session, cursor), [(50, 250), (51, 251), (200, 400)]);
    assert_eq!(session.uids(), (201..=400).collect::<Vec<_>>());
    assert!(session.sync_and_update(&rig).is_empty());
}

#[test]
fn flag_changes_beyond_the_change_log_reach_other_views() {
    let rig = Rig::new();
    let mut session = mailbox_of(&rig, 1500);
    let other = session.store.view(&session.handle, Access::ReadWrite);
    for number in 1..=1400 {
        session
            .store_flags(&rig, number, FlagOperation::Add, Flags::SEEN)
            .expect("stored");
    }
    assert!(
        session
            .store
            .updates(&session.view, true)
            .flags_changed
            .is_empty()
    );
    let changed = session.store.updates(&other, true).flags_changed;
    assert_eq!(changed, NumberSet::range(1, 1400));
    assert_eq!(session.store.first_unseen(&other), Some(1401));
    assert_eq!(session.store.count_unseen(&other), 100);
}

#[test]
fn each_of_two_sessions_gets_the_flag_change_of_the_other() {
    let rig = Rig::new();
    let mut session = mailbox_of(&rig, 1);
    let other = session.store.view(&session.handle, Access::ReadWrite);
    session
        .store_flags(&rig, 1, FlagOperation::Add, Flags::SEEN)
        .expect("stored");
    let own = std::mem::replace(&mut session.view, other);
    session
        .store_flags(&rig, 1, FlagOperation::Add, Flags::FLAGGED)
        .expect("stored");
    for view in [&own, &session.view] {
        let changed = session.store.updates(view, true).flags_changed;
        assert_eq!(changed, NumberSet::range(1, 1));
    }
}
