//! Tests that RENAME and DELETE touch few entries in a step, however many there are, and that a
//! client that disconnects after any of the steps leaves nothing half done.

use std::fs;
use std::time::Duration;

use super::rig::{Rig, mailbox};
use crate::budget::{Budget, COST_SYSCALL, Step};
use crate::store::{Access, DeleteMailbox, RenameMailbox, Store, StoreError};
use crate::types::MailboxName;

/// Budget of a step in units, and the most entries that it pays for.
const UNITS: u32 = 20;
const ENTRIES: usize = (UNITS / COST_SYSCALL) as usize + 1;

fn name(text: &str) -> MailboxName {
    MailboxName::new(text.as_bytes()).expect("a name")
}

/// Creates a mailbox `a` with that many mailboxes below it, and another mailbox.
fn with_tree(count: usize) -> (Rig, Store) {
    let rig = Rig::new();
    let store = rig.store();
    for text in ["a", "other"] {
        store.create(&rig.account, &name(text)).expect("created");
    }
    for number in 1..count {
        fs::create_dir(rig.root().join(format!(".a.{number}"))).expect("created");
    }
    (rig, store)
}

/// Returns how many mailboxes have a name that begins like that.
fn count(rig: &Rig, prefix: &str) -> usize {
    let names = rig.names("");
    names.iter().filter(|name| name.starts_with(prefix)).count()
}

