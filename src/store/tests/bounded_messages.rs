//! Tests that APPEND, COPY, MOVE and EXPUNGE touch few messages in a step, however many there are,
//! and that a client that disconnects after any of the steps leaves nothing half done.

use std::time::Duration;

use super::rig::{Rig, Session, mailbox};
use crate::budget::{Budget, COST_SYSCALL, Clock, Step};
use crate::store::{
    Access, AppendMessages, CopyMessages, ExpungeMessages, MailboxHandle, MoveMessages, Store,
};
use crate::types::{FlagList, MailboxName, NumberSet};

/// Budget of a step in units, and the most files that it pays for.
const UNITS: u32 = 20;
const FILES: usize = (UNITS / COST_SYSCALL) as usize + 1;

/// Opens INBOX with that many messages, all deleted, and creates Work with a message and a stale
/// line in its uid list for each of the first two messages.
fn begin(count: usize) -> (Rig, Session, MailboxHandle) {
    let rig = Rig::new();
    let store = rig.store();
    let work = MailboxName::new(b"Work").expect("a name");
    store.create(&rig.account, &work).expect("created");
    for number in 0..count {
        let name = format!("{}.a.h:2,ST", 1000 + number);
        std::fs::write(rig.root().join("cur").join(&name), "text").expect("written");
        if number < 2 {
            std::fs::write(rig.root().join(".Work/cur").join(name), "text").expect("written");
        }
    }
    let mut work = rig.open(store, "Work", Access::ReadWrite);
    assert_eq!(work.expunge(&rig).expect("expunged"), 2);
    let work = work.store;
    let mut inbox = rig.open(work, "INBOX", Access::ReadWrite);
    let handle = inbox.store.open(&rig.account, &mailbox("Work"));
    let handle = handle.expect("opened");
    rig.sync(&mut inbox.store, &handle).expect("synced");
    (rig, inbox, handle)
}

fn all(session: &Session) -> NumberSet {
    NumberSet::range(1, session.view.last_uid())
}

/// Returns how many files are in the directories of Work that sessions look at, and in its `tmp/`.
fn in_work(rig: &Rig) -> (usize, usize) {
    let count = |part: &str| rig.names(&format!(".Work/{part}")).len();
    (count("cur") + count("new"), count("tmp"))
}

fn is_locked(rig: &Rig, dir: &str) -> bool {
    rig.root().join(dir).join("dovecot-uidlist.lock").exists()
}

