//! Work that is left over when a session ends early: it is carried to its end later, in steps.
//!
//! # The problem
//!
//! A client may disconnect in the middle of a COPY of 60 000 messages. Then thousands of temporary
//! files have to be removed, or messages that were moved half-way have to be moved to the end. If
//! the destructor of the job did that, all other clients would wait for it.
//!
//! # The approach
//!
//! A job that must not be left half done is kept in a [`Lasting`]. If the job is dropped while
//! something is left to do, its destructor only moves it into the queue of the store, and the event
//! loop steps the queue with a budget ([`Store::clean_up`](super::Store::clean_up)). What remains
//! of a job is either undone or finished, whichever leaves a state that a client can have asked
//! for:
//!
//! | job | before | afterwards |
//! | --- | --- | --- |
//! | APPEND, COPY | until the lines of the uid list are on disk: undone | finished |
//! | MOVE | until all copies are delivered: undone | finished: the originals are removed |
//! | RENAME of a tree | until the first directory is renamed: nothing to do | finished |
//! | DELETE | until the mailbox is renamed: nothing to do | finished |
//! | EXPUNGE, STORE | nothing: each message is done for itself | |
//!
//! # Memory
//!
//! What is left to do holds memory for each message, and a client that disconnects again and again
//! could make the queue grow. So the owner of the session goes on paying for it until it is done
//! ([`MemoryCharge`]).
//!
//! # Locks
//!
//! Files in `tmp/` belong to the job alone: their names are unique, and other programs leave them
//! alone for 36 hours. So the lock of a mailbox is released before they are removed, at once if
//! nothing else is left to do. But a file that has been renamed from `tmp/` to `new/` or `cur/`
//! would get a UID from the next program that takes the lock. So the lock is held until all such
//! files are removed, or are announced.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::budget::{Budget, Step, Why};

/// How often work that waits for a flush looks whether it is done.
const FLUSH_CHECK: Duration = Duration::from_millis(5);

/// A job that must not be left half done. `S` is the [`Store`](super::Store), which this file does
/// not import because the store owns the queue.
pub(crate) trait AbandonedWork<S>: Debug {
    /// True if something has to be done when nothing steps the job any more.
    fn has_work_left(&self) -> bool;

    /// Releases what may be released at once. Called when the session has ended, before the first
    /// [`Self::clean_up`].
    fn abandon(&mut self) {}

    /// Returns the octets of memory that the job holds, in constant time.
    fn memory(&self) -> usize;

    /// Steps what is left until it is done. Errors are logged: no client waits for an answer.
    fn clean_up(&mut self, store: &mut S, budget: &mut Budget<'_>) -> Step<()>;
}

/// One piece of abandoned work.
#[derive(Debug)]
struct Abandoned<S> {
    work: Box<dyn AbandonedWork<S>>,
    /// The work waits for a lock or a flush until then.
    not_before: Option<Instant>,
    /// Whose session has left it, as the server numbers them.
    owner: usize,
    /// Octets of memory that the owner pays for it.
    memory: usize,
}

/// What an owner pays for abandoned work has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryCharge {
    /// The owner, as the server numbers them.
    pub(crate) owner: usize,
    /// Octets of memory that the owner has paid for a piece of work.
    pub(crate) before: usize,
    /// Octets of memory that the owner pays for it from now on.
    pub(crate) after: usize,
}

/// Abandoned work in the order of its next steps.
#[derive(Debug)]
struct AbandonedList<S> {
    entries: VecDeque<Abandoned<S>>,
    /// The owner of the work that is abandoned from now on.
    owner: usize,
    charges: Vec<MemoryCharge>,
}

impl<S> AbandonedList<S> {
    /// Appends a piece of work, which takes as much memory as it says now.
    fn push(&mut self, mut one: Abandoned<S>) {
        let after = one.work.memory();
        self.charge(one.owner, std::mem::replace(&mut one.memory, after), after);
        self.entries.push_back(one);
    }

    fn charge(&mut self, owner: usize, before: usize, after: usize) {
        if before != after {
            self.charges.push(MemoryCharge {
                owner,
                before,
                after,
            });
        }
    }
}

/// The abandoned work of a store.
#[derive(Debug)]
pub(crate) struct AbandonedQueue<S>(Rc<RefCell<AbandonedList<S>>>);

