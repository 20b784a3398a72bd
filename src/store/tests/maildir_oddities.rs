//! Tests with the odd entries, names and foreign files of real Maildirs.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::rig::Rig;
use crate::store::StoreError;
use crate::types::{FlagOperation, Flags};

#[test]
fn odd_entries_are_ignored_or_served() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        fs::create_dir(rig.root().join("cur/directory")).expect("created");
        for odd in [".hidden", ":2,S", "line\nfeed", "carriage\rreturn"] {
            rig.put("cur", odd, "odd");
        }
        rig.put("cur", "no-info", "n");
        rig.put("cur", "1.empty.h:2,", "");
        rig.put("cur", "2.x.h:1,exp", "x");
        rig.put("new", "3.seen.h:2,S", "s");
        symlink("nowhere", rig.root().join("cur/4.link.h:2,")).expect("linked");
        rig.touch_directories(rig.root());
        let mut session = rig.inbox();
        assert_eq!(session.view.exists(), 5);
        let mut gone = 0;
        for number in 1..=5 {
            let message = session.message(number);
            match session.store.open_message(&session.view, &message) {
                Ok(_) => {}
                Err(StoreError::Gone) => gone += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(gone, 1, "the dangling link has no file");
        assert!(rig.names("cur").contains(&"3.seen.h:2,S".to_string()));
        assert!(session.sync_and_update(&rig).is_empty());
    }
}

#[test]
fn two_files_with_one_base_name_are_two_messages() {
    let rig = Rig::new();
    rig.put("cur", "1.a.h:2,", "one");
    rig.put("cur", "1.a.h:2,S", "two");
    let mut session = rig.inbox();
    session.sync_and_update(&rig);
    assert_eq!(session.view.exists(), 2);
    let mut texts = [session.text(1), session.text(2)];
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(rig.names("cur").len(), 2);
    assert!(session.sync_and_update(&rig).is_empty());
}

#[test]
fn a_flag_change_never_overwrites_another_file() {
    let rig = Rig::new();
    rig.put("cur", "1.a.h:2,", "one");
    let mut session = rig.inbox();
    rig.put("cur", "1.a.h:2,S", "two");
    let stored = session.store_flags(&rig, 1, FlagOperation::Add, Flags::SEEN);
    assert!(matches!(stored, Err(StoreError::Gone)), "{stored:?}");
    session.sync_and_update(&rig);
    assert_eq!(session.view.exists(), 2);
    let mut texts = [session.text(1), session.text(2)];
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn two_links_to_one_file_are_one_message() {
    let rig = Rig::new();
    rig.put("new", "1.a.h", "one");
    fs::hard_link(
        rig.root().join("new/1.a.h"),
        rig.root().join("cur/1.a.h:2,S"),
    )
    .expect("linked");
    rig.touch_directories(rig.root());
    let mut session = rig.inbox();
    assert_eq!(session.view.exists(), 1);
    rig.clock.advance(std::time::Duration::from_secs(60));
    rig.touch_directories(rig.root());
    session.sync_and_update(&rig);
    assert_eq!(session.view.exists(), 1);
    assert_eq!(session.text(1), "one");
    let left = rig.names("cur").len() + rig.names("new").len();
    assert_eq!(left, 1);
}

#[test]
fn flags_that_another_program_changed_are_found_and_kept() {
    let rig = Rig::new();
    rig.put("cur", "1.a.h:2,P", "a");
    let mut session = rig.inbox();
    session
        .store_flags(&rig, 1, FlagOperation::Add, Flags::SEEN)
        .expect("stored");
    assert_eq!(rig.names("cur"), ["1.a.h:2,PS"]);
    rig.rename("cur/1.a.h:2,PS", "cur/1.a.h:2,FPS");
    let stored = session.store_flags(&rig, 1, FlagOperation::Add, Flags::DRAFT);
    assert!(matches!(stored, Err(StoreError::Gone)));
    let updates = session.sync_and_update(&rig);
    assert_eq!(updates.flags_changed.iter().collect::<Vec<_>>(), [1]);
    assert!(
        session
            .store_flags(&rig, 1, FlagOperation::Add, Flags::DRAFT)
            .expect("stored")
    );
    assert_eq!(rig.names("cur"), ["1.a.h:2,DFPS"]);
    assert!(
        !session
            .store_flags(&rig, 1, FlagOperation::Add, Flags::DRAFT)
            .expect("no change")
    );
    assert!(
        session.store.updates(&session.view, true).is_empty(),
        "a session gets no update of its own change"
    );
}

#[test]
fn the_uids_of_courier_are_adopted() {
    let rig = Rig::with_small_steps();
    rig.put("cur", "1.a.h:2,S", "a");
    rig.put("cur", "2.b.h:2,", "b");
    fs::write(
        rig.root().join("courierimapuiddb"),
        "1 795392309 9\n4 1.a.h\n8 2.b.h\n",
    )
    .expect("written");
    let session = rig.inbox();
    assert_eq!(session.uids(), [4, 8]);
    assert_eq!(
        session.store.mailbox(&session.handle).uid_validity().get(),
        795_392_309
    );
    assert_eq!(
        rig.listed("."),
        [(4, "1.a.h".to_string()), (8, "2.b.h".to_string())]
    );
    assert!(rig.read("dovecot-uidlist").starts_with("3 V795392309 N9 G"));
}

#[test]
fn dates_and_sizes_come_from_the_file() {
    let rig = Rig::new();
    rig.put("cur", "1.a.h,S=5,W=6:2,", "12345");
    let path = rig.root().join("cur/1.a.h,S=5,W=6:2,");
    let mut session = rig.inbox();
    let message = session.message(1);
    let stat = session
        .store
        .stat_message(&session.view, &message)
        .expect("a status");
    let status = fs::metadata(path).expect("a status");
    assert_eq!((stat.length, stat.size_hint), (5, Some(6)));
    assert_eq!(stat.date.unix, status.mtime());
    assert_eq!(session.store.known_size(&session.view, &message), None);
    session.store.remember_size(&session.view, &message, 7);
    assert_eq!(session.store.known_size(&session.view, &message), Some(7));
}
