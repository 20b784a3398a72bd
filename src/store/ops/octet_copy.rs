//! Copying a message's file octet by octet, where no hard link can be made.

use std::fs::{File, FileTimes, Metadata};
use std::io::{Read, Write};

use crate::budget::{Budget, COST_READ_16K, COST_SYNC};
use crate::store::StoreError;

/// Octets copied at a time.
const CHUNK: usize = 64 * 1024;

/// A copy in progress.
#[derive(Debug)]
pub(super) struct OctetCopy {
    from: File,
    to: File,
    /// Status of the original when the copy began.
    status: Metadata,
}

impl OctetCopy {
    pub(super) fn new(from: File, to: File, status: Metadata) -> Self {
        Self { from, to, status }
    }

    /// Copies as much as the budget allows. Returns true when all is copied and flushed.
    pub(super) fn copy_some(&mut self, budget: &mut Budget<'_>) -> Result<bool, StoreError> {
        let failed = StoreError::io("copying a message");
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = self.from.read(&mut chunk).map_err(&failed)?;
            if length == 0 {
                break;
            }
            self.to.write_all(&chunk[..length]).map_err(&failed)?;
            budget.spend(COST_READ_16K * (CHUNK / 16384) as u32);
            if budget.is_spent() {
                return Ok(false);
            }
        }
        let date = self.status.modified().map_err(&failed)?;
        self.to
            .set_times(FileTimes::new().set_modified(date))
            .map_err(&failed)?;
        self.to.sync_all().map_err(failed)?;
        budget.spend(COST_SYNC);
        Ok(true)
    }
}
