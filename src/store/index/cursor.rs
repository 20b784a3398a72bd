//! A walk over some messages of a view, by number or by UID, that survives changes of the mailbox
//! between two steps.

use std::rc::Rc;

use super::mailbox::Mailbox;
use super::view::View;
use super::view_state::MessageRef;
use crate::types::{NumberSet, Uid};

/// Which messages a cursor visits.
#[derive(Debug, Clone)]
enum CursorTarget {
    Numbers(Rc<NumberSet>),
    Uids(Rc<NumberSet>),
}

/// Where a cursor is: on the record that it looks at next.
#[derive(Debug, Clone, Copy)]
struct CursorPosition {
    index: usize,
    number: u32,
    /// The layout of the records and the view's announced expunges for which this position holds.
    valid_for: (u32, u64),
}

/// Visits messages in ascending order, each in constant time. If the view has announced expunges
/// since the last step, or the mailbox was compacted, the cursor finds its position again by UID.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    wanted: CursorTarget,
    /// The UID of the last message visited, 0 before the first.
    last_uid: u32,
    position: Option<CursorPosition>,
}

impl Cursor {
    /// Visits messages by their numbers in the view. The numbers are those of the first step: the
    /// view must not announce expunges while the cursor is in use.
    pub(crate) fn over_numbers(numbers: impl Into<Rc<NumberSet>>) -> Self {
        Self::new(CursorTarget::Numbers(numbers.into()))
    }

    /// Visits messages by UID; UIDs without a message are skipped.
    pub(crate) fn over_uids(uids: impl Into<Rc<NumberSet>>) -> Self {
        Self::new(CursorTarget::Uids(uids.into()))
    }

    fn new(wanted: CursorTarget) -> Self {
        Self {
            wanted,
            last_uid: 0,
            position: None,
        }
    }

    /// Returns the octets of memory that the set of wanted messages takes.
    pub(crate) fn memory(&self) -> usize {
        match &self.wanted {
            CursorTarget::Numbers(set) | CursorTarget::Uids(set) => set.memory(),
        }
    }

    /// Returns the next message, or `None` at the end.
    pub(crate) fn next(&mut self, mailbox: &Mailbox, view: &View) -> Option<MessageRef> {
        let announced = view.expunges_announced();
        let mut at = self.locate(mailbox, announced);
        loop {
            at = self.leap(mailbox, at, announced)?;
            while at.index < mailbox.records.published().len()
                && !mailbox.records.counts(at.index, announced)
            {
                at.index += 1;
            }
            if at.number > view.exists() || at.index >= mailbox.records.published().len() {
                return None;
            }
            let uid = Uid::new(mailbox.records.record(at.index).uid)?;
            if self.wants(uid) {
                self.last_uid = uid.get();
                let found = MessageRef {
                    number: at.number,
                    uid,
                };
                self.position = Some(CursorPosition {
                    index: at.index + 1,
                    number: at.number + 1,
                    ..at
                });
                return Some(found);
            }
        }
    }

    /// Returns the position: the remembered one if it still holds, else the one found by UID.
    fn locate(&self, mailbox: &Mailbox, announced: u64) -> CursorPosition {
        let valid_for = (mailbox.records.layout(), announced);
        match self.position {
            Some(position) if position.valid_for == valid_for => position,
            _ => position_at_uid(mailbox, self.last_uid.saturating_add(1), announced),
        }
    }

    /// Skips messages that are not wanted. Returns `None` if no wanted message is left.
    fn leap(
        &self,
        mailbox: &Mailbox,
        at: CursorPosition,
        announced: u64,
    ) -> Option<CursorPosition> {
        match &self.wanted {
            CursorTarget::Numbers(numbers) => {
                let number = numbers.next_from(at.number)?;
                if number == at.number {
                    return Some(at);
                }
                let index = mailbox.records.index_of(number, announced);
                Some(CursorPosition {
                    index,
                    number,
                    ..at
                })
            }
            CursorTarget::Uids(uids) => {
                let Some(here) = mailbox.records.published().get(at.index) else {
                    return Some(at);
                };
                let uid = uids.next_from(here.uid)?;
                if uid == here.uid {
                    return Some(at);
                }
                Some(position_at_uid(mailbox, uid, announced))
            }
        }
    }

    fn wants(&self, uid: Uid) -> bool {
        match &self.wanted {
            CursorTarget::Numbers(_) => true,
            CursorTarget::Uids(uids) => uids.contains(uid.get()),
        }
    }
}

/// Returns the position of the first record whose UID is at least `uid`.
fn position_at_uid(mailbox: &Mailbox, uid: u32, announced: u64) -> CursorPosition {
    let index = mailbox.records.find_uid(uid).unwrap_or_else(|next| next);
    CursorPosition {
        index,
        number: mailbox.records.number_of(index, announced),
        valid_for: (mailbox.records.layout(), announced),
    }
}
