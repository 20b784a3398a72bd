//! Tests of mod-sequences, in one store and from one store to the next.

use std::fs;
use std::time::Duration;

use super::rig::{Rig, Session, mailbox, numbers};
use crate::budget::{Budget, Step};
use crate::store::{Access, FlagChange, FlagLock, MessageRef};
use crate::types::{FlagList, FlagOperation, Flags, NumberSet, Uid};

const FILE: &str = "imap2d-modseq";
/// Time between two stores, since no clock stands still between two processes.
const INSTANT: Duration = Duration::from_millis(1);

/// Returns a mailbox with messages 1 to 4, of which the second has \Seen.
fn rig() -> Rig {
    let rig = Rig::new();
    for (name, text) in [
        ("1.a.h:2,", "a"),
        ("2.b.h:2,S", "b"),
        ("3.c.h:2,", "c"),
        ("4.d.h:2,", "d"),
    ] {
        rig.put("cur", name, text);
    }
    rig
}

impl Session {
    fn mod_sequence(&self, number: u32) -> u64 {
        self.store.mod_sequence(&self.view, &self.message(number))
    }

    fn mod_sequences(&self) -> Vec<u64> {
        (1..=self.view.exists())
            .map(|number| self.mod_sequence(number))
            .collect()
    }

    fn highest(&self) -> u64 {
        self.store.announced_mod_sequence(&self.view)
    }

    fn vanished(&self, since: u64) -> NumberSet {
        self.store
            .vanished(&self.view, since, &NumberSet::range(1, Uid::MAX))
    }

    fn flag(&mut self, rig: &Rig, number: u32) -> u64 {
        self.store_flags(rig, number, FlagOperation::Add, Flags::FLAGGED)
            .expect("stored");
        self.mod_sequence(number)
    }

    fn unflag(&mut self, rig: &Rig, number: u32) -> u64 {
        self.store_flags(rig, number, FlagOperation::Remove, Flags::FLAGGED)
            .expect("stored");
        self.mod_sequence(number)
    }
}

#[test]
fn every_change_has_a_greater_mod_sequence() {
    let rig = rig();
    let mut session = rig.inbox();
    let first = session.highest();
    let micros = rig.clock_micros();
    assert!(
        first.abs_diff(micros) < 1_000_000,
        "the first mod-sequence is the time"
    );
    assert!(
        session
            .mod_sequences()
            .iter()
            .all(|&mod_sequence| mod_sequence <= first)
    );
    let flagged = session.flag(&rig, 3);
    assert!(flagged > first && session.highest() == flagged);
    assert_eq!(session.flag(&rig, 3), flagged, "the flag was set already");
    rig.rename("cur/1.a.h:2,", "cur/1.a.h:2,R");
    session.sync_and_update(&rig);
    let foreign = session.mod_sequence(1);
    assert!(foreign > flagged && session.highest() == foreign);
    rig.deliver("5.e.h", "e");
    session.sync_and_update(&rig);
    assert!(session.mod_sequence(5) > foreign && session.highest() == session.mod_sequence(5));
    rig.remove("cur/4.d.h:2,");
    let before = session.highest();
    session.sync_and_update(&rig);
    assert!(session.highest() > before);
    assert_eq!(session.vanished(before), numbers(&[4]));
    assert_eq!(session.vanished(session.highest()), numbers(&[]));
}

#[test]
fn mod_sequences_are_kept_when_the_mailbox_is_closed() {
    let rig = rig();
    let mut session = rig.inbox();
    session.flag(&rig, 3);
    let (mod_sequences, highest) = (session.mod_sequences(), session.highest());
    rig.close(session);
    assert!(rig.root().join(FILE).exists());
    let session = rig.inbox();
    assert_eq!(
        (session.mod_sequences(), session.highest()),
        (mod_sequences, highest)
    );
}

