//! The cursor that FETCH, STORE, SEARCH, COPY and MOVE share.

use std::rc::Rc;

use super::job::Context;
use super::output::HIGH_WATER;
use crate::budget::{RECORDS_PER_UNIT, Step, Why};
use crate::store::{Cursor, MessageRef};
use crate::types::NumberSet;

/// A cursor over the messages of a set. It stops between two messages when the budget is spent or
/// the output queue is full.
pub(super) struct EachMessage {
    cursor: Cursor,
    /// The message in work, until [`Self::advance`].
    current: Option<MessageRef>,
    /// Lookups in memory that are not paid for yet.
    lookups: u32,
}

impl EachMessage {
    /// Makes a cursor over message sequence numbers, or over UIDs.
    pub(super) fn new(set: impl Into<Rc<NumberSet>>, by_uid: bool) -> Self {
        let cursor = if by_uid {
            Cursor::over_uids(set)
        } else {
            Cursor::over_numbers(set)
        };
        Self {
            cursor,
            current: None,
            lookups: 0,
        }
    }

    /// Returns the octets of memory that the set takes.
    pub(super) fn memory(&self) -> usize {
        self.cursor.memory()
    }

    /// Replaces the set by other message sequence numbers.
    pub(super) fn continue_with(&mut self, set: NumberSet) {
        self.cursor = Cursor::over_numbers(set);
    }

    /// Returns the message to work on, the same one until [`Self::advance`]; `None` after the last.
    pub(super) fn current(&mut self, cx: &Context<'_, '_>) -> Step<Option<MessageRef>> {
        if self.current.is_some() {
            return Step::Done(self.current);
        }
        if cx.budget.is_spent() {
            return Step::Yield(Why::Budget);
        }
        if cx.state.output.unsent() >= HIGH_WATER {
            return Step::Yield(Why::OutputFull);
        }
        let Some(view) = cx.state.view() else {
            return Step::Done(None);
        };
        self.current = self.cursor.next(cx.store.mailbox(view.handle()), view);
        Step::Done(self.current)
    }

    /// Ends the work on the current message, and pays `cost` units for it.
    pub(super) fn advance(&mut self, cx: &mut Context<'_, '_>, cost: u32) {
        self.current = None;
        cx.budget.spend(cost);
    }

    /// Ends the work on the current message, which took `lookups` records or keys in memory. They
    /// are too cheap to be paid for one by one.
    pub(super) fn advance_in_memory(&mut self, cx: &mut Context<'_, '_>, lookups: u32) {
        self.lookups += lookups;
        self.advance(cx, self.lookups / RECORDS_PER_UNIT);
        self.lookups %= RECORDS_PER_UNIT;
    }
}
