//! Tests of the sync: what the store learns of changes that other programs and stores make.

use std::fs;
use std::time::Duration;

use super::rig::{Rig, Session, mailbox, numbers};
use crate::budget::{Budget, Clock, Step, Why};
use crate::store::{Access, StoreError, SyncMailbox, lock};
use crate::types::{FlagOperation, Flags, KeywordSet};

const GUID: &str = "Ga8e4143b4782036b5f32000083ecc375";

/// Makes INBOX a Maildir with the files of Dovecot: two messages, and the line of an expunged one.
fn dovecot_mailbox(rig: &Rig) {
    let list = format!("3 V77 N1 {GUID} Qx\n3 :30.A.h\n5 Gabc :50.B.h\n9 :90.dead.h\n");
    fs::write(rig.root().join("dovecot-uidlist"), list).expect("written");
    fs::write(rig.root().join("dovecot-keywords"), "0 $Forwarded\n1 Zed\n").expect("written");
    rig.put("cur", "50.B.h:2,Sab", "b");
    rig.put("cur", "30.A.h:2,F", "a");
}

#[test]
fn a_maildir_of_dovecot_keeps_uids_flags_and_keywords() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        dovecot_mailbox(&rig);
        rig.deliver("70.C.h", "c");
        rig.deliver("60.D.h", "d");
        let mut session = rig.inbox();
        assert_eq!(
            session.uids(),
            [3, 5, 10, 11],
            "the UIDs of expunged messages are not reused"
        );
        let mailbox = session.store.mailbox(&session.handle);
        assert_eq!((mailbox.uid_validity().get(), mailbox.uid_next()), (77, 12));
        assert_eq!(
            session.text(3),
            "d",
            "deliveries are numbered in the order of their names"
        );
        assert_eq!(session.flags(1), Flags::FLAGGED);
        let (flags, keywords) = session.store.flags(&session.view, &session.message(2));
        assert_eq!((flags, keywords), (Flags::SEEN, KeywordSet(0b11)));
        assert_eq!((session.view.exists(), session.view.recent()), (4, 2));
        assert_eq!(
            rig.names("cur"),
            ["30.A.h:2,F", "50.B.h:2,Sab", "60.D.h:2,", "70.C.h:2,"]
        );
        assert!(rig.names("new").is_empty());
        let list = rig.read("dovecot-uidlist");
        assert!(
            list.starts_with(&format!("3 V77 N1 {GUID} Qx\n")),
            "the header is unchanged: {list}"
        );
        assert!(
            list.ends_with("9 :90.dead.h\n10 :60.D.h\n11 :70.C.h\n"),
            "{list}"
        );
        assert!(!rig.root().join("dovecot-uidlist.lock").exists());
    }
}

#[test]
fn a_new_mailbox_gets_a_uid_list_and_keeps_it() {
    let rig = Rig::with_small_steps();
    rig.deliver("2.b.h", "b");
    rig.deliver("1.a.h", "a");
    let session = rig.inbox();
    let validity = session.store.mailbox(&session.handle).uid_validity();
    assert_eq!(session.uids(), [1, 2]);
    drop(session);
    let again = rig.inbox();
    assert_eq!(again.store.mailbox(&again.handle).uid_validity(), validity);
    assert_eq!(again.uids(), [1, 2]);
    assert!(
        rig.root()
            .join(format!("dovecot-uidvalidity.{:08x}", validity.get()))
            .exists()
    );
}

#[test]
fn arrivals_flag_changes_and_expunges_reach_every_session() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        for name in ["1.a.h", "2.b.h", "3.c.h"] {
            rig.deliver(name, name);
        }
        let (mut one, mut two) = (rig.inbox(), rig.inbox());
        assert_eq!((one.uids(), two.uids()), (vec![1, 2, 3], vec![1, 2, 3]));
        rig.remove("cur/2.b.h:2,");
        rig.rename("cur/1.a.h:2,", "cur/1.a.h:2,S");
        rig.deliver("4.d.h", "d");
        for session in [&mut one, &mut two] {
            session.sync(&rig);
            assert_eq!(
                session.view.exists(),
                3,
                "sequence numbers change only with the updates"
            );
            let updates = session.store.updates(&session.view, true);
            assert_eq!(updates.expunged, [2]);
            assert_eq!(updates.exists, Some(3));
            assert_eq!(updates.flags_changed.iter().collect::<Vec<_>>(), [1]);
            assert_eq!(session.uids(), [1, 3, 4]);
            assert!(session.store.updates(&session.view, true).is_empty());
        }
    }
}

