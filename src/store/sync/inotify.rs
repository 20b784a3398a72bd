//! WatchState of changes from the kernel: one inotify instance for the whole process.
//!
//! The kernel tells of every change, our own included, before the system call that made it returns.
//! So each mailbox keeps a short list of what it is about to hear of its own doing; anything else
//! means that somebody else was there. On a network file system nobody tells of what other machines
//! do, so there, and where there is no instance or no watch to be had, mailboxes are looked at by
//! time stamps.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use inotify::{Event, EventMask, Inotify, WatchDescriptor, WatchMask};

use crate::store::index::mailbox::Mailbox;
use crate::store::maildir::directory::Subdir;
use crate::store::{MailboxHandle, Store};

/// What is watched of a mailbox.
const PLACES: [Subdir; 2] = [Subdir::New, Subdir::Cur];
/// Own changes that may be unheard at a time; beyond them the mailbox is scanned again.
const MOST_EXPECTED: usize = 8192;
/// Room for the events of one read.
const BUFFER: usize = 16 * 1024;

/// File systems whose changes by other machines nobody tells of, by their magic numbers
/// (`statfs(2)`).
const REMOTE: [u32; 11] = [
    0x6969,      // NFS
    0x517B,      // SMB
    0xFE53_4D42, // SMB2
    0xFF53_4D42, // CIFS
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
    0x6573_5546, // FUSE
    0x5346_414F, // AFS
    0x6B41_4653, // kAFS
    0x7461_636F, // OCFS2
    0x0116_1970, // GFS2
];

/// The process's inotify instance, and what it watches.
#[derive(Debug)]
pub(crate) struct InotifyWatches {
    inotify: Inotify,
    slots: HashMap<WatchDescriptor, (usize, Subdir)>,
}

/// What one mailbox hears.
#[derive(Debug, Default)]
pub(crate) struct WatchState {
    watches: Vec<WatchDescriptor>,
    /// Counts what was heard that was not our own doing.
    foreign_changes: u64,
    /// Until when silence is trusted.
    trusted_until: Option<Instant>,
    /// Our own changes that were not heard of yet, oldest first, as hashes.
    expected: VecDeque<u64>,
    hasher: RandomState,
}

/// What can happen to a name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NameEvent {
    Left,
    Came,
    Removed,
}

impl WatchState {
    /// Grows with every change that somebody else has made.
    pub(crate) fn foreign_changes(&self) -> u64 {
        self.foreign_changes
    }

    /// True if the kernel tells of changes, in both directories.
    pub(crate) fn is_watching(&self) -> bool {
        self.watches.len() == PLACES.len()
    }

    /// True if it does, and there was a look at the mailbox not long ago.
    pub(crate) fn is_trusted(&self, now: Instant) -> bool {
        self.is_watching() && self.trusted_until.is_some_and(|until| now < until)
    }

    pub(crate) fn trust_until(&mut self, until: Instant) {
        self.trusted_until = Some(until);
    }

    /// We have renamed a file within the mailbox.
    pub(crate) fn expect_rename(&mut self, from: (Subdir, &[u8]), to: (Subdir, &[u8])) {
        self.expect(NameEvent::Left, from.0, from.1);
        self.expect(NameEvent::Came, to.0, to.1);
    }

    /// We have moved a file into the mailbox.
    pub(crate) fn expect_arrival(&mut self, subdir: Subdir, name: &[u8]) {
        self.expect(NameEvent::Came, subdir, name);
    }

    /// We have removed a file.
    pub(crate) fn expect_removal(&mut self, subdir: Subdir, name: &[u8]) {
        self.expect(NameEvent::Removed, subdir, name);
    }

    fn expect(&mut self, what: NameEvent, subdir: Subdir, name: &[u8]) {
        if !self.is_watching() {
            return;
        }
        if self.expected.len() == MOST_EXPECTED {
            self.expected.clear();
            self.foreign_changes += 1;
        }
        let expected = self.hasher.hash_one((what, subdir.name(), name));
        self.expected.push_back(expected);
    }

    /// True if it was somebody else's doing.
    fn hear(&mut self, what: NameEvent, subdir: Subdir, name: &[u8]) -> bool {
        let heard = self.hasher.hash_one((what, subdir.name(), name));
        match self.expected.iter().position(|&expected| expected == heard) {
            Some(at) => {
                // The kernel keeps the order; what should have come before will not come any more.
                self.expected.drain(..=at);
                false
            }
            None => {
                self.foreign_changes += 1;
                true
            }
        }
    }

    /// Events were lost, or the directory itself went.
    fn lose(&mut self) {
        self.expected.clear();
        self.foreign_changes += 1;
    }
}

