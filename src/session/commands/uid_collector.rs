//! Collecting the UIDs of the messages that a COPY or MOVE is about.

use std::rc::Rc;

use crate::budget::Step;
use crate::ready;
use crate::session::each_message::EachMessage;
use crate::session::job::Context;
use crate::types::NumberSet;

/// Collects the UIDs of the messages of a set.
pub(super) struct UidCollector {
    each: EachMessage,
    uids: NumberSet,
}

impl UidCollector {
    /// Begins with a set of message sequence numbers, or of UIDs.
    pub(super) fn new(set: Rc<NumberSet>, by_uid: bool) -> Self {
        Self {
            each: EachMessage::new(set, by_uid),
            uids: NumberSet::new(),
        }
    }

    /// Returns the octets of memory that the set and the UIDs take.
    pub(super) fn memory(&self) -> usize {
        self.each.memory() + self.uids.memory()
    }

    /// Collects on; done with the UIDs of those messages that exist.
    pub(super) fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<NumberSet> {
        while let Some(message) = ready!(self.each.current(cx)) {
            self.uids.insert(message.uid.get());
            self.each.advance(cx, 1);
        }
        Step::Done(std::mem::take(&mut self.uids))
    }
}
