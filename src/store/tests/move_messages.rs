//! Tests of MOVE: a message is in exactly one mailbox, whatever other programs do meanwhile.

use std::fs;

use super::rig::{Rig, Session, mailbox, numbers};
use crate::store::{Access, MoveMessages, MoveOutcome, StoreError, lock};
use crate::types::{Flags, MailboxName};

/// Returns INBOX with four messages, the third of which has \Deleted, and creates an empty Work.
fn begin(rig: &Rig) -> Session {
    let mut inbox = rig.inbox();
    for (text, flags) in [
        ("a", Flags::NONE),
        ("b", Flags::SEEN),
        ("c", Flags::DELETED),
        ("d", Flags::FLAGGED),
    ] {
        rig.append(&mut inbox, text, flags);
    }
    inbox.sync_and_update(rig);
    let work = MailboxName::new(b"Work").expect("a name");
    inbox.store.create(&rig.account, &work).expect("created");
    inbox
}

/// Moves messages to Work, and calls `meanwhile` before each step. Returns the outcome, and the old
/// and new UIDs.
fn move_to_work(
    rig: &Rig,
    inbox: &mut Session,
    uids: &[u32],
    mut meanwhile: impl FnMut(),
) -> (MoveOutcome, Vec<(u32, u32)>) {
    let work = inbox.store.open(&rig.account, &mailbox("Work"));
    let mut moving = MoveMessages::new(&inbox.view, numbers(uids), work.expect("opened"));
    let moved = rig.drive(|budget| {
        meanwhile();
        moving.step(&mut inbox.store, budget)
    });
    let uids = moved.uids.iter().map(|(a, b)| (a.get(), b.get())).collect();
    (moved, uids)
}

fn in_work(rig: &Rig) -> usize {
    rig.names(".Work/cur").len() + rig.names(".Work/new").len()
}

#[test]
fn move_moves_the_named_messages_with_or_without_deleted() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        let mut inbox = begin(&rig);
        let (moved, uids) = move_to_work(&rig, &mut inbox, &[1, 2, 4], || {});
        assert!(moved.result.is_ok(), "{moved:?}");
        assert_eq!(uids, [(1, 1), (2, 2), (4, 3)]);
        assert_eq!(inbox.sync_and_update(&rig).expunged, [1, 1, 2]);
        assert_eq!(inbox.uids(), [3]);
        let mut work = rig.open(rig.store(), "Work", Access::ReadOnly);
        assert_eq!(work.uids(), [1, 2, 3]);
        assert_eq!(work.text(3), "d");
        assert!(work.flags(3).contains(Flags::FLAGGED));
        assert!(rig.names(".Work/tmp").is_empty());
    }
}

#[test]
fn an_original_that_another_program_renames_is_still_moved() {
    let rig = Rig::with_small_steps();
    let mut inbox = begin(&rig);
    let mut renamed = false;
    let rename_second = || {
        if in_work(&rig) == 2 && !renamed {
            let cur = rig.names("cur");
            let name = cur.iter().find(|name| name.ends_with(":2,S"));
            let name = format!("cur/{}", name.expect("the second message"));
            rig.rename(&name, &format!("{name}T"));
            renamed = true;
        }
    };
    let (moved, uids) = move_to_work(&rig, &mut inbox, &[2, 4], rename_second);
    assert!(moved.result.is_ok() && renamed, "{moved:?}");
    assert_eq!(uids, [(2, 1), (4, 2)]);
    assert_eq!((rig.names("cur").len(), in_work(&rig)), (2, 2));
}

#[test]
fn no_copy_stays_if_the_originals_cannot_be_removed() {
    let rig = Rig::with_small_steps();
    let mut inbox = begin(&rig);
    let owner = lock::LockOwner {
        pid: 1,
        host: "elsewhere".into(),
        booted: std::time::SystemTime::UNIX_EPOCH,
    };
    let waiting = &mut lock::ForeignLockAge::default();
    let times = (std::time::Instant::now(), std::time::SystemTime::now());
    let held = lock::MailboxLock::try_acquire(rig.root(), &owner, waiting, times).expect("ok");
    let (moved, uids) = move_to_work(&rig, &mut inbox, &[1, 2], || {});
    assert!(matches!(moved.result, Err(StoreError::InUse)), "{moved:?}");
    assert!(uids.is_empty());
    drop(held);
    assert!(inbox.sync_and_update(&rig).expunged.is_empty());
    assert_eq!((inbox.uids().len(), in_work(&rig)), (4, 0));
}

#[test]
fn a_copy_stays_if_its_original_has_disappeared() {
    let rig = Rig::with_small_steps();
    let mut inbox = begin(&rig);
    let mut held = None;
    let interfere = || {
        if in_work(&rig) == 2 && held.is_none() {
            let owner = lock::LockOwner {
                pid: 1,
                host: "elsewhere".into(),
                booted: std::time::SystemTime::UNIX_EPOCH,
            };
            let waiting = &mut lock::ForeignLockAge::default();
            let times = (std::time::Instant::now(), std::time::SystemTime::now());
            held = Some(lock::MailboxLock::try_acquire(
                rig.root(),
                &owner,
                waiting,
                times,
            ));
            for name in rig.names("cur") {
                fs::remove_file(rig.root().join("cur").join(name)).expect("removed");
            }
        }
    };
    let (moved, _) = move_to_work(&rig, &mut inbox, &[2, 4], interfere);
    assert!(matches!(moved.result, Err(StoreError::InUse)), "{moved:?}");
    assert_eq!(in_work(&rig), 2);
}

#[test]
fn a_move_of_no_message_or_of_a_missing_one_moves_nothing() {
    let rig = Rig::new();
    let mut inbox = begin(&rig);
    let (moved, uids) = move_to_work(&rig, &mut inbox, &[], || {});
    assert!(moved.result.is_ok() && uids.is_empty(), "{moved:?}");
    let name = rig.names("cur").remove(0);
    rig.remove(&format!("cur/{name}"));
    let (moved, uids) = move_to_work(&rig, &mut inbox, &[1, 2, 3, 4], || {});
    assert!(moved.result.is_err() && uids.is_empty(), "{moved:?}");
    assert_eq!((rig.names("cur").len(), in_work(&rig)), (3, 0));
}
