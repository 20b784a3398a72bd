//! Tests that a sync looks at few messages in a step, however many there are.

use std::time::Duration;

use super::rig::{Rig, mailbox};
use crate::budget::{Budget, Clock, RECORDS_PER_UNIT, Step, Why};
use crate::store::{Access, SyncMailbox};

/// Budget of a step in units, and the most records in memory that it pays for.
const UNITS: u32 = 2;
const RECORDS: usize = ((UNITS + 1) * RECORDS_PER_UNIT) as usize;

#[test]
fn messages_that_another_program_has_removed_are_expunged_in_steps() {
    let rig = Rig::new();
    let count = 1_000;
    for number in 0..count {
        rig.put("cur", &format!("{}.a.h:2,S", 1_000 + number), "text");
    }
    let mut session = rig.open(rig.store(), "INBOX", Access::ReadWrite);
    assert_eq!(session.view.exists(), count);
    for number in 1..count {
        rig.remove(&format!("cur/{}.a.h:2,S", 1_000 + number));
    }
    let mut sync = SyncMailbox::new(session.handle.clone());
    let (mut before, mut steps) = (count as usize, 0);
    loop {
        let mut budget = Budget::new(&rig.clock, UNITS, Duration::from_secs(1));
        let step = sync.step(&mut session.store, &mut budget);
        let left = session
            .store
            .mailbox(&session.handle)
            .records
            .message_count();
        assert!(before - left <= RECORDS, "{left} messages after {before}");
        (before, steps) = (left, steps + 1);
        match step {
            Step::Done(result) => break result.expect("synced"),
            Step::Yield(Why::Until(at)) => rig
                .clock
                .advance(at.saturating_duration_since(rig.clock.now())),
            Step::Yield(_) => {}
        }
    }
    assert_eq!(before, 1);
    // Each record is looked at when the scan begins, and when it has ended.
    let least = 2 * count as usize / RECORDS;
    assert!(steps >= least, "{steps} steps");
    let updates = session.sync_and_update(&rig);
    assert_eq!(updates.expunged, vec![2; count as usize - 1]);
}

#[test]
fn new_messages_get_the_same_uids_in_any_steps() {
    let count = 1_500;
    let listed = [None, Some(1), Some(UNITS), Some(300)].map(|units| {
        let mut rig = Rig::new();
        rig.units = units;
        for number in 0..count {
            // The directory has them in an order of its own.
            let time = 1_000 + number * 7 % count;
            rig.put("cur", &format!("{time}.a.h:2,S"), "text");
        }
        let session = rig.open(rig.store(), "INBOX", Access::ReadWrite);
        assert_eq!(session.view.exists(), count);
        rig.listed(".")
    });
    let want = (0..count).map(|number| (number + 1, format!("{}.a.h", 1_000 + number)));
    let want: Vec<(u32, String)> = want.collect();
    for (listed, units) in listed.iter().zip(["all", "1", "2", "300"]) {
        assert!(*listed == want, "other UIDs with {units} units");
    }
}

#[test]
fn long_lines_of_the_uid_list_are_read_in_steps() {
    let (rig, count) = (Rig::new(), 40);
    let keys = "W1 ".repeat(15_000);
    let mut list = format!("3 V7 N{} G{}\n", count + 1, "0".repeat(32));
    for uid in 1..=count {
        rig.put("cur", &format!("{uid}.a.h:2,S"), "text");
        list.push_str(&format!("{uid} {keys}:{uid}.a.h\n"));
    }
    rig.put(".", "dovecot-uidlist", &list);
    rig.age_directories();
    let mut store = rig.store();
    let handle = store.open(&rig.account, &mailbox("INBOX")).expect("opened");
    let mut sync = SyncMailbox::new(handle.clone());
    let mut steps = 0;
    loop {
        let mut budget = Budget::new(&rig.clock, 10, Duration::from_secs(1));
        steps += 1;
        if let Step::Done(synced) = sync.step(&mut store, &mut budget) {
            break synced.expect("synced");
        }
    }
    assert_eq!(store.mailbox(&handle).records.message_count(), count);
    // Each line is worth more than half of a step.
    assert!(steps >= count / 2, "{steps} steps");
}