fn step(
    rig: &Rig,
    units: u32,
    step: impl FnOnce(&mut Budget<'_>) -> Step<Result<(), StoreError>>,
) -> Option<Result<(), StoreError>> {
    match step(&mut Budget::new(&rig.clock, units, Duration::from_secs(1))) {
        Step::Done(result) => Some(result),
        Step::Yield(_) => None,
    }
}

fn rename(rig: &Rig, to: &str) -> RenameMailbox {
    RenameMailbox::new(rig.account.clone(), name("a"), name(to))
}

#[test]
fn a_step_of_rename_renames_few_mailboxes() {
    let (rig, mut store) = with_tree(200);
    let mut job = rename(&rig, "b");
    let (mut steps, mut before) = (0, 0);
    let result = loop {
        let done = step(&rig, UNITS, |budget| job.step(&mut store, budget));
        let renamed = count(&rig, ".b");
        assert!(renamed - before <= ENTRIES, "{renamed} after {before}");
        (before, steps) = (renamed, steps + 1);
        if let Some(result) = done {
            break result;
        }
    };
    result.expect("renamed");
    assert_eq!((count(&rig, ".a"), count(&rig, ".b")), (0, 200));
    // Each mailbox is looked for and its new name checked, by 4 system calls, and renamed. The last
    // entry of a step may cost more than what is left.
    let least = 200 * 5 * COST_SYSCALL / (UNITS + 4 * COST_SYSCALL);
    assert!(steps >= least, "{steps} steps");
}

#[test]
fn a_rename_that_fails_renames_back_in_steps() {
    let (mut rig, mut store) = with_tree(100);
    rig.units = Some(UNITS);
    // A mailbox with the last of the new names appears when the names have been checked.
    let last = rig.root().join(".b.99");
    let (mut before, mut was_all) = (0_usize, 0);
    let mut job = rename(&rig, "b");
    let result = rig.drive(|budget| {
        let step = job.step(&mut store, budget);
        let renamed = count(&rig, ".b") - usize::from(last.exists());
        assert!(renamed.abs_diff(before) <= ENTRIES);
        if renamed > 0 && !last.exists() {
            fs::create_dir(&last).expect("created");
        }
        was_all = was_all.max(renamed);
        before = renamed;
        step
    });
    assert!(matches!(result, Err(StoreError::Exists)), "{result:?}");
    assert!(was_all > 90, "{was_all}");
    assert_eq!((count(&rig, ".a"), count(&rig, ".b")), (100, 1));
}

#[test]
fn a_client_that_disconnects_during_rename_leaves_one_tree() {
    for steps in 0.. {
        let (mut rig, mut store) = with_tree(12);
        rig.units = Some(1);
        let session = rig.open(store, "a", Access::ReadWrite);
        store = session.store;
        let mut job = rename(&rig, "b");
        let is_done =
            (0..steps).any(|_| step(&rig, 1, |budget| job.step(&mut store, budget)).is_some());
        let has_begun = count(&rig, ".b") > 0;
        drop(job);
        rig.clean_up(&mut store, || {});
        let expected = if has_begun { (0, 12) } else { (12, 0) };
        assert_eq!((count(&rig, ".a"), count(&rig, ".b")), expected, "{steps}");
        // No lock is left.
        let to = if has_begun { "a" } else { "c" };
        let from = if has_begun { "b" } else { "a" };
        let mut again = RenameMailbox::new(rig.account.clone(), name(from), name(to));
        rig.drive(|budget| again.step(&mut store, budget))
            .expect("renamed");
        if is_done {
            break;
        }
    }
}

#[test]
fn a_second_rename_waits_for_the_first() {
    let (mut rig, mut store) = with_tree(40);
    rig.units = Some(UNITS);
    let mut first = rename(&rig, "b");
    while count(&rig, ".b") == 0 {
        assert!(step(&rig, UNITS, |budget| first.step(&mut store, budget)).is_none());
    }
    let mut second = rename(&rig, "c");
    let (mut is_first_done, mut result) = (false, None);
    while !is_first_done || result.is_none() {
        rig.clock.advance(Duration::from_millis(50));
        if !is_first_done {
            let done = step(&rig, UNITS, |budget| first.step(&mut store, budget));
            is_first_done = done.is_some_and(|result| result.is_ok());
            assert!(result.is_none());
        }
        if result.is_none() {
            result = step(&rig, UNITS, |budget| second.step(&mut store, budget));
        }
    }
    assert!(matches!(result, Some(Err(StoreError::NotFound))));
    assert_eq!((count(&rig, ".b"), count(&rig, ".c")), (40, 0));
}

#[test]
fn a_mailbox_deleted_during_rename_is_skipped() {
    let (mut rig, mut store) = with_tree(10);
    rig.units = Some(1);
    let mut job = rename(&rig, "b");
    while count(&rig, ".b") == 0 {
        assert!(step(&rig, 1, |budget| job.step(&mut store, budget)).is_none());
    }
    fs::remove_dir(rig.root().join(".a.9")).expect("removed");
    rig.drive(|budget| job.step(&mut store, budget))
        .expect("renamed");
    assert_eq!((count(&rig, ".a"), count(&rig, ".b")), (0, 9));
}

/// Creates a mailbox with that many messages.
fn with_messages(count: usize) -> (Rig, Store) {
    let (rig, store) = with_tree(1);
    for number in 0..count {
        fs::write(rig.root().join(format!(".a/cur/{number}.a.h:2,S")), "a").expect("written");
    }
    (rig, store)
}

/// Returns how many messages there are, in the mailbox or on their way out.
fn messages(rig: &Rig) -> usize {
    let entries = |dir: &str| fs::read_dir(rig.root().join(dir)).map_or(0, Iterator::count);
    entries(".a/cur") + entries("..DOVECOT-TRASHED/cur")
}

#[test]
fn a_step_of_delete_removes_few_messages() {
    let (rig, mut store) = with_messages(200);
    let mut job = DeleteMailbox::new(rig.account.clone(), name("a"));
    let mut before = messages(&rig);
    while step(&rig, UNITS, |budget| job.step(&mut store, budget)).is_none() {
        let left = messages(&rig);
        assert!(before - left <= ENTRIES, "{left} after {before}");
        before = left;
    }
    assert_eq!(messages(&rig), 0);
    assert_eq!(count(&rig, ".."), 0);
}

#[test]
fn a_client_that_disconnects_during_delete_leaves_the_mailbox_or_nothing() {
    for steps in 0.. {
        let (mut rig, mut store) = with_messages(5);
        rig.units = Some(UNITS);
        let mut job = DeleteMailbox::new(rig.account.clone(), name("a"));
        let is_done =
            (0..steps).any(|_| step(&rig, 1, |budget| job.step(&mut store, budget)).is_some());
        let exists = rig.root().join(".a").exists();
        drop(job);
        let mut before = messages(&rig);
        rig.clean_up(&mut store, || {
            let left = messages(&rig);
            assert!(before - left <= ENTRIES);
            before = left;
        });
        assert_eq!(messages(&rig), if exists { 5 } else { 0 });
        assert_eq!(count(&rig, ".."), 0);
        if is_done {
            assert!(!exists);
            break;
        }
    }
}

#[test]
fn two_mailboxes_are_deleted_at_once() {
    let (mut rig, mut store) = with_messages(30);
    rig.units = Some(4);
    store.create(&rig.account, &name("b")).expect("created");
    let mut jobs =
        ["a", "b", "other"].map(|text| Some(DeleteMailbox::new(rig.account.clone(), name(text))));
    while jobs.iter().any(Option::is_some) {
        for slot in &mut jobs {
            let Some(job) = slot else { continue };
            if let Some(result) = step(&rig, 4, |budget| job.step(&mut store, budget)) {
                result.expect("deleted");
                *slot = None;
            }
        }
    }
    assert_eq!((messages(&rig), count(&rig, "..")), (0, 0));
    assert!(store.open(&rig.account, &mailbox("b")).is_err());
}