#[test]
fn a_file_that_returns_before_the_second_look_is_the_same_message() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let mut session = rig.inbox();
    rig.clock.advance(Duration::from_secs(1));
    session.sync(&rig);
    rig.rename("cur/1.a.h:2,", "tmp/elsewhere");
    let mut sync = SyncMailbox::new(session.handle.clone());
    let mut budget = Budget::unlimited(&rig.clock);
    let step = sync.step(&mut session.store, &mut budget);
    assert!(
        matches!(step, Step::Yield(Why::Until(_))),
        "one missed readdir proves nothing: {step:?}"
    );
    assert!(session.store.updates(&session.view, true).is_empty());
    rig.rename("tmp/elsewhere", "cur/1.a.h:2,S");
    rig.drive(|budget| sync.step(&mut session.store, budget))
        .expect("synced");
    let updates = session.store.updates(&session.view, true);
    assert!(updates.expunged.is_empty());
    assert_eq!(
        (session.uids(), session.flags(1)),
        (vec![1], Flags::SEEN.with(Flags::RECENT))
    );
}

#[test]
fn no_message_is_gone_while_the_directory_keeps_changing() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    rig.deliver("2.b.h", "b");
    let mut session = rig.inbox();
    rig.remove("cur/1.a.h:2,");
    let mut sync = SyncMailbox::new(session.handle.clone());
    rig.drive(|budget| {
        rig.touch_directories(rig.root());
        sync.step(&mut session.store, budget)
    })
    .expect("the sync ends nevertheless");
    assert!(session.store.updates(&session.view, true).is_empty());
    let message = session.message(1);
    let opened = session.store.open_message(&session.view, &message);
    assert!(matches!(opened, Err(StoreError::Gone)));
    assert_eq!(session.sync_and_update(&rig).expunged, [1]);
}

#[test]
fn an_expunged_file_that_returns_is_a_new_message() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    rig.deliver("2.b.h", "b");
    let mut session = rig.inbox();
    rig.rename("cur/1.a.h:2,", "tmp/elsewhere");
    assert_eq!(session.sync_and_update(&rig).expunged, [1]);
    rig.rename("tmp/elsewhere", "cur/1.a.h:2,");
    assert_eq!(session.sync_and_update(&rig).exists, Some(2));
    assert_eq!(session.uids(), [2, 3]);
    drop(session);
    assert_eq!(rig.inbox().uids(), [2, 3], "the later UID counts");
}

#[test]
fn a_lost_uid_list_is_written_again_while_a_session_is_open() {
    let rig = Rig::new();
    dovecot_mailbox(&rig);
    let mut session = rig.inbox();
    rig.remove("dovecot-uidlist");
    rig.deliver("91.E.h", "e");
    session.sync_and_update(&rig);
    assert_eq!(session.uids(), [3, 5, 10]);
    let list = rig.read("dovecot-uidlist");
    assert!(
        list.starts_with(&format!("3 V77 N10 {GUID} Qx\n")),
        "{list}"
    );
    let uids: Vec<u32> = rig.listed(".").into_iter().map(|(uid, _)| uid).collect();
    assert_eq!(uids, [3, 5, 10]);
}

#[test]
fn a_damaged_line_changes_the_uid_of_its_message_only() {
    let rig = Rig::new();
    let list = format!("3 V77 N1 {GUID}\n3 :30.A.h\ngarbage\n8 :50.B.h\n9 :60.C");
    fs::write(rig.root().join("dovecot-uidlist"), list).expect("written");
    for name in ["30.A.h:2,", "50.B.h:2,", "60.C:2,"] {
        rig.put("cur", name, name);
    }
    let session = rig.inbox();
    assert_eq!(session.uids(), [3, 8, 9]);
    assert_eq!(rig.listed(".").len(), 3);
    assert_eq!(
        session.store.mailbox(&session.handle).uid_validity().get(),
        77
    );
}

