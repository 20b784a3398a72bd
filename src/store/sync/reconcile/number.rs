//! Giving UIDs to files that have none.

use std::io;
use std::time::SystemTime;

use crate::budget::{Budget, COST_SYSCALL, Step, Why};
use crate::ready;
use crate::store::StoreError;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::RecordState;
use crate::store::maildir::filename;
use crate::store::merge_sort::MergeSort;
use crate::types::{KeywordSet, Uid, UidValidity, memory};

/// Parsing a base name for its order takes as long as visiting this many records.
const RECORDS_PER_KEY: usize = 8;

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

/// A file that gets a UID: what comes first in its order, and its index.
type OrderedFile = ((u64, u64), usize);

/// Finds the order in which the unassigned files get their UIDs.
#[derive(Debug)]
pub(super) struct OrderUnassigned {
    /// The next record to look at.
    next: usize,
    found: Vec<OrderedFile>,
    /// The files once all are found.
    sort: Option<MergeSort<OrderedFile>>,
}

impl OrderUnassigned {
    /// Returns the octets of memory that the files take.
    pub(super) fn memory(&self) -> usize {
        let sort = self.sort.as_ref().map_or(0, MergeSort::memory);
        memory::of_list(&self.found) + sort
    }

    pub(super) fn new(mailbox: &Mailbox) -> Self {
        Self {
            next: mailbox.records.tail().start,
            found: Vec::new(),
            sort: None,
        }
    }

    /// Steps the search; done with the indexes of the files.
    pub(super) fn step(&mut self, mailbox: &Mailbox, budget: &mut Budget<'_>) -> Step<Vec<usize>> {
        let records = &mailbox.records;
        while self.next < records.len() {
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            if records.record(self.next).is_unassigned() {
                let key = filename::uid_order_key(records.base(self.next));
                self.found.push((key, self.next));
            }
            budget.spend_records(RECORDS_PER_KEY);
            self.next += 1;
        }
        let found = &mut self.found;
        let sort = self
            .sort
            .get_or_insert_with(|| MergeSort::new(std::mem::take(found)));
        let compare = |(key_a, a): &OrderedFile, (key_b, b): &OrderedFile| {
            let by_name = || filename::uid_order(records.base(*a), records.base(*b));
            key_a.cmp(key_b).then_with(by_name)
        };
        let sorted = ready!(sort.step(compare, budget));
        Step::Done(sorted.into_iter().map(|(_, index)| index).collect())
    }
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
pub(super) fn number_in_memory(mailbox: &mut Mailbox, unassigned: &[usize], budget: &Budget<'_>) {
    if !mailbox.sync_state.loaded && mailbox.has_no_validity() {
        // A UIDVALIDITY of its own, so that clients do not take these UIDs for those of another
        // process.
        let time = budget.wall().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = u32::try_from(time.unwrap_or_default().as_secs()).unwrap_or(u32::MAX);
        if let Some(validity) = UidValidity::new(seconds.max(1)) {
            mailbox.accept_validity(validity);
        }
    }
    if let Ok(uids) = next_uids(mailbox, unassigned.len()) {
        mailbox
            .records
            .number(unassigned, uids.iter().map(|uid| uid.get()));
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
