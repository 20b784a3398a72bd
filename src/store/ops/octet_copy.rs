//! Copying a message's file octet by octet, where no hard link can be made.

use std::fs::{File, FileTimes, Metadata};
use std::io::{Read, Write};
use std::sync::Arc;

use crate::budget::{Budget, COST_READ_16K, Step, Why};
use crate::store::StoreError;
use crate::store::flush::{Flush, FlushQueue, FlushTarget};
use crate::{ready, try_done};

/// Octets copied at a time.
const CHUNK: usize = 64 * 1024;

/// A copy in progress.
#[derive(Debug)]
pub(super) struct OctetCopy {
    from: File,
    to: Arc<File>,
    /// Status of the original when the copy began.
    status: Metadata,
    /// The flush of the copy, once all is copied.
    flush: Option<Flush>,
}

impl OctetCopy {
    pub(super) fn new(from: File, to: File, status: Metadata) -> Self {
        Self {
            from,
            to: Arc::new(to),
            status,
            flush: None,
        }
    }

    /// Steps the copy until all is copied and flushed.
    pub(super) fn step(
        &mut self,
        flushes: &FlushQueue,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let flush = match &self.flush {
            Some(flush) => flush,
            None => {
                if !try_done!(self.copy_some(budget)) {
                    return Step::Yield(Why::Budget);
                }
                let target = FlushTarget::file(Arc::clone(&self.to));
                self.flush.insert(flushes.submit(target))
            }
        };
        let flushed = ready!(flush.poll(budget));
        Step::Done(flushed.map_err(StoreError::io("copying a message")))
    }

    /// Copies as much as the budget allows. Returns true when all is copied.
    fn copy_some(&mut self, budget: &mut Budget<'_>) -> Result<bool, StoreError> {
        let failed = StoreError::io("copying a message");
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = self.from.read(&mut chunk).map_err(&failed)?;
            if length == 0 {
                break;
            }
            (&*self.to).write_all(&chunk[..length]).map_err(&failed)?;
            budget.spend(COST_READ_16K * (CHUNK / 16384) as u32);
            if budget.is_spent() {
                return Ok(false);
            }
        }
        let date = self.status.modified().map_err(&failed)?;
        self.to
            .set_times(FileTimes::new().set_modified(date))
            .map_err(failed)?;
        Ok(true)
    }
}
