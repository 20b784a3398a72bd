//! `subscriptions`, of Dovecot and of Courier.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::with_scratch;
use crate::budget::{Budget, FakeClock, Step};
use crate::store::maildir::courier::{self, ImportSubscriptions};
use crate::store::maildir::layout;
use crate::store::maildir::subscriptions::{
    ChangeSubscription, EditOutcome, FILE, SubscriptionLines,
};
use crate::types::MailboxRef;

/// Most names that are subscribed to and unsubscribed from.
const MOST: usize = 3;

/// Reads octets as the subscriptions of Dovecot, or, if their number is odd, of Courier.
///
/// What a client subscribes to is in the file, and what it unsubscribes from is not; the others
/// stay as they are. What is imported is what Courier's file names.
pub(crate) fn subscriptions(text: &[u8]) {
    with_scratch(|dir| match text.len() % 2 {
        0 => check_changes(dir, text),
        _ => check_import(dir, text),
    });
}

fn check_changes(dir: &Path, text: &[u8]) {
    fs::write(dir.join(FILE), text).expect("written");
    let mut list = read(dir);
    let lines = text.split(|&octet| octet == b'\n');
    let named = lines.filter_map(|line| layout::mailbox_name(line).ok());
    let named = named.map(MailboxRef::Personal).take(MOST);
    let known = list.iter().take(MOST).cloned();
    for mailbox in known.chain(named).collect::<Vec<_>>() {
        change(dir, &mailbox, false);
        list.retain(|other| *other != mailbox);
        assert_eq!(read(dir), list, "without {mailbox:?}");
        change(dir, &mailbox, true);
        list.push(mailbox);
        assert_eq!(read(dir), list, "with the last one");
    }
}

/// Returns the mailboxes and boards in the file.
fn read(dir: &Path) -> Vec<MailboxRef> {
    let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
    let mut budget = Budget::unlimited(&clock);
    let mut lines = SubscriptionLines::read(dir).expect("readable");
    let mut found = Vec::new();
    while let Some((_, mailbox)) = lines.next(&mut budget) {
        found.extend(mailbox);
    }
    found
}

fn change(dir: &Path, mailbox: &MailboxRef, on: bool) {
    let mut change = ChangeSubscription::new(mailbox.clone(), on);
    finish(|budget| change.step(dir, budget));
}

/// Steps a change of the file until it is done, and renames the new file.
fn finish(mut step: impl FnMut(&mut Budget<'_>) -> Step<std::io::Result<EditOutcome>>) {
    let clock = FakeClock::new(SystemTime::UNIX_EPOCH);
    let mut budget = Budget::unlimited(&clock);
    let Step::Done(outcome) = step(&mut budget) else {
        panic!("an unlimited budget is spent");
    };
    match outcome.expect("the file can be changed") {
        EditOutcome::Written(new) => drop(new.rename().expect("renamed")),
        EditOutcome::Unchanged => {}
        EditOutcome::Busy => panic!("a lock is left"),
    }
}

fn check_import(dir: &Path, text: &[u8]) {
    // The file of the input before may be there.
    let _ = fs::remove_file(dir.join(FILE));
    fs::write(dir.join("courierimapsubscribed"), text).expect("written");
    let mut import = ImportSubscriptions::new();
    finish(|budget| import.step(dir, budget));
    let mut expected: Vec<MailboxRef> = Vec::new();
    let lines = text.split(|&octet| octet == b'\n');
    for name in lines.filter_map(courier::name) {
        let mailbox = MailboxRef::Personal(name);
        if !expected.contains(&mailbox) {
            expected.push(mailbox);
        }
    }
    assert_eq!(read(dir), expected, "imported");
}
