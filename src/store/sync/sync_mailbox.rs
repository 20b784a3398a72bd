//! Bringing a mailbox up to date with its directory, if it is not so already.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::reconcile::Pass;
use crate::budget::{Budget, COST_SYSCALL, Step};
use crate::ready;
use crate::store::index::mailbox::Mailbox;
use crate::store::index::view::Access;
use crate::store::maildir::directory::{Observation, Stamps};
use crate::store::{MailboxHandle, Store, StoreError};

/// How long the kernel is trusted to tell of changes before the mailbox is looked at all the same.
const TRUST: Duration = Duration::from_secs(30);

/// Brings a mailbox up to date. Sessions that want the same at the same time share the work.
#[derive(Debug)]
pub(crate) struct SyncMailbox {
    handle: MailboxHandle,
    /// A read-write view is about to be opened.
    moves: bool,
    pass: Option<Rc<RefCell<Pass>>>,
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
            pass: None,
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
        let (mailbox, mut tools) = store.parts(&self.handle);
        loop {
            if mailbox.is_void() {
                return Step::Done(Err(StoreError::Invalidated));
            }
            let pass = match &self.pass {
                Some(pass) => pass.clone(),
                None if mailbox.is_up_to_date(self.moves, budget) => return Step::Done(Ok(())),
                None => self.join(mailbox),
            };
            let result = ready!(pass.borrow_mut().step(mailbox, &mut tools, budget));
            self.pass = None;
            drop(pass);
            if self.is_ours || result.is_err() {
                return Step::Done(result);
            }
        }
    }

    /// Takes part in the pass that is going on, or starts one.
    fn join(&mut self, mailbox: &mut Mailbox) -> Rc<RefCell<Pass>> {
        let running = mailbox
            .pass
            .upgrade()
            .filter(|pass| !pass.borrow().has_ended());
        self.is_ours = running.is_none();
        let pass = running.unwrap_or_else(|| Rc::new(RefCell::new(Pass::new(self.moves))));
        mailbox.pass = Rc::downgrade(&pass);
        self.pass = Some(pass.clone());
        pass
    }
}

impl Mailbox {
    /// True if nothing can have changed since the last pass. Asks the system only if the kernel is
    /// not to be trusted to tell.
    pub(crate) fn is_up_to_date(&mut self, moves: bool, budget: &mut Budget<'_>) -> bool {
        if !self.is_quiet(moves) {
            return false;
        }
        if self.disk.ghosts == 0 && self.hearing.is_trusted(budget.now()) {
            return true;
        }
        budget.spend(2 * COST_SYSCALL);
        self.looks_unchanged(budget.now())
    }

    /// True if nothing is known that a pass would have to look into.
    pub(crate) fn is_quiet(&self, moves: bool) -> bool {
        let disk = &self.disk;
        let wants_to_move = self.is_writable() && (moves || self.has_writer());
        disk.loaded
            && disk.cleared == (disk.suspicions, self.hearing.heard())
            && self.table.tail().is_empty()
            && !(wants_to_move && disk.in_new > 0 && !disk.moving_failed)
    }

    fn looks_unchanged(&mut self, now: Instant) -> bool {
        if self.hearing.is_watching() && self.disk.ghosts == 0 {
            self.hearing.trust_until(now + TRUST);
            return self.is_still_there();
        }
        let Ok(stamps) = Stamps::of(self.dir()) else {
            return false;
        };
        self.disk.observation = Some(Observation::renew(self.disk.observation, stamps, now));
        self.disk.settled && self.disk.known == Some(stamps)
    }
}