#[test]
fn an_invalid_uid_list_changes_uid_validity_unless_a_session_is_open() {
    let rig = Rig::new();
    dovecot_mailbox(&rig);
    let long = "x".repeat(200_000);
    fs::write(
        rig.root().join("dovecot-uidlist"),
        format!("3 V77 N1 {GUID}\n3 :30.A.h\n{long}"),
    )
    .expect("written");
    let mut session = rig.inbox();
    assert_eq!(session.uids(), [1, 2]);
    let validity = session.store.mailbox(&session.handle).uid_validity();
    assert_ne!(validity.get(), 77);
    fs::write(rig.root().join("dovecot-uidlist"), "rubbish").expect("written");
    rig.deliver("95.n.h", "n");
    session.sync_and_update(&rig);
    assert_eq!(
        session.store.mailbox(&session.handle).uid_validity(),
        validity
    );
    assert_eq!(session.uids()[..2], [1, 2]);
    assert!(session.uids()[2] > 1000, "{:?}", session.uids());
    assert_eq!(rig.listed(".").len(), 3);
}

#[test]
fn another_uid_validity_invalidates_the_session() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let mut session = rig.inbox();
    fs::write(
        rig.root().join("dovecot-uidlist"),
        format!("3 V12345 N1 {GUID}\n"),
    )
    .expect("written");
    rig.deliver("2.b.h", "b");
    let result = rig.sync(&mut session.store, &session.handle);
    assert!(matches!(result, Err(StoreError::Invalidated)), "{result:?}");
    let handle = session
        .store
        .open(&rig.account, &mailbox("INBOX"))
        .expect("opened");
    assert_ne!(handle, session.handle);
    rig.sync(&mut session.store, &handle).expect("synced");
    assert_eq!(session.store.mailbox(&handle).uid_validity().get(), 12345);
}

#[test]
fn a_uid_that_another_program_gave_is_adopted() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let mut session = rig.inbox();
    // Dovecot gives a file that disappeared and returned a new UID.
    let list = rig.read("dovecot-uidlist");
    fs::write(
        rig.root().join("dovecot-uidlist"),
        format!("{list}7 :1.a.h\n"),
    )
    .expect("written");
    rig.touch_directories(rig.root());
    let updates = session.sync_and_update(&rig);
    assert_eq!((updates.expunged, session.uids()), (vec![1], vec![7]));
}

#[test]
fn a_keyword_letter_without_a_name_gets_one() {
    let rig = Rig::new();
    fs::write(rig.root().join("dovecot-keywords"), "0 One\n").expect("written");
    rig.put("cur", "1.a.h:2,Sac", "a");
    let session = rig.inbox();
    let keywords = session.store.mailbox(&session.handle).keywords();
    assert_eq!(keywords.get(2).map(|k| k.as_str()), Some("unknown-2"));
    assert_eq!(rig.read("dovecot-keywords"), "0 One\n2 unknown-2\n");
}

#[test]
fn only_the_first_read_write_session_gets_recent() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let reader = rig.open(rig.store(), "INBOX", Access::ReadOnly);
    assert_eq!(
        (reader.view.recent(), rig.names("new").len()),
        (1, 1),
        "EXAMINE moves no file"
    );
    drop(reader);
    let mut store = rig.store();
    let first = rig.open(
        std::mem::replace(&mut store, rig.store()),
        "INBOX",
        Access::ReadWrite,
    );
    let Session {
        store,
        handle,
        view,
    } = first;
    assert!(
        store
            .flags(&view, &store.message(&view, 1).expect("one"))
            .0
            .contains(Flags::RECENT)
    );
    let mut second = Session {
        view: view_of(store, &handle),
        ..rig.inbox()
    };
    assert_eq!((view.recent(), second.view.recent()), (1, 0));
    second.sync(&rig);
    let third = rig.inbox();
    assert_eq!(third.view.recent(), 0, "the message has moved to cur");
}

