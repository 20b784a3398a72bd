//! Writing the uid list of a mailbox again as a whole.
//!
//! The new list is flushed and renamed over the old one, and then the directory is flushed: if the
//! old list were back after a power cut, UIDs that only the new one has would be given out again.
//! Until that is done the list is not trusted. A UIDVALIDITY that is taken from the counter is
//! flushed before it is in a list, so that the counter never gives it out again.

use crate::budget::{Budget, RECORDS_PER_UNIT, Step, Why};
use crate::store::StoreError;
use crate::store::context::StoreContext;
use crate::store::flush::{Flush, FlushTarget, poll_all};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::records::TailDecision;
use crate::store::maildir::uid_list::{
    Guid, UidListError, UidListHeader, UidListReader, UidListRecord, UidListRewrite, WrittenUidList,
};
use crate::store::maildir::uid_validity::TakeUidValidity;
use crate::types::Uid;
use crate::{ready, try_done, try_ready};

/// Records copied between two checks of the budget.
const BATCH: usize = 256;

/// Writes a new list, under the lock: the lines of the old one whose messages exist, or else the
/// records in memory.
#[derive(Debug, Default)]
pub(crate) struct RewriteUidList {
    /// Takes the UIDVALIDITY of a mailbox that has none.
    validity: TakeUidValidity,
    /// The new list, and the old one if it can be read.
    work: Option<Box<(UidListRewrite, Option<UidListReader>)>>,
    /// The new list when all is written; `None` once it has its name.
    written: Option<Box<WrittenUidList>>,
    /// The flushes that are not done yet: of the UIDVALIDITY counter and the new list, then of the
    /// directory.
    flushes: Vec<Flush>,
    /// True if all is written.
    is_written: bool,
    /// The next record in memory to write, if the old list cannot be read.
    next_record: usize,
    /// Lines written so far.
    lines: usize,
}

impl RewriteUidList {
    /// Returns the octets of memory that the job holds.
    pub(crate) fn memory(&self) -> usize {
        let work = self.work.as_ref();
        work.map_or(0, |_| UidListRewrite::MEMORY + UidListReader::MEMORY)
    }

    pub(crate) fn step(
        &mut self,
        mailbox: &mut Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        if self.is_written {
            return self.finish(mailbox, context, budget);
        }
        if self.work.is_none() {
            let header = try_ready!(self.header(mailbox, context, budget));
            self.work = Some(Box::new(try_done!(begin(mailbox, header))));
        }
        loop {
            let before = self.octets_read();
            let ended = try_done!(self.copy_batch(mailbox));
            budget.spend(BATCH as u32 / RECORDS_PER_UNIT);
            budget.spend_octets((self.octets_read() - before) as usize);
            if ended {
                break;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        let Some(work) = self.work.take() else {
            return Step::Done(Ok(()));
        };
        let written = try_done!(work.0.end().map_err(failed()));
        let target = FlushTarget::content(written.file());
        self.flushes.push(context.flushes.submit(target));
        (self.written, self.is_written) = (Some(Box::new(written)), true);
        self.finish(mailbox, context, budget)
    }

    /// Returns the header of the new list: the old one if there is one.
    fn header(
        &mut self,
        mailbox: &Mailbox,
        context: &mut StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<UidListHeader, StoreError>> {
        if let Some(header) = mailbox.uid_list.header.clone() {
            return Step::Done(Ok(header));
        }
        let taken = self
            .validity
            .step(context.validities, mailbox.root(), budget);
        let validity = ready!(taken);
        let flush = context.flushes.submit_directory(mailbox.root());
        self.flushes.push(try_done!(flush.map_err(failed())));
        let guid = Guid::random().map_err(failed());
        Step::Done(guid.map(|guid| UidListHeader::new(validity, guid)))
    }

    /// Waits until the new list is flushed, renames it over the old one, and waits until the
    /// directory is flushed.
    fn finish(
        &mut self,
        mailbox: &mut Mailbox,
        context: &StoreContext<'_>,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        try_ready!(poll_all(&mut self.flushes, budget).map_err(failed()));
        if let Some(written) = self.written.take() {
            let position = try_done!(written.rename().map_err(failed()));
            mailbox.uid_list.position = Some(position);
            mailbox.uid_list.is_flawed = false;
            mailbox.uid_list.is_untrusted = true;
            mailbox.uid_list.lines = self.lines;
            let flush = context.flushes.submit_directory(mailbox.dir());
            self.flushes.push(try_done!(flush.map_err(failed())));
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            try_ready!(poll_all(&mut self.flushes, budget).map_err(failed()));
        }
        mailbox.uid_list.is_untrusted = false;
        Step::Done(Ok(()))
    }

    /// Returns how many octets of the old list were read.
    fn octets_read(&self) -> u64 {
        let old = self.work.as_ref().and_then(|work| work.1.as_ref());
        old.map_or(0, UidListReader::octets)
    }

    /// Writes some lines. Returns true when all are written.
    fn copy_batch(&mut self, mailbox: &Mailbox) -> Result<bool, StoreError> {
        let failed = StoreError::io("writing the uid list");
        let Some((rewrite, old)) = self.work.as_deref_mut() else {
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

fn failed() -> impl Fn(std::io::Error) -> StoreError {
    StoreError::io("writing the uid list")
}

/// Creates the new list, and opens the old one.
fn begin(
    mailbox: &mut Mailbox,
    mut header: UidListHeader,
) -> Result<(UidListRewrite, Option<UidListReader>), StoreError> {
    header.next = mailbox.uid_next();
    // Sorts the tail by UID: the records in memory are written in the order that they have there.
    mailbox.records.settle_tail(|_| TailDecision::Wait);
    let dir = mailbox.dir().to_path_buf();
    let old = match mailbox.uid_list.position {
        Some(_) => UidListReader::open(&dir).ok().flatten(),
        None => None,
    };
    let rewrite = UidListRewrite::begin(&dir, &header).map_err(failed())?;
    if !mailbox.accept_validity(header.validity) {
        return Err(StoreError::Invalidated);
    }
    mailbox.uid_list.header = Some(header);
    Ok((rewrite, old))
}
