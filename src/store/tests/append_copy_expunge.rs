//! Tests of APPEND, COPY, EXPUNGE and the definition of keywords.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::rig::{Rig, Session, mailbox, numbers};
use crate::budget::{Budget, Clock, Step};
use crate::store::{AppendMessages, DefineKeywords, FlagChange, FlagLock, StoreError};
use crate::types::{DateTime, FlagList, Flags, Keyword, KeywordSet, MailboxName};

fn keyword(name: &str) -> Keyword {
    Keyword::new(name).expect("a keyword")
}

fn create(rig: &Rig, name: &str) {
    let name = MailboxName::new(name.as_bytes()).expect("a name");
    rig.store().create(&rig.account, &name).expect("created");
}

#[test]
fn an_appended_message_has_flags_date_and_sizes() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        let mut store = rig.store();
        let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
        let flags = FlagList {
            system: Flags::SEEN,
            keywords: vec![keyword("Work")],
        };
        let date = Some(DateTime {
            unix: 1_577_872_800,
        });
        let mut append = AppendMessages::begin(&mut store, &handle, flags, date, rig.clock.wall())
            .expect("begun");
        for octet in b"From: a\r\n\r\nb\r\n" {
            append.write(&[*octet]).expect("written");
        }
        let (_, uids) = rig
            .drive(|budget| append.step(&mut store, budget))
            .expect("appended");
        assert_eq!(uids, numbers(&[1]));
        let names = rig.names("cur");
        assert!(names[0].ends_with(",S=11,W=14:2,Sa"), "{names:?}");
        let path = rig.root().join("cur").join(&names[0]);
        assert_eq!(fs::read(&path).expect("read"), b"From: a\n\nb\n");
        assert_eq!(
            fs::metadata(&path).expect("a status").mtime(),
            1_577_872_800
        );
        assert_eq!(rig.read("dovecot-keywords"), "0 Work\n");
        assert!(rig.names("tmp").is_empty());
        let mut session = rig.inbox();
        assert_eq!(session.uids(), [1]);
        assert!(session.sync_and_update(&rig).is_empty());
    }
}

#[test]
fn a_message_without_flags_goes_to_new_unless_a_session_has_the_mailbox_open() {
    let rig = Rig::new();
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    rig.append_to(&mut store, &handle, "a\r\n", FlagList::default())
        .expect("appended");
    assert_eq!((rig.names("new").len(), rig.names("cur").len()), (1, 0));
    let mut session = rig.inbox();
    assert_eq!(session.view.recent(), 1);
    rig.append(&mut session, "b", Flags::NONE);
    assert_eq!((rig.names("new").len(), rig.names("cur").len()), (0, 2));
    let updates = session.sync_and_update(&rig);
    assert_eq!((updates.exists, updates.recent), (Some(2), Some(2)));
}

#[test]
fn the_messages_of_one_append_appear_together() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        let mut session = rig.inbox();
        rig.append(&mut session, "first", Flags::NONE);
        let (flags, wall) = (FlagList::default(), rig.clock.wall());
        let seen = FlagList {
            system: Flags::SEEN,
            keywords: vec![keyword("Work")],
        };
        let begin = |session: &mut Session| {
            let store = &mut session.store;
            let mut append =
                AppendMessages::begin(store, &session.handle, flags.clone(), None, wall)
                    .expect("begun");
            append.write(b"second").expect("written");
            append
                .another(store, seen.clone(), None, wall)
                .expect("begun");
            append.write(b"third\r\n").expect("written");
            assert_eq!(append.count(), 2);
            append
        };
        drop(begin(&mut session));
        rig.clean_up(&mut session.store, || {});
        assert!(rig.names("tmp").is_empty());
        let mut append = begin(&mut session);
        let appended = rig.drive(|budget| append.step(&mut session.store, budget));
        assert_eq!(appended.expect("appended").1, numbers(&[2, 3]));
        assert_eq!(session.sync_and_update(&rig).exists, Some(3));
        assert_eq!(
            (session.text(2), session.text(3)),
            ("second".into(), "third\n".into())
        );
        assert_eq!(session.flags(3).without(Flags::RECENT), Flags::SEEN);
        assert!(rig.names("tmp").is_empty());
    }
}

#[test]
fn an_append_that_fails_leaves_no_file() {
    let rig = Rig::new();
    let mut session = rig.inbox();
    let begin = |session: &mut Session| {
        let (flags, wall) = (FlagList::default(), rig.clock.wall());
        AppendMessages::begin(&mut session.store, &session.handle, flags, None, wall)
            .expect("begun")
    };
    let mut append = begin(&mut session);
    append.write(b"half").expect("written");
    assert_eq!(rig.names("tmp").len(), 1);
    drop(append);
    assert!(rig.names("tmp").is_empty());
    // The uid list can neither be read nor written: the append removes the message again.
    fs::remove_file(rig.root().join("dovecot-uidlist")).expect("removed");
    fs::create_dir(rig.root().join("dovecot-uidlist")).expect("created");
    let mut append = begin(&mut session);
    append.write(b"whole").expect("written");
    rig.drive(|budget| append.step(&mut session.store, budget))
        .expect_err("the uid list is a directory");
    for part in ["tmp", "new", "cur"] {
        assert!(rig.names(part).is_empty(), "{part}");
    }
    assert!(!rig.root().join("dovecot-uidlist.lock").exists());
}

