//! What a scan has found: missing messages, unassigned files, unnamed keyword letters, duplicates.

use crate::budget::{Budget, COST_SYSCALL, Step, Why};
use crate::store::context::StoreContext;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::RecordState;
use crate::store::sync::duplicates::resolve_duplicate;
use crate::store::sync::scan::ScanResult;
use crate::types::KeywordSet;

/// Removing a message from memory takes as long as visiting this many records.
const RECORDS_PER_EXPUNGE: usize = 16;

/// True if a listed file with a UID above `stale_up_to` is not published and was not found.
pub(super) fn has_missing_tail(mailbox: &Mailbox, stale_up_to: u32) -> bool {
    mailbox.records.tail().any(|index| {
        let record = mailbox.records.record(index);
        !record.state.has(RecordState::FOUND) && record.uid > stale_up_to
    })
}

/// True if a file has no UID.
pub(super) fn has_unassigned(mailbox: &Mailbox) -> bool {
    mailbox
        .records
        .tail()
        .any(|index| mailbox.records.record(index).is_unassigned())
}

/// True if one of the keyword letters has no name.
pub(super) fn has_unnamed_letters(mailbox: &Mailbox, letters: KeywordSet) -> bool {
    mailbox.keywords().clone().name_unknown_letters(letters)
}

/// Looks into all files with the base name of another file. Returns true if another scan is needed.
pub(super) fn resolve_duplicates(
    mailbox: &mut Mailbox,
    scanned: &ScanResult,
    context: &mut StoreContext<'_>,
    budget: &mut Budget<'_>,
) -> bool {
    let mut scans_again = false;
    for duplicate in &scanned.duplicates {
        match resolve_duplicate(mailbox, duplicate, context.names, budget.wall()) {
            Ok(again) => scans_again |= again,
            Err(error) => log::warn!(
                "{}: cannot separate two files with one base name: {error}",
                mailbox.dir().display()
            ),
        }
        budget.spend(2 * COST_SYSCALL);
    }
    scans_again
}

/// Looks for the published messages whose files were not found, and expunges them or marks them as
/// missing.
#[derive(Debug)]
pub(super) struct FindMissing {
    may_expunge: bool,
    /// The next record to look at.
    next: usize,
    /// How many messages are missing.
    missing: u32,
}

impl FindMissing {
    pub(super) fn new(may_expunge: bool) -> Self {
        Self {
            may_expunge,
            next: 0,
            missing: 0,
        }
    }

    /// Looks on; done when it is known how many messages are missing.
    pub(super) fn step(&mut self, mailbox: &mut Mailbox, budget: &mut Budget<'_>) -> Step<()> {
        while self.next < mailbox.records.published().len() {
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            let index = self.next;
            self.next += 1;
            let record = mailbox.records.record_mut(index);
            if record.is_expunged() || record.state.has(RecordState::FOUND) {
                budget.spend_records(1);
                continue;
            }
            if self.may_expunge {
                mailbox.expunge(index);
            } else {
                record.state.set(RecordState::MISSING, true);
                self.missing += 1;
            }
            budget.spend_records(RECORDS_PER_EXPUNGE);
        }
        mailbox.sync_state.missing = self.missing;
        Step::Done(())
    }
}
