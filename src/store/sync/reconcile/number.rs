//! Giving UIDs to files that have none.

use std::io;
use std::time::SystemTime;

use crate::budget::{Budget, COST_SYSCALL};
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::RecordState;
use crate::store::maildir::filename;
use crate::types::{KeywordSet, Uid, UidValidity};

/// Marks the unassigned files that are gone. Returns where to go on when the budget is spent.
pub(super) fn check_unassigned(
    mailbox: &mut Mailbox,
    from: usize,
    budget: &mut Budget<'_>,
) -> Result<Option<usize>, StoreError> {
    for index in from..mailbox.records.len() {
        if !mailbox.records.record(index).is_unassigned() {
            continue;
        }
        match std::fs::symlink_metadata(mailbox.path(index)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let state = &mut mailbox.records.record_mut(index).state;
                state.set(RecordState::FOUND, false);
                mailbox.request_check();
            }
            Err(error) => return Err(StoreError::from_io("looking at a new message", error)),
        }
        budget.spend(COST_SYSCALL);
        if budget.is_spent() {
            return Ok(Some(index + 1));
        }
    }
    Ok(None)
}

/// Returns the indexes of the unassigned files in the order in which they get their UIDs.
pub(super) fn in_uid_order(mailbox: &Mailbox) -> Vec<usize> {
    let records = &mailbox.records;
    let mut unassigned: Vec<((u64, u64), usize)> = records
        .tail()
        .filter(|&index| records.record(index).is_unassigned())
        .map(|index| (filename::uid_order_key(records.base(index)), index))
        .collect();
    unassigned.sort_unstable_by(|(key_a, a), (key_b, b)| {
        let by_name = || filename::uid_order(records.base(*a), records.base(*b));
        key_a.cmp(key_b).then_with(by_name)
    });
    unassigned.into_iter().map(|(_, index)| index).collect()
}

/// Returns the next unused UIDs.
pub(crate) fn next_uids(mailbox: &Mailbox, count: usize) -> Result<Vec<Uid>, StoreError> {
    let first = mailbox.uid_next();
    let uids: Option<Vec<Uid>> = (0..count)
        .map(|nth| Uid::new(first.checked_add(u32::try_from(nth).ok()?)?))
        .collect();
    uids.ok_or(StoreError::Limit(
        "the mailbox has used up its unique identifiers",
    ))
}

/// Gives UIDs to the files of a mailbox that must not be written. They hold for this process only.
pub(super) fn number_in_memory(mailbox: &mut Mailbox, budget: &Budget<'_>) {
    if !mailbox.sync_state.loaded && mailbox.has_no_validity() {
        // A UIDVALIDITY of its own, so that clients do not take these UIDs for those of another
        // process.
        let time = budget.wall().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = u32::try_from(time.unwrap_or_default().as_secs()).unwrap_or(u32::MAX);
        if let Some(validity) = UidValidity::new(seconds.max(1)) {
            mailbox.accept_validity(validity);
        }
    }
    let unassigned = in_uid_order(mailbox);
    if let Ok(uids) = next_uids(mailbox, unassigned.len()) {
        mailbox
            .records
            .number(&unassigned, uids.iter().map(|uid| uid.get()));
    }
    let letters = letters_in_use(mailbox);
    let mut table = mailbox.keywords().clone();
    if table.name_unknown_letters(letters) {
        mailbox.set_keywords(table);
    }
}

fn letters_in_use(mailbox: &Mailbox) -> KeywordSet {
    let records = (0..mailbox.records.len()).map(|index| mailbox.records.record(index));
    records.fold(KeywordSet::NONE, |all, record| all.with(record.keywords))
}