#[test]
fn a_client_that_disconnects_during_an_append_leaves_no_file() {
    let rig = Rig::with_small_steps();
    let mut session = rig.inbox();
    for steps in 0..40 {
        let (flags, wall) = (FlagList::default(), rig.clock.wall());
        let begun = AppendMessages::begin(&mut session.store, &session.handle, flags, None, wall);
        let mut append = begun.expect("begun");
        append.write(b"text").expect("written");
        let mut is_done = false;
        for _ in 0..steps {
            let mut budget = Budget::new(&rig.clock, 1, Duration::from_secs(1));
            if let Step::Done(appended) = append.step(&mut session.store, &mut budget) {
                appended.expect("appended");
                is_done = true;
                break;
            }
        }
        drop(append);
        rig.clean_up(&mut session.store, || {});
        let listed = rig.listed(".").len();
        assert_eq!(
            rig.names("cur").len() + rig.names("tmp").len(),
            listed,
            "after {steps} steps"
        );
        if is_done {
            assert!(steps > 2 && listed > 0);
            return;
        }
    }
    panic!("the append is not done after 40 steps");
}

#[test]
fn all_writers_share_one_sequence_of_uids() {
    let rig = Rig::new();
    let (mut one, mut two) = (rig.inbox(), rig.inbox());
    let mut uids = Vec::new();
    for _ in 0..3 {
        uids.push(rig.append(&mut one, "1", Flags::NONE).get());
        rig.deliver(&format!("{}.x.h", uids.len()), "d");
        two.sync_and_update(&rig);
        uids.push(rig.append(&mut two, "2", Flags::SEEN).get());
    }
    assert_eq!(uids, [1, 3, 4, 6, 7, 9]);
    one.sync_and_update(&rig);
    two.sync_and_update(&rig);
    assert_eq!(
        (one.uids(), two.uids()),
        ((1..=9).collect(), (1..=9).collect())
    );
}

#[test]
fn a_copy_is_a_hard_link_with_the_flags_and_keywords() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        create(&rig, "Work");
        fs::write(rig.root().join("dovecot-keywords"), "0 One\n1 Two\n").expect("written");
        fs::write(rig.root().join(".Work/dovecot-keywords"), "0 Two\n").expect("written");
        rig.put("cur", "1.a.h:2,FPSab", "a");
        rig.put("cur", "2.b.h:2,", "b");
        let mut session = rig.inbox();
        let copied = session
            .copy(&rig, numbers(&[1, 2]), "Work")
            .expect("copied");
        assert_eq!(copied, [(1, 1), (2, 2)]);
        assert_eq!(rig.names(".Work/cur"), ["1.a.h:2,FPSab", "2.b.h:2,"]);
        assert_eq!(rig.read(".Work/dovecot-keywords"), "0 Two\n1 One\n");
        let inode = |path: &str| fs::metadata(rig.root().join(path)).expect("a status").ino();
        assert_eq!(inode("cur/1.a.h:2,FPSab"), inode(".Work/cur/1.a.h:2,FPSab"));
        // The second copy needs a base name of its own.
        let copied = session.copy(&rig, numbers(&[1]), "Work").expect("copied");
        assert_eq!(copied, [(1, 3)]);
        assert_eq!(rig.names(".Work/cur").len(), 3);
        assert!(rig.names(".Work/tmp").is_empty());
    }
}

#[test]
fn a_copy_inside_one_mailbox_gets_a_new_base_name() {
    let rig = Rig::new();
    rig.put("cur", "1.a.h,S=1,W=1:2,S", "a");
    let mut session = rig.inbox();
    assert_eq!(
        session.copy(&rig, numbers(&[1]), "INBOX").expect("copied"),
        [(1, 2)]
    );
    assert_eq!(session.sync_and_update(&rig).exists, Some(2));
    assert!(
        rig.names("cur")
            .iter()
            .all(|name| name.ends_with(",S=1,W=1:2,S"))
    );
    assert_eq!(
        (session.text(2), session.flags(2)),
        ("a".into(), Flags::SEEN.with(Flags::RECENT))
    );
}

#[test]
fn the_base_name_of_an_expunged_message_is_not_reused() {
    let rig = Rig::new();
    create(&rig, "Work");
    let list = "3 V7 N1 Ga8e4143b4782036b5f32000083ecc375\n4 :1.a.h\n";
    fs::write(rig.root().join(".Work/dovecot-uidlist"), list).expect("written");
    rig.put("cur", "1.a.h:2,S", "a");
    let mut session = rig.inbox();
    assert_eq!(
        session.copy(&rig, numbers(&[1]), "Work").expect("copied"),
        [(1, 5)]
    );
    assert_ne!(rig.names(".Work/cur"), ["1.a.h:2,S"]);
}

