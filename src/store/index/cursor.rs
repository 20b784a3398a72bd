//! A walk over some messages of a view, by number or by UID, that survives whatever happens to the
//! mailbox between two steps.

use super::mailbox::Mailbox;
use super::view::{MessageRef, View};
use crate::types::{NumberSet, Uid};

/// Which messages a cursor visits.
#[derive(Debug, Clone)]
enum Wanted {
    Numbers(NumberSet),
    Uids(NumberSet),
}

/// Where a cursor stands: on the record that it will look at next.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    number: u32,
    /// The table's layout and the view's knowledge for which this holds.
    valid_for: (u32, u64),
}

/// Visits messages in ascending order, each in constant time unless the view has just been told of
/// expunges, or the mailbox was compacted: then it finds its place anew, by UID.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    wanted: Wanted,
    /// The UID of the last message visited, 0 before the first.
    last_uid: u32,
    place: Option<Place>,
}

impl Cursor {
    /// Visits messages by their numbers in the view. The numbers are those that hold at the first
    /// step: do not tell the view of expunges while it runs.
    pub(crate) fn over_numbers(numbers: NumberSet) -> Self {
        Self::new(Wanted::Numbers(numbers))
    }

    /// Visits messages by UID; UIDs that no message has are passed over.
    pub(crate) fn over_uids(uids: NumberSet) -> Self {
        Self::new(Wanted::Uids(uids))
    }

    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            last_uid: 0,
            place: None,
        }
    }

    /// The next message, `None` at the end.
    pub(crate) fn next(&mut self, mailbox: &Mailbox, view: &View) -> Option<MessageRef> {
        let told = view.buried();
        let mut at = self.locate(mailbox, told);
        loop {
            at = self.leap(mailbox, at, told)?;
            while at.index < mailbox.table.published().len()
                && !mailbox.table.counts(at.index, told)
            {
                at.index += 1;
            }
            if at.number > view.exists() || at.index >= mailbox.table.published().len() {
                return None;
            }
            let uid = Uid::new(mailbox.table.record(at.index).uid)?;
            if self.wants(uid) {
                self.last_uid = uid.get();
                let found = MessageRef {
                    number: at.number,
                    uid,
                };
                self.place = Some(Place {
                    index: at.index + 1,
                    number: at.number + 1,
                    ..at
                });
                return Some(found);
            }
        }
    }

    /// Where it stands, for sure: what was remembered if it still holds, else found by UID.
    fn locate(&self, mailbox: &Mailbox, told: u64) -> Place {
        let valid_for = (mailbox.table.layout(), told);
        match self.place {
            Some(place) if place.valid_for == valid_for => place,
            _ => place_at_uid(mailbox, self.last_uid.saturating_add(1), told),
        }
    }

    /// Skips what is not wanted; `None` if nothing more is.
    fn leap(&self, mailbox: &Mailbox, at: Place, told: u64) -> Option<Place> {
        match &self.wanted {
            Wanted::Numbers(numbers) => {
                let number = numbers.next_from(at.number)?;
                if number == at.number {
                    return Some(at);
                }
                let index = mailbox.table.index_of(number, told);
                Some(Place {
                    index,
                    number,
                    ..at
                })
            }
            Wanted::Uids(uids) => {
                let Some(here) = mailbox.table.published().get(at.index) else {
                    return Some(at);
                };
                let uid = uids.next_from(here.uid)?;
                if uid == here.uid {
                    return Some(at);
                }
                Some(place_at_uid(mailbox, uid, told))
            }
        }
    }

    fn wants(&self, uid: Uid) -> bool {
        match &self.wanted {
            Wanted::Numbers(_) => true,
            Wanted::Uids(uids) => uids.contains(uid.get()),
        }
    }
}

/// The place of the first record whose UID is at least `uid`.
fn place_at_uid(mailbox: &Mailbox, uid: u32, told: u64) -> Place {
    let index = mailbox.table.find_uid(uid).unwrap_or_else(|next| next);
    Place {
        index,
        number: mailbox.table.number_of(index, told),
        valid_for: (mailbox.table.layout(), told),
    }
}