/// Returns a second view of the mailbox, and drops the store.
fn view_of(
    mut store: crate::store::Store,
    handle: &crate::store::MailboxHandle,
) -> crate::store::View {
    store.view(handle, Access::ReadWrite)
}

#[test]
fn a_read_only_store_writes_nothing_but_sees_changes() {
    let rig = Rig::with_small_steps();
    dovecot_mailbox(&rig);
    rig.deliver("95.n.h", "n");
    fs::remove_dir(rig.root().join("tmp")).expect("removed");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(rig.root().join(".Other").join(part)).expect("created");
    }
    let before = rig.snapshot();
    let mut session = rig.open(rig.read_only_store(), "INBOX", Access::ReadWrite);
    assert_eq!(session.uids(), [3, 5, 10]);
    assert_eq!(session.text(3), "n");
    let stored = session.store_flags(&rig, 1, FlagOperation::Add, Flags::SEEN);
    assert!(matches!(stored, Err(StoreError::ReadOnly)));
    assert!(matches!(session.expunge(&rig), Err(StoreError::ReadOnly)));
    // A destination that the store has read already, and one that it has to read first.
    for destination in ["INBOX", "Other"] {
        let copied = session.copy(&rig, numbers(&[3]), destination);
        assert!(
            matches!(copied, Err(StoreError::ReadOnly)),
            "{destination}: {copied:?}"
        );
    }
    assert!(
        session
            .store
            .create(
                &rig.account,
                &crate::types::MailboxName::new(b"X").expect("ok")
            )
            .is_err()
    );
    assert!(session.sync_and_update(&rig).is_empty());
    drop(session);
    assert_eq!(rig.snapshot(), before);
    // The read-only store still sees changes.
    let mut session = rig.open(rig.read_only_store(), "INBOX", Access::ReadOnly);
    rig.remove("cur/30.A.h:2,F");
    rig.deliver("96.n.h", "n");
    let updates = session.sync_and_update(&rig);
    assert_eq!(
        (updates.expunged, session.uids()),
        (vec![1], vec![5, 10, 11])
    );
}

#[test]
fn a_sync_waits_for_a_lock_until_its_deadline() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    let owner = lock::LockOwner {
        pid: 1,
        host: "elsewhere".into(),
        booted: std::time::SystemTime::UNIX_EPOCH,
    };
    let times = (std::time::Instant::now(), std::time::SystemTime::now());
    let waiting = &mut lock::ForeignLockAge::default();
    let held = lock::MailboxLock::try_acquire(rig.root(), &owner, waiting, times).expect("ok");
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    let result = rig.sync(&mut store, &handle);
    assert!(matches!(result, Err(StoreError::InUse)), "{result:?}");
    drop(held.expect("free"));
    rig.sync(&mut store, &handle).expect("synced");
    let mut session = rig.inbox();
    // A session with the mailbox open continues without the changes.
    let held = lock::MailboxLock::try_acquire(rig.root(), &owner, waiting, times).expect("ok");
    rig.deliver("2.b.h", "b");
    assert!(session.sync_and_update(&rig).is_empty());
    drop(held);
    assert_eq!(session.sync_and_update(&rig).exists, Some(2));
}

#[test]
fn two_syncs_share_one_pass_and_the_last_one_releases_its_lock() {
    let rig = Rig::with_small_steps();
    rig.deliver("1.a.h", "a");
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    let (mut one, mut two) = (
        SyncMailbox::new(handle.clone()),
        SyncMailbox::new(handle.clone()),
    );
    for _ in 0..1000 {
        let mut budget = Budget::new(&rig.clock, 1, Duration::from_secs(1));
        let _ = one.step(&mut store, &mut budget);
        let _ = two.step(&mut store, &mut budget);
        if rig.root().join("dovecot-uidlist.lock").exists() {
            break;
        }
    }
    assert!(
        rig.root().join("dovecot-uidlist.lock").exists(),
        "the sync took no lock"
    );
    drop(one);
    assert!(rig.root().join("dovecot-uidlist.lock").exists());
    drop(two);
    assert!(!rig.root().join("dovecot-uidlist.lock").exists());
    rig.sync(&mut store, &handle).expect("synced");
    assert_eq!(store.mailbox(&handle).records.message_count(), 1);
}

