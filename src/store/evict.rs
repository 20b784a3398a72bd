//! Closing mailboxes that no session uses any more.
//!
//! Dropping the records of a mailbox takes little time, because they are in a few large pieces. But
//! writing its mod-sequences takes time for each message. So a mailbox that has some to write stays
//! in the store until they are written, as abandoned work. If a session opens it meanwhile, the
//! work ends, and the mailbox stays.

use super::abandoned::{AbandonedWork, Lasting};
use super::index::mod_sequences::SaveModSequences;
use super::open_mailboxes::Slot;
use super::{MailboxHandle, Store};
use crate::budget::{Budget, Step};
use crate::ready;

/// Mailboxes closed at once. If many sessions end together, the next ones that open mailboxes close
/// theirs.
const CLOSED_AT_ONCE: usize = 8;

impl Store {
    /// Closes mailboxes that no session holds, the least recently opened ones first, until the
    /// others are within the limits of the settings, but only some of them at once.
    pub(crate) fn evict(&mut self) {
        let idle =
            |slot: &Slot| (!slot.is_held()).then_some((slot.last_open, slot.mailbox.memory()));
        let mut warm: Vec<(u64, usize, usize)> = (0..)
            .zip(&self.slots)
            .filter_map(|(number, slot)| slot.as_ref().and_then(idle).map(|(u, m)| (u, m, number)))
            .collect();
        warm.sort_unstable();
        let mut bytes: usize = warm.iter().map(|&(_, memory, _)| memory).sum();
        let mut count = warm.len();
        for (_, memory, number) in warm.into_iter().take(CLOSED_AT_ONCE) {
            if count <= self.settings().warm_mailboxes && bytes <= self.settings().warm_bytes {
                break;
            }
            self.close(number);
            (count, bytes) = (count - 1, bytes - memory);
        }
        let is_useless = |slot: &Slot| !slot.is_held() && slot.mailbox.is_invalid();
        let useless = (0..self.slots.len())
            .filter(|&number| self.slots[number].as_ref().is_some_and(is_useless));
        let useless: Vec<usize> = useless.take(CLOSED_AT_ONCE).collect();
        for number in useless {
            self.close(number);
        }
    }

    /// Closes all mailboxes that no session holds, because the process ends. The mod-sequences of
    /// some are then left to write, as abandoned work; without that, clients have to compare more.
    pub(crate) fn close_all(&mut self) {
        for number in 0..self.slots.len() {
            if self.slots[number]
                .as_ref()
                .is_some_and(|slot| !slot.is_held())
            {
                self.close(number);
            }
        }
    }

    /// Closes a mailbox, or begins to write its mod-sequences first.
    fn close(&mut self, number: usize) {
        let Some(slot) = &mut self.slots[number] else {
            return;
        };
        match SaveModSequences::begin(&mut slot.mailbox, &self.owner) {
            Some(save) => {
                let handle = slot.handle.clone();
                let mut close = Lasting::new(CloseMailbox { handle, save });
                // Dropped at once, it goes to the queue.
                close.get(&self.abandoned);
            }
            None => self.drop_slot(number),
        }
    }
}

/// Writes the mod-sequences of a mailbox, and closes it.
#[derive(Debug)]
struct CloseMailbox {
    handle: MailboxHandle,
    save: SaveModSequences,
}

impl AbandonedWork<Store> for CloseMailbox {
    fn has_work_left(&self) -> bool {
        true
    }

    /// A mailbox belongs to all its users: none of them pays for it.
    fn memory(&self) -> usize {
        0
    }

    fn clean_up(&mut self, store: &mut Store, budget: &mut Budget<'_>) -> Step<()> {
        // This one and that of the store are no sessions.
        if self.handle.count() > 2 {
            return Step::Done(());
        }
        let (mailbox, context) = store.parts(&self.handle);
        if !mailbox.is_invalid() {
            ready!(self.save.step(mailbox, &context, budget));
        }
        store.drop_slot(self.handle.slot());
        Step::Done(())
    }
}
