//! The calls by which the event loop steps abandoned work: see [`super::abandoned`].

use std::time::Instant;

use super::Store;
use super::abandoned;
use super::abandoned::MemoryCharge;
use crate::budget::Budget;

impl Store {
    /// Returns how many pieces of work are left of jobs whose sessions have ended. The event loop
    /// gives each of them one step in a turn, as it would have given the session.
    pub fn abandoned_work(&self) -> usize {
        self.abandoned.len()
    }

    /// Takes the changes of what owners pay for abandoned work, in their order.
    pub(crate) fn take_memory_charges(&self) -> Vec<MemoryCharge> {
        self.abandoned.take_charges()
    }

    /// Returns when to call [`Self::clean_up`] next; `None` if nothing is left to do.
    pub fn next_clean_up(&self, now: Instant) -> Option<Instant> {
        self.abandoned.due(now)
    }

    /// Gives one step to the piece of abandoned work whose turn it is.
    pub fn clean_up(&mut self, budget: &mut Budget<'_>) {
        abandoned::clean_up(self, |store| &store.abandoned, budget);
    }
}