impl<S> Default for AbandonedQueue<S> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(AbandonedList {
            entries: VecDeque::new(),
            owner: 0,
            charges: Vec::new(),
        })))
    }
}

impl<S> AbandonedQueue<S> {
    /// Returns how many pieces of work there are.
    pub(crate) fn len(&self) -> usize {
        self.0.borrow().entries.len()
    }

    /// Notes whose sessions abandon work from now on.
    pub(crate) fn set_owner(&self, owner: usize) {
        self.0.borrow_mut().owner = owner;
    }

    /// Takes the changes of what the owners pay for, in their order.
    pub(crate) fn take_charges(&self) -> Vec<MemoryCharge> {
        std::mem::take(&mut self.0.borrow_mut().charges)
    }

    /// Returns when the first piece of work can be stepped; `None` if there is none.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let entries = &self.0.borrow().entries;
        entries
            .iter()
            .map(|one| one.not_before.unwrap_or(now))
            .min()
    }

    /// Takes the first piece of work that does not wait.
    fn pop_due(&self, now: Instant) -> Option<Abandoned<S>> {
        let entries = &mut self.0.borrow_mut().entries;
        let is_due = |one: &Abandoned<S>| one.not_before.is_none_or(|time| time <= now);
        let at = entries.iter().position(is_due)?;
        entries.remove(at)
    }

    /// Returns a queue of its own that refers to the same work.
    fn share(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// Steps the first piece of work of the queue that `queue_of` returns, and puts it at the end of
/// the queue unless it is done.
pub(super) fn clean_up<S>(
    store: &mut S,
    queue_of: impl Fn(&S) -> &AbandonedQueue<S>,
    budget: &mut Budget<'_>,
) {
    let queue = queue_of(store).share();
    let Some(mut abandoned) = queue.pop_due(budget.now()) else {
        return;
    };
    // What this piece leaves to do belongs to the same owner. Should it panic, it takes no memory.
    let (owner, memory) = (abandoned.owner, std::mem::take(&mut abandoned.memory));
    queue.set_owner(owner);
    queue.0.borrow_mut().charge(owner, memory, 0);
    abandoned.not_before = match abandoned.work.clean_up(store, budget) {
        Step::Done(()) => return,
        Step::Yield(Why::Until(time)) => Some(time),
        Step::Yield(Why::Flush) => Some(budget.now() + FLUSH_CHECK),
        Step::Yield(_) => None,
    };
    queue.0.borrow_mut().push(abandoned);
}

/// Why a [`Lasting`] has its work.
const TAKEN_BY_DROP: &str = "the work is taken only when its owner is dropped";

/// A job that the store carries to its end if nothing else does. If the store is gone already, the
/// job is only dropped: then its destructor undoes what it can.
#[derive(Debug)]
pub(crate) struct Lasting<S, W: AbandonedWork<S> + 'static> {
    /// `None` only while it is dropped.
    work: Option<Box<W>>,
    /// Dangling before the first step, when nothing can be left to do.
    queue: Weak<RefCell<AbandonedList<S>>>,
}

impl<S, W: AbandonedWork<S> + 'static> Lasting<S, W> {
    /// Keeps a job that was not stepped yet.
    pub(crate) fn new(work: W) -> Self {
        Self {
            work: Some(Box::new(work)),
            queue: Weak::new(),
        }
    }

    /// Returns the job, to step it. From now on it is carried to its end by the store of `queue`.
    pub(crate) fn get(&mut self, queue: &AbandonedQueue<S>) -> &mut W {
        if self.queue.strong_count() == 0 {
            self.queue = Rc::downgrade(&queue.0);
        }
        self.work.as_mut().expect(TAKEN_BY_DROP)
    }

    /// Returns the job, to look at it.
    pub(crate) fn work(&self) -> &W {
        self.work.as_ref().expect(TAKEN_BY_DROP)
    }
}

impl<S, W: AbandonedWork<S> + 'static> Drop for Lasting<S, W> {
    fn drop(&mut self) {
        let work = self.work.take().filter(|work| work.has_work_left());
        // After a panic in the work itself, it would panic again and again.
        let queue = self.queue.upgrade().filter(|_| !std::thread::panicking());
        if let (Some(mut work), Some(queue)) = (work, queue) {
            work.abandon();
            let mut list = queue.borrow_mut();
            let owner = list.owner;
            list.push(Abandoned {
                work,
                not_before: None,
                owner,
                memory: 0,
            });
        }
    }
}