#[test]
fn changes_while_the_mailbox_was_closed_have_new_mod_sequences() {
    let rig = rig();
    let session = rig.inbox();
    let (mod_sequences, highest) = (session.mod_sequences(), session.highest());
    rig.close(session);
    rig.rename("cur/2.b.h:2,S", "cur/2.b.h:2,");
    rig.remove("cur/4.d.h:2,");
    rig.deliver("5.e.h", "e");
    let session = rig.inbox();
    let now = session.mod_sequences();
    assert_eq!([now[0], now[2]], [mod_sequences[0], mod_sequences[2]]);
    assert!(now[1] > highest && now[3] > highest);
    assert_eq!(session.uids(), [1, 2, 3, 5]);
    assert_eq!(session.vanished(highest), numbers(&[4]));
}

#[test]
fn after_a_lost_or_damaged_file_all_mod_sequences_are_new() {
    type Damage = fn(&Rig);
    let ways: [Damage; 3] = [
        |rig| rig.remove(FILE),
        |rig| fs::write(rig.root().join(FILE), "imap2d-modseq 1\nrubbish").expect("written"),
        |rig| {
            // A user restores the file from a backup.
            let copy = rig.root().join("copy");
            fs::copy(rig.root().join(FILE), &copy).expect("copied");
            fs::rename(copy, rig.root().join(FILE)).expect("renamed");
        },
    ];
    for damage in ways {
        let rig = rig();
        let session = rig.inbox();
        let highest = session.highest();
        rig.close(session);
        damage(&rig);
        rig.clock.advance(INSTANT);
        rig.remove("cur/4.d.h:2,");
        let session = rig.inbox();
        assert!(
            session
                .mod_sequences()
                .iter()
                .all(|&mod_sequence| mod_sequence > highest)
        );
        assert_eq!(
            session.vanished(highest),
            numbers(&[4]),
            "all UIDs without a message"
        );
        assert_eq!(session.vanished(session.highest()), numbers(&[]));
    }
}

#[test]
fn after_a_crash_changed_messages_have_new_mod_sequences() {
    let rig = rig();
    rig.inbox().highest();
    let mut session = rig.inbox();
    session.flag(&rig, 3);
    // Changed back, so that the flags alone do not show it.
    let announced = session.unflag(&rig, 3);
    assert!(
        !rig.root().join(FILE).exists(),
        "the file would describe older flags"
    );
    std::mem::forget(session);
    rig.clock.advance(INSTANT);
    let session = rig.inbox();
    assert!(session.mod_sequence(3) > announced);
}

#[test]
fn a_message_that_came_and_went_around_a_crash_has_vanished() {
    let rig = rig();
    rig.inbox().highest();
    let mut session = rig.inbox();
    let uid = rig.append(&mut session, "new\n", Flags::NONE);
    assert_eq!(uid.get(), 5);
    session.sync_and_update(&rig);
    let announced = session.highest();
    std::mem::forget(session);
    rig.clock.advance(INSTANT);
    let names = [rig.names("cur"), rig.names("new")].concat();
    let name = names.iter().find(|name| name.contains("host"));
    let name = name.expect("the new message has a file");
    let subdir = ["cur", "new"].map(|subdir| format!("{subdir}/{name}"));
    let subdir = subdir.iter().find(|path| rig.root().join(path).exists());
    rig.remove(subdir.expect("the file is in cur or new"));
    let session = rig.inbox();
    assert_eq!(session.vanished(announced), numbers(&[5]));
}

#[test]
fn the_history_of_expunges_is_kept() {
    let rig = rig();
    let mut session = rig.inbox();
    let start = session.highest();
    for number in [4, 1] {
        session
            .store_flags(&rig, number, FlagOperation::Add, Flags::DELETED)
            .expect("stored");
        session.expunge(&rig).expect("expunged");
        session.sync_and_update(&rig);
    }
    let end = session.highest();
    assert_eq!(session.vanished(start), numbers(&[1, 4]));
    rig.close(session);
    let session = rig.inbox();
    assert_eq!(session.vanished(start), numbers(&[1, 4]));
    assert_eq!(session.vanished(end), numbers(&[]));
    assert_eq!(session.highest(), end);
}

