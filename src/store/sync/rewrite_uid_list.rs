//! Writing the uid list of a mailbox again as a whole.

use std::time::SystemTime;

use crate::budget::{Budget, COST_SYNC, RECORDS_PER_UNIT, Step, Why};
use crate::store::StoreError;
use crate::store::context::StoreContext;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::TailDecision;
use crate::store::maildir::uid_list::{
    Guid, UidListError, UidListHeader, UidListReader, UidListRecord, UidListRewrite,
};
use crate::try_done;
use crate::types::Uid;

/// Records copied between two checks of the budget.
const BATCH: usize = 256;

/// Writes a new list, under the lock: the lines of the old one whose messages exist, or else the
/// records in memory.
#[derive(Debug, Default)]
pub(crate) struct RewriteUidList {
    /// The new list, and the old one if it can be read.
    work: Option<(UidListRewrite, Option<UidListReader>)>,
    /// The next record in memory to write, if the old list cannot be read.
    next_record: usize,
    /// Lines written so far.
    lines: usize,
}

impl RewriteUidList {
    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        if self.work.is_none() {
            self.work = Some(try_done!(begin(mailbox, context, budget.wall())));
        }
        loop {
            let ended = try_done!(self.copy_batch(mailbox));
            budget.spend(BATCH as u32 / RECORDS_PER_UNIT);
            if ended {
                break;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        budget.spend(COST_SYNC);
        let Some((rewrite, _)) = self.work.take() else {
            return Step::Done(Ok(()));
        };
        let committed = rewrite
            .commit()
            .map_err(StoreError::io("writing the uid list"));
        Step::Done(committed.map(|position| {
            mailbox.uid_list.position = Some(position);
            mailbox.uid_list.is_flawed = false;
            mailbox.uid_list.lines = self.lines;
        }))
    }

    /// Writes some lines. Returns true when all are written.
    fn copy_batch(&mut self, mailbox: &Mailbox) -> Result<bool, StoreError> {
        let failed = StoreError::io("writing the uid list");
        let Some((rewrite, old)) = &mut self.work else {
            return Ok(true);
        };
        let lines = &mut self.lines;
        if let Some(old) = old {
            let copied = rewrite.copy(old, BATCH, |record| {
                let found = mailbox.records.find(record.base());
                let exists =
                    found.is_some_and(|at| mailbox.records.record(at).uid == record.uid.get());
                *lines += usize::from(exists);
                exists
            });
            return copied.map_err(|error| match error {
                UidListError::Io(error) => failed(error),
                _ => StoreError::Invalidated,
            });
        }
        let end = mailbox.records.len().min(self.next_record + BATCH);
        for index in self.next_record..end {
            let record = mailbox.records.record(index);
            if let Some(uid) = Uid::new(record.uid).filter(|_| !record.is_expunged()) {
                rewrite
                    .put(&UidListRecord::new(uid, mailbox.records.base(index)))
                    .map_err(&failed)?;
                *lines += 1;
            }
        }
        self.next_record = end;
        Ok(end == mailbox.records.len())
    }
}

/// Creates the new list, with a new header if there was none, and opens the old one.
fn begin(
    mailbox: &mut Mailbox,
    context: &mut StoreContext<'_>,
    wall: SystemTime,
) -> Result<(UidListRewrite, Option<UidListReader>), StoreError> {
    let failed = StoreError::io("writing the uid list");
    let dir = mailbox.dir().to_path_buf();
    let mut header = match mailbox.uid_list.header.clone() {
        Some(header) => header,
        None => {
            let validity = context.validities.next(mailbox.root(), wall);
            let guid = Guid::random().map_err(&failed)?;
            UidListHeader::new(validity, guid)
        }
    };
    header.next = mailbox.uid_next();
    // Sorts the tail by UID: the records in memory are written in the order that they have there.
    mailbox.records.settle_tail(|_| TailDecision::Wait);
    let old = match mailbox.uid_list.position {
        Some(_) => UidListReader::open(&dir).ok().flatten(),
        None => None,
    };
    let rewrite = UidListRewrite::begin(&dir, &header).map_err(failed)?;
    if !mailbox.accept_validity(header.validity) {
        return Err(StoreError::Invalidated);
    }
    mailbox.uid_list.header = Some(header);
    Ok((rewrite, old))
}