#[test]
fn a_file_that_disappears_before_it_has_a_uid_is_not_a_message() {
    for disappears in [false, true] {
        let rig = Rig::with_small_steps();
        rig.put("cur", "1.a.h:2,", "a");
        rig.put("cur", "2.b.h:2,", "b");
        rig.age_directories();
        let mut store = rig.store();
        let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
        let mut sync = SyncMailbox::for_open(handle.clone(), Access::ReadOnly);
        let lock = rig.root().join("dovecot-uidlist.lock");
        let mut to_remove = Some("cur/1.a.h:2,").filter(|_| disappears);
        let left = 2 - usize::from(disappears);
        rig.drive(|budget| {
            let step = sync.step(&mut store, budget);
            if let Some(path) = to_remove.take_if(|_| lock.exists()) {
                rig.remove(path);
            }
            step
        })
        .expect("synced");
        assert_eq!(
            (to_remove, store.mailbox(&handle).records.message_count()),
            (None, left)
        );
        assert_eq!(rig.listed(".").len(), left);
    }
}

#[test]
fn a_message_that_another_process_numbers_after_the_scan_keeps_its_uid() {
    let rig = Rig::with_small_steps();
    rig.put("cur", "1.a.h:2,", "a");
    rig.age_directories();
    let owner = lock::LockOwner {
        pid: 1,
        host: "elsewhere".into(),
        booted: std::time::SystemTime::UNIX_EPOCH,
    };
    let times = (rig.clock.now(), rig.clock.wall());
    let waiting = &mut lock::ForeignLockAge::default();
    let held = lock::MailboxLock::try_acquire(rig.root(), &owner, waiting, times).expect("ok");
    let mut held = Some(held.expect("free"));
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    let mut sync = SyncMailbox::for_open(handle.clone(), Access::ReadWrite);
    let mut listed = Vec::new();
    rig.drive(|budget| {
        let step = sync.step(&mut store, budget);
        // The job has scanned the directories and waits for the lock.
        let is_waiting = matches!(step, Step::Yield(Why::Until(_)));
        if let Some(lock) = held.take_if(|_| is_waiting) {
            drop(lock);
            rig.deliver("2.b.h", "b");
            drop(rig.inbox());
            listed = rig.listed(".");
        }
        step
    })
    .expect("synced");
    assert_eq!(listed.len(), 2, "the other process numbered both");
    for _ in 0..3 {
        rig.touch_directories(rig.root());
        rig.sync(&mut store, &handle).expect("synced");
    }
    assert_eq!(rig.listed("."), listed);
    assert_eq!(store.mailbox(&handle).records.message_count(), 2);
}

#[test]
fn a_watched_mailbox_is_read_only_after_changes_by_other_programs() {
    let rig = Rig::new();
    rig.deliver("1.a.h", "a");
    rig.deliver("2.b.h", "b");
    let mut store = rig.store();
    store.start_watching().expect("an inotify instance");
    let mut session = rig.open(store, "INBOX", Access::ReadWrite);
    session.store.poll_inotify();
    session.sync(&rig);
    session.sync(&rig);
    // The renames and deliveries of the store itself are not reported.
    session
        .store_flags(
            &rig,
            1,
            FlagOperation::Add,
            Flags::SEEN.with(Flags::DELETED),
        )
        .expect("stored");
    rig.append(&mut session, "new", Flags::NONE);
    session.expunge(&rig).expect("expunged");
    assert!(session.store.poll_inotify().is_empty());
    // The sync reads no directory before the kernel has reported a change.
    rig.rename("cur/2.b.h:2,", "cur/2.b.h:2,F");
    session.sync(&rig);
    assert!(!session.flags(2).contains(Flags::FLAGGED));
    assert_eq!(session.store.poll_inotify(), [session.handle.clone()]);
    let updates = session.sync_and_update(&rig);
    assert_eq!(updates.expunged, [1]);
    assert!(session.flags(1).contains(Flags::FLAGGED));
}