#[test]
fn held_back_expunges_limit_the_announced_mod_sequence() {
    let rig = rig();
    let mut session = rig.inbox();
    rig.remove("cur/1.a.h:2,");
    session.sync(&rig);
    session.store.updates(&session.view, false);
    let before = session.highest();
    assert!(session.store.has_pending_expunges(&session.view));
    let flagged = session.flag(&rig, 3);
    assert!(flagged > session.highest() && session.highest() == before);
    assert_eq!(
        session.vanished(1),
        numbers(&[]),
        "the message still has a sequence number"
    );
    let updates = session.store.updates(&session.view, true);
    assert_eq!(
        (updates.expunged, updates.vanished),
        (vec![1], numbers(&[1]))
    );
    assert_eq!(session.highest(), flagged);
}

#[test]
fn unannounced_flag_changes_limit_the_announced_mod_sequence() {
    let rig = rig();
    let mut session = rig.inbox();
    let before = session.highest();
    let other = session.store.view(&session.handle, Access::ReadWrite);
    let message = session.message(3);
    let seen = |budget: &mut Budget<'_>| {
        let change = &FlagChange::SEEN;
        let lock = &mut FlagLock::default();
        let changed = session
            .store
            .change_flags(&other, &message, change, lock, budget);
        Step::Done(changed)
    };
    assert!(rig.drive(seen).expect("changed"));
    assert!(session.mod_sequence(3) > before);
    assert_eq!(
        session.store.announced_mod_sequence(&other),
        session.mod_sequence(3)
    );
    assert!(
        session.highest() < session.mod_sequence(3),
        "the change was not announced"
    );
    let updates = session.store.updates(&session.view, false);
    assert_eq!(updates.flags_changed, numbers(&[3]));
    assert_eq!(session.highest(), session.mod_sequence(3));
}

#[test]
fn mod_sequences_of_two_processes_never_decrease() {
    let rig = rig();
    let (mut one, mut two) = (rig.inbox(), rig.inbox());
    let flagged = one.flag(&rig, 1);
    rig.touch_directories(rig.root());
    two.sync_and_update(&rig);
    assert!(two.mod_sequence(1) > 0 && two.highest() >= two.mod_sequence(1));
    rig.close(two);
    let unflagged = one.unflag(&rig, 1);
    assert!(unflagged > flagged);
    assert!(
        !rig.root().join(FILE).exists(),
        "the file of the other process is outdated"
    );
    rig.close(one);
    assert_eq!(rig.inbox().mod_sequence(1), unflagged);
}

#[test]
fn no_file_is_written_if_no_session_asks_for_mod_sequences() {
    let rig = rig();
    let mut session = rig.inbox();
    session
        .store_flags(&rig, 1, FlagOperation::Add, Flags::FLAGGED)
        .expect("stored");
    rig.close(session);
    assert!(!rig.root().join(FILE).exists());
}

#[test]
fn a_message_appended_before_the_first_sync_has_a_greater_mod_sequence() {
    let rig = Rig::new();
    let session = rig.inbox();
    let highest = session.highest();
    rig.close(session);
    rig.clock.advance(INSTANT);
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    rig.append_to(&mut store, &handle, "new\n", FlagList::default())
        .expect("appended");
    let session = rig.open(store, "INBOX", Access::ReadWrite);
    assert!(session.mod_sequence(1) > highest);
}

#[test]
fn a_read_only_store_writes_no_file() {
    let rig = rig();
    let writer = rig.inbox();
    writer.highest();
    rig.close(writer);
    let before = rig.snapshot();
    let session = rig.open(rig.read_only_store(), "INBOX", Access::ReadOnly);
    assert_eq!(session.view.exists(), 4);
    rig.close(session);
    assert_eq!(rig.snapshot(), before);
}

#[test]
fn a_missing_message_has_mod_sequence_1() {
    let session = rig().inbox();
    let missing = MessageRef {
        number: 1,
        uid: Uid::new(99).expect("a UID"),
    };
    assert_eq!(session.store.mod_sequence(&session.view, &missing), 1);
}
