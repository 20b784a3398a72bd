//! Which mailboxes the sessions that wait for changes should look at.
//!
//! A change becomes known in one of three ways. The kernel reports what other programs do
//! ([`Store::poll_inotify`]). The store notes what sessions of this process do, or find when they
//! sync ([`Store::take_changed`]). Everything else is found by checking the time stamps of the
//! directories at the time that [`Store::next_check`] returns.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::inotify::{InotifyWatches, Report, note_event};
use crate::budget::Budget;
use crate::store::open_mailboxes::Slot;
use crate::store::{MailboxHandle, Store};

/// How often a mailbox is checked whose changes the kernel does not report, so that new messages
/// are announced within a second.
const CHECK_EVERY: Duration = Duration::from_secs(1);

impl Store {
    /// Asks the kernel to report changes in all open mailboxes. From then on the caller has to call
    /// [`Self::poll_inotify`] whenever [`Self::inotify_fd`] is readable, before it runs a session:
    /// a [`SyncMailbox`](crate::store::SyncMailbox) makes no system call where the kernel has
    /// reported nothing.
    ///
    /// # Errors
    /// The kernel has no inotify instance left. The store goes on by checking time stamps.
    pub fn start_watching(&mut self) -> io::Result<()> {
        let mut inotify = InotifyWatches::new()?;
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if let Some(slot) = slot {
                self.touched.insert(number);
                inotify.watch(&mut slot.mailbox, number);
            }
        }
        self.inotify = Some(inotify);
        Ok(())
    }

    /// Returns the descriptor to poll for reading, if the kernel reports changes.
    pub(crate) fn inotify_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(InotifyWatches::fd)
    }

    /// True if [`Self::poll_inotify`] has left reports unread, so that it has to be called again.
    pub(crate) fn has_unread_reports(&self) -> bool {
        self.inotify
            .as_ref()
            .is_some_and(InotifyWatches::has_unread)
    }

    /// Reads reports of the kernel, some thousands at once. Returns the mailboxes that other
    /// programs have changed.
    pub fn poll_inotify(&mut self) -> Vec<MailboxHandle> {
        let Self { inotify, slots, .. } = self;
        let Some(inotify) = inotify else {
            return Vec::new();
        };
        let mut changed: Vec<usize> = Vec::new();
        inotify.read(|report| match report {
            Report::Overflow => changed.extend(lose_all_reports(slots)),
            Report::Change {
                slot: number,
                subdir,
                event,
            } => {
                let slot = slots.get_mut(number).and_then(Option::as_mut);
                if slot.is_some_and(|slot| note_event(&mut slot.mailbox.watch, subdir, &event)) {
                    changed.push(number);
                }
            }
        });
        changed.sort_unstable();
        changed.dedup();
        let slots = changed
            .into_iter()
            .filter_map(|number| slots[number].as_ref());
        slots.map(|slot| slot.handle.clone()).collect()
    }

    /// Returns the mailboxes that have changed in memory since the last call. Costs nothing for
    /// those that no session has worked on.
    pub(crate) fn take_changed(&mut self) -> Vec<MailboxHandle> {
        let mut changed = Vec::new();
        for number in std::mem::take(&mut self.touched) {
            let Some(slot) = &mut self.slots[number] else {
                continue;
            };
            let version = slot.mailbox.version();
            if std::mem::replace(&mut slot.seen_version, version) != version {
                changed.push(slot.handle.clone());
            }
        }
        changed
    }

    /// Has the mailboxes loaded anew that were worked on since the last call of
    /// [`Self::take_changed`]: a panic has ended that work, and may have left a change half done.
    /// Sessions that have one of them selected lose their connection.
    pub(crate) fn invalidate_touched(&mut self) {
        for number in &self.touched {
            if let Some(slot) = &mut self.slots[*number] {
                slot.mailbox.invalidate();
            }
        }
    }

    /// Returns when to call [`Self::may_have_changed`] for a mailbox that sessions wait for. `None`
    /// if the kernel reports all changes and the last scan left nothing to find out.
    pub(crate) fn next_check(&self, handle: &MailboxHandle, now: Instant) -> Option<Instant> {
        let mailbox = self.mailbox(handle);
        let is_reported = mailbox.watch.is_watching() && mailbox.sync_state.missing == 0;
        let needs_none = mailbox.is_invalid() || is_reported && mailbox.is_quiet(false);
        (!needs_none).then(|| now + CHECK_EVERY)
    }

    /// False if the time stamps show that a [`SyncMailbox`](crate::store::SyncMailbox) would find
    /// nothing.
    pub(crate) fn may_have_changed(
        &mut self,
        handle: &MailboxHandle,
        budget: &mut Budget<'_>,
    ) -> bool {
        let mailbox = self.mailbox_mut(handle);
        mailbox.is_invalid() || !mailbox.is_up_to_date(false, budget)
    }
}

/// Takes note that reports were lost. Returns the slots of the watched mailboxes.
fn lose_all_reports(slots: &mut [Option<Slot>]) -> Vec<usize> {
    let mut watched = Vec::new();
    for (number, slot) in slots.iter_mut().enumerate() {
        if let Some(slot) = slot
            .as_mut()
            .filter(|slot| slot.mailbox.watch.is_watching())
        {
            slot.mailbox.watch.lose_reports();
            watched.push(number);
        }
    }
    watched
}