/// Steps a job at most `steps` times. Returns its result if it is done.
fn step_some<T>(
    rig: &Rig,
    units: u32,
    steps: usize,
    mut step: impl FnMut(&mut Budget<'_>) -> Step<T>,
) -> Option<T> {
    (0..steps).find_map(|_| {
        match step(&mut Budget::new(&rig.clock, units, Duration::from_secs(1))) {
            Step::Done(result) => Some(result),
            Step::Yield(_) => None,
        }
    })
}

/// Asserts that Work holds as many messages as files, that nothing is locked, and that no file is
/// left in `tmp/`. Returns how many messages it holds.
fn settled(rig: &Rig, store: &mut Store, work: &MailboxHandle, context: usize) -> usize {
    for dir in [".", ".Work"] {
        assert!(!is_locked(rig, dir), "{context}: {dir} is locked");
    }
    let (files, temporary) = in_work(rig);
    assert_eq!(temporary, 0, "{context}");
    rig.sync(store, work).expect("synced");
    let other = rig.open(rig.store(), "Work", Access::ReadOnly);
    let records = &store.mailbox(work).records;
    assert_eq!(records.message_count(), files, "{context}");
    assert_eq!(other.view.exists() as usize, files, "{context}");
    assert!(records.tail().is_empty());
    files
}

#[test]
fn a_step_of_copy_touches_few_messages() {
    let (rig, mut inbox, work) = begin(200);
    let mut copy = CopyMessages::new(&inbox.view, all(&inbox), work.clone());
    let (mut before, mut known, mut steps) = ((0, 0), 0, 0);
    let copied = loop {
        let done = step_some(&rig, UNITS, 1, |budget| copy.step(&mut inbox.store, budget));
        let now = in_work(&rig);
        assert!(now.0 - before.0 <= FILES && now.1.abs_diff(before.1) <= FILES);
        // A message in memory costs half a unit.
        let announced = inbox.store.mailbox(&work).records.message_count();
        assert!(announced - known <= 2 * UNITS as usize + 1, "{announced}");
        (before, known, steps) = (now, announced, steps + 1);
        if let Some(result) = done {
            break result.expect("copied");
        }
    };
    assert_eq!((copied.len(), before, known), (200, (200, 0), 200));
    // Each message is linked for 8 units, looked up in three stages for a quarter, renamed for 2,
    // numbered and announced for a half.
    let least = 200 * (8 + 2 + 1) / (UNITS as usize + 8);
    assert!(steps >= least, "{steps} steps");
    // The names of the stale lines were not used again.
    let names = rig.names(".Work/cur");
    assert!(!names.contains(&"1000.a.h:2,ST".into()) && !names.contains(&"1001.a.h:2,ST".into()));
    assert!(names.contains(&"1002.a.h:2,ST".into()));
}

#[test]
fn a_client_that_disconnects_during_copy_leaves_all_copies_or_none() {
    for steps in 0.. {
        let (mut rig, mut inbox, work) = begin(4);
        rig.units = Some(1);
        let mut copy = CopyMessages::new(&inbox.view, all(&inbox), work.clone());
        let done = step_some(&rig, 1, steps, |budget| copy.step(&mut inbox.store, budget));
        drop(copy);
        // The lock is kept as long as a file has no UID that a sync would give one.
        let listed = rig.listed(".Work").len();
        rig.clean_up(&mut inbox.store, || {
            let (files, _) = in_work(&rig);
            assert!(listed > 2 || files == 0 || is_locked(&rig, ".Work"));
        });
        let copies = settled(&rig, &mut inbox.store, &work, steps);
        assert!(copies == 0 || copies == 4, "{copies} after {steps} steps");
        if let Some(result) = done {
            assert_eq!((result.expect("copied").len(), copies), (4, 4));
            break;
        }
        assert!(steps < 1000);
    }
}

#[test]
fn the_files_of_a_disconnected_client_are_removed_in_steps() {
    let (mut rig, mut inbox, work) = begin(100);
    rig.units = Some(UNITS);
    for is_half_moved in [false, true] {
        let mut copy = CopyMessages::new(&inbox.view, all(&inbox), work.clone());
        let goes_on = |files: (usize, usize)| match is_half_moved {
            true => files.0 < 50,
            false => files.1 < 50,
        };
        while goes_on(in_work(&rig)) {
            let done = step_some(&rig, UNITS, 1, |budget| copy.step(&mut inbox.store, budget));
            assert!(done.is_none());
        }
        let mut before = in_work(&rig);
        assert_eq!(is_locked(&rig, ".Work"), is_half_moved);
        drop(copy);
        assert_eq!(in_work(&rig), before, "nothing is removed at once");
        rig.clean_up(&mut inbox.store, || {
            let now = in_work(&rig);
            assert!(before.0 + before.1 - now.0 - now.1 <= FILES);
            assert_eq!(is_locked(&rig, ".Work"), now.0 > 0);
            before = now;
        });
        assert_eq!(settled(&rig, &mut inbox.store, &work, 0), 0);
    }
}

#[test]
fn the_messages_of_a_disconnected_append_are_removed_in_steps() {
    let (mut rig, mut inbox, work) = begin(2);
    rig.units = Some(UNITS);
    let wall = rig.clock.wall();
    let flags = FlagList::default;
    let begun = AppendMessages::begin(&mut inbox.store, &work, flags(), None, wall);
    let mut append = begun.expect("begun");
    for _ in 1..100 {
        let more = append.another(&mut inbox.store, flags(), None, wall);
        more.expect("begun");
    }
    assert_eq!(in_work(&rig).1, 100);
    drop(append);
    let mut before = in_work(&rig).1;
    rig.clean_up(&mut inbox.store, || {
        let now = in_work(&rig).1;
        assert!(before - now <= FILES + 1);
        before = now;
    });
    assert_eq!(before, 0);
}

#[test]
fn a_step_of_move_touches_few_messages() {
    let (rig, mut inbox, work) = begin(200);
    let mut moving = MoveMessages::new(&inbox.view, all(&inbox), work);
    let mut before = 200;
    let moved = loop {
        let store = &mut inbox.store;
        let done = step_some(&rig, UNITS, 1, |budget| moving.step(store, budget));
        let left = rig.names("cur").len();
        assert!(before - left <= FILES, "{left} after {before}");
        assert!(left == 200 || in_work(&rig).0 == 200);
        before = left;
        if let Some(moved) = done {
            break moved;
        }
    };
    assert!(moved.result.is_ok());
    assert_eq!((moved.uids.len(), before), (200, 0));
}

#[test]
fn a_client_that_disconnects_during_move_leaves_each_message_in_one_mailbox() {
    for steps in 0.. {
        let (mut rig, mut inbox, work) = begin(4);
        rig.units = Some(1);
        let mut moving = MoveMessages::new(&inbox.view, all(&inbox), work.clone());
        let store = &mut inbox.store;
        let is_done = step_some(&rig, 1, steps, |budget| moving.step(store, budget)).is_some();
        drop(moving);
        rig.clean_up(store, || {});
        let moved = settled(&rig, store, &work, steps);
        let left = rig.names("cur").len();
        assert!(
            (left, moved) == (4, 0) || (left, moved) == (0, 4),
            "{steps}: {left} {moved}"
        );
        if is_done {
            assert_eq!(moved, 4);
            break;
        }
        assert!(steps < 1000);
    }
}

#[test]
fn copies_of_messages_that_cannot_be_moved_are_removed_in_steps() {
    let (mut rig, mut inbox, work) = begin(100);
    rig.units = Some(UNITS);
    let mut moving = MoveMessages::new(&inbox.view, all(&inbox), work);
    // Another program keeps INBOX locked from when the copies are there.
    let lock = rig.root().join("dovecot-uidlist.lock");
    let mut before = 0;
    let moved = rig.drive(|budget| {
        let step = moving.step(&mut inbox.store, budget);
        let now = in_work(&rig).0;
        assert!(now.abs_diff(before) <= FILES);
        if now == 100 && !lock.exists() {
            std::fs::write(&lock, "1:elsewhere").expect("written");
        }
        before = now;
        step
    });
    assert!(moved.result.is_err() && moved.uids.is_empty(), "{moved:?}");
    assert_eq!((rig.names("cur").len(), in_work(&rig)), (100, (0, 0)));
}

#[test]
fn a_step_of_expunge_removes_few_messages_and_leaves_no_lock() {
    let (rig, mut inbox, _) = begin(200);
    let mut expunge = ExpungeMessages::new(inbox.handle.clone(), None);
    let mut before = 200;
    while before > 100 {
        let store = &mut inbox.store;
        assert!(step_some(&rig, UNITS, 1, |budget| expunge.step(store, budget)).is_none());
        let left = rig.names("cur").len();
        assert!(before - left <= FILES, "{left} after {before}");
        before = left;
    }
    assert!(is_locked(&rig, "."));
    drop(expunge);
    assert!(!is_locked(&rig, "."));
    assert_eq!(inbox.store.abandoned_work(), 0);
    let gone = inbox.sync_and_update(&rig).expunged.len();
    assert_eq!(gone + before, 200);
}

#[test]
fn expunge_pays_for_messages_that_it_leaves() {
    let (rig, mut inbox, _) = begin(2000);
    let none = NumberSet::range(5000, 6000);
    for (uids, least) in [(None, 2000 / 64), (Some(none), 0)] {
        let mut expunge = ExpungeMessages::new(inbox.handle.clone(), uids);
        for name in rig.names("cur") {
            rig.rename_quietly(
                &format!("cur/{name}"),
                &format!("cur/{}", name.replace('T', "")),
            );
        }
        rig.touch_directories(rig.root());
        inbox.sync_and_update(&rig);
        let mut steps = 0;
        let store = &mut inbox.store;
        while step_some(&rig, 1, 1, |budget| expunge.step(store, budget)).is_none() {
            steps += 1;
        }
        assert!(steps >= least, "{steps}");
        assert!(!is_locked(&rig, "."));
    }
    assert_eq!(inbox.view.exists(), 2000);
}

#[test]
fn a_copy_that_fails_removes_its_files_in_steps() {
    for is_half_moved in [false, true] {
        let (mut rig, mut inbox, work) = begin(100);
        rig.units = Some(UNITS);
        let mut copy = CopyMessages::new(&inbox.view, all(&inbox), work.clone());
        let (mut before, mut has_failed) = ((0, 0), false);
        let result = rig.drive(|budget| {
            let step = copy.step(&mut inbox.store, budget);
            let now = in_work(&rig);
            assert!(now.0.abs_diff(before.0) <= FILES && now.1.abs_diff(before.1) <= FILES);
            let lacks = match is_half_moved {
                true => now.0 > 50,
                false => now.1 > 50 && now.0 == 0,
            };
            if lacks && !has_failed {
                // The next message of all cannot be copied, or its copy not be delivered.
                let from = if is_half_moved { ".Work/tmp" } else { "cur" };
                let names = rig.names(from);
                for name in &names[60.min(names.len() / 2)..] {
                    let path = rig.root().join(from).join(name);
                    std::fs::remove_file(path).expect("removed");
                }
                rig.touch_directories(rig.root());
                has_failed = true;
                before = in_work(&rig);
            } else {
                before = now;
            }
            step
        });
        result.expect_err("a file is missing");
        assert!(has_failed);
        assert_eq!(
            in_work(&rig),
            (0, 0),
            "no file is left when the client is answered"
        );
        drop(copy);
        assert_eq!(inbox.store.abandoned_work(), 0);
        assert_eq!(settled(&rig, &mut inbox.store, &work, 0), 0);
    }
}