impl Store {
    /// Asks the kernel to tell of changes in all mailboxes that are open. From then on somebody has
    /// to call [`Self::poll_inotify`] whenever [`Self::inotify_fd`] is readable, before any session
    /// is run; a [`SyncMailbox`](crate::store::SyncMailbox) trusts it and makes no system call
    /// where nothing was heard of.
    ///
    /// # Errors
    /// There is no instance to be had. The store goes on by looking at time stamps.
    pub fn start_watching(&mut self) -> io::Result<()> {
        self.inotify = Some(InotifyWatches {
            inotify: Inotify::init()?,
            slots: HashMap::new(),
        });
        let handles: Vec<MailboxHandle> = self
            .slots
            .iter()
            .flatten()
            .map(|slot| MailboxHandle(slot.token.clone()))
            .collect();
        for handle in handles {
            self.watch_mailbox(&handle);
        }
        Ok(())
    }

    /// The descriptor to poll for reading.
    pub fn inotify_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(|watch| watch.inotify.as_fd())
    }

    /// Takes what the kernel has to tell. Returns the mailboxes that changed by somebody else's
    /// doing, whose sessions may want to look.
    pub fn poll_inotify(&mut self) -> Vec<MailboxHandle> {
        let mut changed: Vec<usize> = Vec::new();
        let mut buffer = [0; BUFFER];
        while let Some(watch) = &mut self.inotify {
            let Ok(events) = watch.inotify.read_events(&mut buffer) else {
                break;
            };
            for event in events {
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    changed.extend(lose_all(&mut self.slots));
                    continue;
                }
                let Some(&(number, subdir)) = watch.slots.get(&event.wd) else {
                    continue;
                };
                if event.mask.contains(EventMask::IGNORED) {
                    watch.slots.remove(&event.wd);
                }
                let slot = self.slots.get_mut(number).and_then(Option::as_mut);
                if slot.is_some_and(|slot| tell(&mut slot.mailbox.watch, subdir, &event)) {
                    changed.push(number);
                }
            }
        }
        changed.sort_unstable();
        changed.dedup();
        let slots = changed
            .into_iter()
            .filter_map(|number| self.slots[number].as_ref());
        slots
            .map(|slot| MailboxHandle(slot.token.clone()))
            .collect()
    }

    /// Begins to watch a mailbox, if that is any good.
    pub(crate) fn watch_mailbox(&mut self, handle: &MailboxHandle) {
        let Some(mut watch) = self.inotify.take() else {
            return;
        };
        let mailbox = self.mailbox_mut(handle);
        if !is_remote(mailbox.dir()) {
            if let Err(error) = watch.add(mailbox, handle.0.slot) {
                log::debug!("{}: cannot be watched: {error}", mailbox.dir().display());
                watch.remove(&mut mailbox.watch);
            }
        }
        self.inotify = Some(watch);
    }

    pub(crate) fn unwatch_mailbox(&mut self, mailbox: &mut Mailbox) {
        if let Some(watch) = &mut self.inotify {
            watch.remove(&mut mailbox.watch);
        }
    }
}

impl InotifyWatches {
    fn add(&mut self, mailbox: &mut Mailbox, slot: usize) -> io::Result<()> {
        let mask = WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::MOVED_FROM
            | WatchMask::MOVED_TO
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        for subdir in PLACES {
            let path = subdir.within(mailbox.dir());
            let descriptor = self.inotify.watches().add(path, mask)?;
            if self.slots.contains_key(&descriptor) {
                return Err(io::Error::other("it is another mailbox's directory, too"));
            }
            self.slots.insert(descriptor.clone(), (slot, subdir));
            mailbox.watch.watches.push(descriptor);
        }
        // Whatever happened before it was watched has to be found by a scan.
        mailbox.watch.foreign_changes += 1;
        Ok(())
    }

    fn remove(&mut self, watch: &mut WatchState) {
        for descriptor in watch.watches.drain(..) {
            self.slots.remove(&descriptor);
            // The kernel has removed it already if the directory is gone.
            let _ = self.inotify.watches().remove(descriptor);
        }
        watch.lose();
    }
}

/// True if the event was somebody else's doing.
fn tell(watch: &mut WatchState, subdir: Subdir, event: &Event<&OsStr>) -> bool {
    let name = event.name.map_or(&b""[..], OsStr::as_bytes);
    let what = if event.mask.contains(EventMask::MOVED_FROM) {
        NameEvent::Left
    } else if event
        .mask
        .intersects(EventMask::MOVED_TO | EventMask::CREATE)
    {
        NameEvent::Came
    } else if event.mask.contains(EventMask::DELETE) {
        NameEvent::Removed
    } else {
        // The directory itself has gone or moved, and with it the watch.
        watch.watches.retain(|descriptor| *descriptor != event.wd);
        watch.trusted_until = None;
        watch.lose();
        return true;
    };
    watch.hear(what, subdir, name)
}

fn lose_all(slots: &mut [Option<crate::store::Slot>]) -> Vec<usize> {
    let mut watched = Vec::new();
    for (number, slot) in slots.iter_mut().enumerate() {
        if let Some(slot) = slot
            .as_mut()
            .filter(|slot| slot.mailbox.watch.is_watching())
        {
            slot.mailbox.watch.lose();
            watched.push(number);
        }
    }
    watched
}

fn is_remote(dir: &Path) -> bool {
    let status = rustix::fs::statfs(dir);
    status.map_or(true, |status| REMOTE.contains(&(status.f_type as u32)))
}
