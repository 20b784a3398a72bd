//! Bringing a mailbox up to date with its directory, if it is not so already.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::reconcile::Reconcile;
use crate::budget::{Budget, COST_SYSCALL, Step};
use crate::store::index::mailbox::Mailbox;
use crate::store::index::view_state::Access;
use crate::store::maildir::directory_stamp::{DirectoryStamps, Observation};
use crate::store::open_limit::Purpose;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::{ready, try_done};

/// How long the absence of kernel reports is believed before the mailbox is checked all the same.
const TRUST: Duration = Duration::from_secs(30);

/// Brings a mailbox up to date. Sessions that want the same at the same time share the work.
#[derive(Debug)]
pub(crate) struct SyncMailbox {
    handle: MailboxHandle,
    /// True if files move from `new/` to `cur/` although no read-write view is open yet.
    moves: bool,
    /// Whether the mailbox may be refused for the memory that it takes.
    purpose: Purpose,
    reconcile: Option<Rc<RefCell<Reconcile>>>,
    /// True if this job started `reconcile`, so that what it finds is new enough.
    is_ours: bool,
}

impl SyncMailbox {
    /// Syncs a mailbox that has views. Files move from `new/` to `cur/` if one of them is
    /// read-write.
    pub(crate) fn new(handle: MailboxHandle) -> Self {
        Self {
            handle,
            moves: false,
            purpose: Purpose::Use,
            reconcile: None,
            is_ours: false,
        }
    }

    /// Syncs a mailbox before a view is opened. Files move from `new/` to `cur/` if it is to be
    /// read-write.
    pub(crate) fn for_open(handle: MailboxHandle, access: Access) -> Self {
        Self {
            moves: access == Access::ReadWrite,
            purpose: Purpose::Open,
            ..Self::new(handle)
        }
    }

    /// Syncs a mailbox before a job adds messages to it.
    pub(crate) fn to_grow(handle: MailboxHandle) -> Self {
        Self {
            purpose: Purpose::Grow,
            ..Self::new(handle)
        }
    }

    /// Returns the octets of memory that reading the directories takes, if this job has begun it.
    pub(crate) fn memory(&self) -> usize {
        let reconcile = self.reconcile.as_ref().filter(|_| self.is_ours);
        reconcile.map_or(0, |reconcile| reconcile.borrow().memory())
    }

    /// Steps the job until it is done.
    ///
    /// # Errors
    /// [`StoreError::Invalidated`] if the mailbox was deleted or renumbered: its views are invalid.
    /// [`StoreError::Limit`] if there is no memory for one more mailbox.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        loop {
            let mailbox = store.mailbox_mut(&self.handle);
            if mailbox.is_invalid() {
                return Step::Done(Err(StoreError::Invalidated));
            }
            let reconcile = match &self.reconcile {
                Some(reconcile) => reconcile.clone(),
                None if mailbox.is_up_to_date(self.moves, budget) => {
                    return Step::Done(store.admit(&self.handle, self.purpose));
                }
                None => self.join(store),
            };
            try_done!(store.admit(&self.handle, self.purpose));
            let (mailbox, mut context) = store.parts(&self.handle);
            let result = ready!(reconcile.borrow_mut().step(mailbox, &mut context, budget));
            self.reconcile = None;
            drop(reconcile);
            if self.is_ours || result.is_err() {
                return Step::Done(result.and_then(|()| store.admit(&self.handle, self.purpose)));
            }
        }
    }

    /// Joins the job that is reconciling the mailbox, or starts one.
    fn join(&mut self, store: &mut Store) -> Rc<RefCell<Reconcile>> {
        let running = store
            .reconcile(&self.handle)
            .filter(|reconcile| !reconcile.borrow().has_ended());
        self.is_ours = running.is_none();
        let reconcile = running.unwrap_or_else(|| {
            let mailbox = store.mailbox_mut(&self.handle);
            let reconcile = Rc::new(RefCell::new(Reconcile::new(mailbox, self.moves)));
            store.set_reconcile(&self.handle, &reconcile);
            reconcile
        });
        self.reconcile = Some(reconcile.clone());
        reconcile
    }
}

impl Mailbox {
    /// True if nothing can have changed since the mailbox was last reconciled. Makes system calls
    /// only if the reports of the kernel cannot be trusted.
    pub(super) fn is_up_to_date(&mut self, moves: bool, budget: &mut Budget<'_>) -> bool {
        if !self.is_quiet(moves) {
            return false;
        }
        if self.sync_state.missing == 0 && self.watch.is_trusted(budget.now()) {
            return true;
        }
        budget.spend(2 * COST_SYSCALL);
        self.looks_unchanged(budget.now())
    }

    /// True if memory holds no sign that the directories have to be scanned.
    pub(super) fn is_quiet(&self, moves: bool) -> bool {
        let state = &self.sync_state;
        let wants_to_move = self.is_writable() && (moves || self.has_writer());
        state.loaded
            && state.checked == (state.check_requests, self.watch.foreign_changes())
            && self.records.tail().is_empty()
            && !(wants_to_move && state.in_new > 0 && !state.moving_failed)
    }

    fn looks_unchanged(&mut self, now: Instant) -> bool {
        if self.watch.is_watching() && self.sync_state.missing == 0 {
            self.watch.trust_until(now + TRUST);
            return self.is_still_there();
        }
        let Ok(stamps) = DirectoryStamps::of(self.dir()) else {
            return false;
        };
        let state = &mut self.sync_state;
        state.observation = Some(Observation::renew(state.observation, stamps, now));
        state.settled && state.known == Some(stamps)
    }
}
