//! Bringing a mailbox up to date with its directory, if it is not so already.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::reconcile::Reconcile;
use crate::budget::{Budget, COST_SYSCALL, Step};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::view::Access;
use crate::store::maildir::directory::{DirectoryStamps, Observation};
use crate::store::{MailboxHandle, Store, StoreError};

/// How long the kernel is trusted to tell of changes before the mailbox is looked at all the same.
const TRUST: Duration = Duration::from_secs(30);

/// Brings a mailbox up to date. Sessions that want the same at the same time share the work.
#[derive(Debug)]
pub(crate) struct SyncMailbox {
    handle: MailboxHandle,
    /// A read-write view is about to be opened.
    moves: bool,
    reconcile: Option<Rc<RefCell<Reconcile>>>,
    /// The pass began after we had asked: what it finds is new enough.
    is_ours: bool,
}

impl SyncMailbox {
    /// For a mailbox that views are open on; files move from `new/` to `cur/` if one of those is
    /// read-write.
    pub(crate) fn new(handle: MailboxHandle) -> Self {
        Self {
            handle,
            moves: false,
            reconcile: None,
            is_ours: false,
        }
    }

    /// For a mailbox on which a view is about to be opened: if read-write, files move from `new/`
    /// to `cur/`.
    pub(crate) fn for_open(handle: MailboxHandle, access: Access) -> Self {
        Self {
            moves: access == Access::ReadWrite,
            ..Self::new(handle)
        }
    }

    /// To be stepped until done.
    ///
    /// # Errors
    /// [`StoreError::Invalidated`] if the mailbox was deleted or renumbered: every view of it is
    /// void.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<Result<(), StoreError>> {
        let (mailbox, mut context) = store.parts(&self.handle);
        loop {
            if mailbox.is_invalid() {
                return Step::Done(Err(StoreError::Invalidated));
            }
            let reconcile = match &self.reconcile {
                Some(reconcile) => reconcile.clone(),
                None if mailbox.is_up_to_date(self.moves, budget) => return Step::Done(Ok(())),
                None => self.join(mailbox),
            };
            let result = ready!(reconcile.borrow_mut().step(mailbox, &mut context, budget));
            self.reconcile = None;
            drop(reconcile);
            if self.is_ours || result.is_err() {
                return Step::Done(result);
            }
        }
    }

    /// Takes part in the pass that is going on, or starts one.
    fn join(&mut self, mailbox: &mut Mailbox) -> Rc<RefCell<Reconcile>> {
        let running = mailbox
            .reconcile
            .upgrade()
            .filter(|reconcile| !reconcile.borrow().has_ended());
        self.is_ours = running.is_none();
        let reconcile =
            running.unwrap_or_else(|| Rc::new(RefCell::new(Reconcile::new(self.moves))));
        mailbox.reconcile = Rc::downgrade(&reconcile);
        self.reconcile = Some(reconcile.clone());
        reconcile
    }
}

impl Mailbox {
    /// True if nothing can have changed since the last pass. Asks the system only if the kernel is
    /// not to be trusted to tell.
    pub(crate) fn is_up_to_date(&mut self, moves: bool, budget: &mut Budget<'_>) -> bool {
        if !self.is_quiet(moves) {
            return false;
        }
        if self.sync_state.missing == 0 && self.watch.is_trusted(budget.now()) {
            return true;
        }
        budget.spend(2 * COST_SYSCALL);
        self.looks_unchanged(budget.now())
    }

    /// True if nothing is known that a pass would have to look into.
    pub(crate) fn is_quiet(&self, moves: bool) -> bool {
        let sync_state = &self.sync_state;
        let wants_to_move = self.is_writable() && (moves || self.has_writer());
        sync_state.loaded
            && sync_state.checked == (sync_state.check_requests, self.watch.foreign_changes())
            && self.records.tail().is_empty()
            && !(wants_to_move && sync_state.in_new > 0 && !sync_state.moving_failed)
    }

    fn looks_unchanged(&mut self, now: Instant) -> bool {
        if self.watch.is_watching() && self.sync_state.missing == 0 {
            self.watch.trust_until(now + TRUST);
            return self.is_still_there();
        }
        let Ok(stamps) = DirectoryStamps::of(self.dir()) else {
            return false;
        };
        self.sync_state.observation =
            Some(Observation::renew(self.sync_state.observation, stamps, now));
        self.sync_state.settled && self.sync_state.known == Some(stamps)
    }
}
