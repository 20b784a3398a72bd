//! Tests of the records.

use proptest::prelude::*;

use super::*;
use crate::types::{Flags, KeywordSet, NumberSet};

fn found(uid: u32, name: &str) -> NewRecord<'_> {
    NewRecord {
        uid,
        name: name.as_bytes(),
        base_length: name.find(':').unwrap_or(name.len()),
        flags: Flags::NONE,
        keywords: KeywordSet::NONE,
        state: RecordState::FOUND,
    }
}

fn table(count: u32) -> Records {
    let mut table = Records::default();
    for uid in 1..=count {
        table
            .push(&found(uid, &format!("{uid}.x:2,")))
            .expect("room");
    }
    table.settle_tail(|_| TailDecision::Publish);
    table
}

#[test]
fn a_message_costs_at_most_120_bytes() {
    let mut table = Records::default();
    let typical = |n: u32| {
        format!(
            "1700{n:06}.M{:06}P{}.mail.example.org,S={n},W={}:2,S",
            n * 7,
            n % 32768,
            n + 99
        )
    };
    for uid in 1..=100_000 {
        table.push(&found(uid, &typical(uid))).expect("room");
    }
    table.settle_tail(|_| TailDecision::Publish);
    assert!(
        table.memory() <= 120 * 100_000,
        "growing: {}",
        table.memory() / 100_000
    );
    table.shrink();
    assert!(
        table.memory() <= 110 * 100_000,
        "grown: {}",
        table.memory() / 100_000
    );
    assert_eq!(size_of::<Record>(), 32);
}

#[test]
fn settles_in_uid_order_and_waits_for_missing_files() {
    let mut table = table(2);
    for (uid, seen) in [(9, true), (0, true), (5, true), (7, false)] {
        let index = table.push(&found(uid, &format!("n{uid}"))).expect("room");
        table.record_mut(index).state.set(RecordState::FOUND, seen);
    }
    let careful = |record: &Record| {
        if record.state.has(RecordState::FOUND) {
            TailDecision::Publish
        } else {
            TailDecision::Wait
        }
    };
    assert_eq!(table.settle_tail(careful), 2..3);
    assert_eq!(
        (
            table.last_uid(),
            table.last_listed_uid(),
            table.message_count()
        ),
        (5, 9, 3)
    );
    for (base, index) in [("n5", 2), ("n7", 3), ("n9", 4), ("n0", 5)] {
        assert_eq!(table.find(base.as_bytes()), Some(index), "{base}");
    }
    let strict = |record: &Record| {
        if record.state.has(RecordState::FOUND) {
            TailDecision::Publish
        } else {
            TailDecision::Drop
        }
    };
    assert_eq!(table.settle_tail(strict), 3..4);
    assert_eq!(
        (table.find(b"n7"), table.find(b"n9"), table.find(b"n0")),
        (None, Some(3), Some(4))
    );
    table.number(&[4], [11].into_iter());
    assert_eq!(table.settle_tail(strict), 4..5);
    assert!(table.tail().is_empty());
}

#[test]
fn the_name_arena_stays_small() {
    let mut table = table(50);
    for round in 0..10_000_usize {
        let index = round * 7 % 50;
        let name = format!("{}.x:2,{}", index + 1, "abcdefghij".repeat(round % 8));
        table.rename(index, name.as_bytes()).expect("room");
        assert_eq!(table.name(index), name.as_bytes());
    }
    assert!(table.names.len() < 64 * 1024, "{}", table.names.len());
    assert_eq!(table.find(b"17.x"), Some(16));
}

/// A view as a plain list of UIDs.
struct Model {
    announced: u64,
    uids: Vec<u32>,
}

proptest! {
    #[test]
    fn numbers_are_those_of_a_plain_list(
        steps in prop::collection::vec((0u8..5, any::<u16>()), 1..200),
    ) {
        let mut table = table(40);
        let mut change = 1;
        let mut next_uid = 41;
        let all: Vec<u32> = (1..=40).collect();
        let mut views = [Model { announced: 1, uids: all.clone() }, Model { announced: 1, uids: all }];
        for (step, pick) in steps {
            let pick = usize::from(pick);
            match step {
                0 | 1 if table.message_count() > 0 => {
                    let living: Vec<usize> = (0..table.published().len())
                        .filter(|&index| !table.record(index).is_expunged())
                        .collect();
                    change += 1;
                    table.expunge(living[pick % living.len()], change);
                }
                2 => {
                    table.push(&found(next_uid, &format!("{next_uid}.x"))).expect("room");
                    table.settle_tail(|_| TailDecision::Publish);
                    next_uid += 1;
                }
                3 => {
                    let view = &mut views[pick % 2];
                    let last = view.uids.last().copied().unwrap_or(0);
                    for (uid, number) in table.expunged_after(view.announced, last) {
                        prop_assert_eq!(view.uids.remove(number as usize - 1), uid);
                    }
                    view.announced = change;
                    let first = table.find_uid(last + 1).unwrap_or_else(|at| at);
                    let new = (first..table.published().len()).filter(|&i| table.counts(i, change));
                    view.uids.extend(new.map(|index| table.record(index).uid));
                }
                _ => table.compact(views[0].announced.min(views[1].announced), 1),
            }
            for view in &views {
                let mut indexes = Vec::new();
                for (number, &uid) in (1..).zip(&view.uids) {
                    let index = table.index_of(number, view.announced);
                    prop_assert_eq!(table.record(index).uid, uid);
                    prop_assert_eq!(table.number_of(index, view.announced), number);
                    prop_assert_eq!(table.find_message(uid, number), Some(index));
                    prop_assert!(table.counts(index, view.announced));
                    indexes.push(index);
                }
                let numbers = table.numbers_of(&indexes, view.announced);
                prop_assert_eq!(numbers, NumberSet::range(1, view.uids.len() as u32));
            }
        }
    }
}