#[test]
fn a_copy_is_all_or_nothing() {
    let rig = Rig::new();
    create(&rig, "Work");
    rig.put("cur", "1.a.h:2,", "a");
    rig.put("cur", "2.b.h:2,", "b");
    let mut session = rig.inbox();
    // Another program renames one: the copy finds it again.
    rig.rename("cur/2.b.h:2,", "cur/2.b.h:2,S");
    assert_eq!(
        session
            .copy(&rig, numbers(&[1, 2]), "Work")
            .expect("copied")
            .len(),
        2
    );
    rig.remove("cur/2.b.h:2,S");
    let copied = session.copy(&rig, numbers(&[1, 2]), "Work");
    assert!(matches!(copied, Err(StoreError::Gone)), "{copied:?}");
    assert_eq!(rig.names(".Work/cur").len(), 2);
    assert!(rig.names(".Work/tmp").is_empty());
}

#[test]
fn expunge_removes_only_messages_that_are_marked_on_disk() {
    for rig in [Rig::new(), Rig::with_small_steps()] {
        for name in ["1.a.h:2,T", "2.b.h:2,", "3.c.h:2,T", "4.d.h:2,T"] {
            rig.put("cur", name, name);
        }
        let mut session = rig.inbox();
        // Another program removes a mark, and the store has not read the directory yet.
        rig.rename("cur/3.c.h:2,T", "cur/3.c.h:2,");
        assert_eq!(session.expunge(&rig).expect("expunged"), 2);
        assert_eq!(session.view.exists(), 4);
        assert_eq!(session.sync_and_update(&rig).expunged, [1, 3]);
        assert_eq!(session.uids(), [2, 3]);
        assert_eq!(rig.names("cur"), ["2.b.h:2,", "3.c.h:2,"]);
        assert_eq!(
            rig.listed(".").len(),
            4,
            "the lines of expunged messages stay"
        );
    }
}

#[test]
fn a_uid_list_with_many_lines_of_expunged_messages_is_rewritten() {
    let rig = Rig::with_small_steps();
    for number in 100..300 {
        let flags = if number % 2 == 0 { "T" } else { "" };
        rig.put("cur", &format!("{number}.x.h:2,{flags}"), "x");
    }
    let mut session = rig.inbox();
    assert_eq!(session.expunge(&rig).expect("expunged"), 100);
    assert_eq!(rig.listed(".").len(), 100);
    assert!(
        rig.read("dovecot-uidlist").contains(" N201 "),
        "N is the next UID after a rewrite"
    );
    session.sync_and_update(&rig);
    assert_eq!(
        session.uids(),
        (1..=200).filter(|uid| uid % 2 == 0).collect::<Vec<_>>()
    );
}

#[test]
fn keywords_are_defined_once_and_at_most_26() {
    let rig = Rig::new();
    let mut session = rig.inbox();
    let mut define = |names: &[&str]| {
        let names = names.iter().map(|name| keyword(name)).collect();
        let mut define = DefineKeywords::new(session.handle.clone(), names);
        rig.drive(|budget| define.step(&mut session.store, budget))
    };
    assert_eq!(define(&["A", "B"]).expect("defined"), KeywordSet(0b11));
    assert_eq!(define(&["b", "C"]).expect("defined"), KeywordSet(0b110));
    let many: Vec<String> = (0..24).map(|n| format!("k{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(matches!(define(&many), Err(StoreError::Limit(_))));
    assert_eq!(
        rig.read("dovecot-keywords"),
        "0 A\n1 B\n2 C\n",
        "all keywords of a command or none"
    );
    assert!(session.store.updates(&session.view, true).keywords_changed);
}

#[test]
fn the_flags_of_many_messages_change_under_one_lock() {
    let rig = Rig::new();
    for name in ["1.a.h", "2.b.h", "3.c.h"] {
        rig.deliver(name, "x");
    }
    let mut session = rig.inbox();
    let path = rig.root().join("dovecot-uidlist.lock");
    let held = || fs::metadata(&path).ok().map(|status| status.ino());
    let mut lock = FlagLock::default();
    let mut locks = Vec::new();
    for number in 1..=3 {
        let message = session.message(number);
        let budget = &mut Budget::unlimited(&rig.clock);
        let changed = session.store.change_flags(
            &session.view,
            &message,
            &FlagChange::SEEN,
            &mut lock,
            budget,
        );
        assert!(changed.expect("changed"));
        locks.push(held());
    }
    assert!(locks[0].is_some() && locks.iter().all(|lock| *lock == locks[0]));
    lock.release();
    assert_eq!(held(), None);
}
