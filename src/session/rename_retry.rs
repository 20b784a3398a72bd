//! Working on a message file that another program may rename at any time.

use super::job::Context;
use crate::budget::{Budget, Step, Why};
use crate::ready;
use crate::store::{FlagLock, Store, StoreError, SyncMailbox, View};

/// Works on a message file. If another program has renamed the file meanwhile
/// ([`StoreError::Gone`]), compares the mailbox with the disk and tries once more.
#[derive(Default)]
pub(super) struct RenameRetry {
    sync: Option<SyncMailbox>,
    /// Whether the second attempt has begun.
    is_second: bool,
}

impl RenameRetry {
    /// Runs `attempt` on a message of the selected mailbox. `Done(Err(Gone))` means that the
    /// message file no longer exists under any name.
    pub(super) fn step<T>(
        &mut self,
        cx: &mut Context<'_, '_>,
        attempt: impl FnMut(&mut Store, &View, &mut Budget<'_>) -> Result<T, StoreError>,
    ) -> Step<Result<T, StoreError>> {
        match cx.state.view() {
            Some(view) => self.step_in(view, cx.store, cx.budget, attempt),
            None => Step::Done(Err(StoreError::Gone)),
        }
    }

    /// Runs `attempt`, which changes the flags of a message of the selected mailbox, with the lock
    /// of this step.
    pub(super) fn step_with_lock<T>(
        &mut self,
        cx: &mut Context<'_, '_>,
        mut attempt: impl FnMut(
            &mut Store,
            &View,
            &mut FlagLock,
            &mut Budget<'_>,
        ) -> Result<T, StoreError>,
    ) -> Step<Result<T, StoreError>> {
        let Some(view) = cx.state.view() else {
            return Step::Done(Err(StoreError::Gone));
        };
        let lock = &mut cx.flag_lock;
        self.step_in(view, cx.store, cx.budget, |store, view, budget| {
            let result = attempt(store, view, lock, budget);
            if matches!(result, Err(StoreError::Gone)) {
                // The comparison with the disk may need the lock.
                lock.release();
            }
            result
        })
    }

    /// Runs `attempt` on a message of any mailbox.
    pub(super) fn step_in<T>(
        &mut self,
        view: &View,
        store: &mut Store,
        budget: &mut Budget<'_>,
        mut attempt: impl FnMut(&mut Store, &View, &mut Budget<'_>) -> Result<T, StoreError>,
    ) -> Step<Result<T, StoreError>> {
        loop {
            if let Some(sync) = &mut self.sync {
                let synced = ready!(sync.step(store, budget));
                self.sync = None;
                if let Err(error) = synced {
                    *self = Self::default();
                    return Step::Done(Err(error));
                }
            }
            match attempt(store, view, budget) {
                Err(StoreError::Busy(at)) => return Step::Yield(Why::Until(at)),
                Err(StoreError::Unflushed) => return Step::Yield(Why::Flush),
                Err(StoreError::Gone) if !self.is_second => {
                    self.is_second = true;
                    self.sync = Some(SyncMailbox::new(view.handle().clone()));
                }
                result => {
                    *self = Self::default();
                    return Step::Done(result);
                }
            }
        }
    }
}
