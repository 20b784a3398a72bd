//! The process's inotify instance: the kernel reports changes of the open mailboxes.
//!
//! On a network file system the kernel does not report what other machines do. There, and where no
//! instance or no watch is available, mailboxes are checked by the time stamps of their
//! directories.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use inotify::{Event, EventMask, Inotify, WatchDescriptor, WatchMask};

use crate::store::index::mailbox::Mailbox;
use crate::store::index::watch_state::{NameEvent, WATCHED, WatchState};
use crate::store::maildir::subdir::Subdir;

/// Room for the events of one read, in octets.
const BUFFER: usize = 16 * 1024;

/// Reads of one call: the 8192 reports that they hold at most take about 2 ms. The kernel's queue
/// holds 16 384, and a program may add to it as fast as it is read.
const MOST_READS: usize = 16;

/// File systems on which the kernel does not report changes by other machines, by their magic
/// numbers (`statfs(2)`).
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

/// The inotify instance and its watches.
#[derive(Debug)]
pub(crate) struct InotifyWatches {
    inotify: Inotify,
    /// The slot of the mailbox and the directory that each watch belongs to.
    owners: HashMap<WatchDescriptor, (usize, Subdir)>,
    /// Whether the last call of [`Self::read`] may have left reports unread.
    has_unread: bool,
}

/// A report of the kernel.
pub(super) enum Report<'e> {
    /// Reports were lost: anything may have changed in any mailbox.
    Overflow,
    /// Something happened in a directory of the mailbox in that slot.
    Change {
        slot: usize,
        subdir: Subdir,
        event: Event<&'e OsStr>,
    },
}

impl InotifyWatches {
    /// Creates the instance, without a watch.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: Inotify::init()?,
            owners: HashMap::new(),
            has_unread: false,
        })
    }

    /// Returns the descriptor to poll for reading.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watches the mailbox in that slot, unless it is on a network file system.
    pub(crate) fn watch(&mut self, mailbox: &mut Mailbox, slot: usize) {
        if is_remote(mailbox.dir()) {
            return;
        }
        if let Err(error) = self.add(mailbox, slot) {
            log::debug!(
                "{}: cannot watch the mailbox with inotify: {error}",
                mailbox.dir().display()
            );
            self.unwatch(mailbox);
        }
    }

    fn add(&mut self, mailbox: &mut Mailbox, slot: usize) -> io::Result<()> {
        let mask = WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::MOVED_FROM
            | WatchMask::MOVED_TO
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        for subdir in WATCHED {
            let path = subdir.within(mailbox.dir());
            let descriptor = self.inotify.watches().add(path, mask)?;
            if self.owners.contains_key(&descriptor) {
                return Err(io::Error::other(
                    "the directory belongs to another open mailbox, too",
                ));
            }
            self.owners.insert(descriptor.clone(), (slot, subdir));
            mailbox.watch.descriptors.push(descriptor);
        }
        // Only a scan can find what happened before.
        mailbox.watch.begin_watching();
        Ok(())
    }

    /// Ends the watches of a mailbox.
    pub(crate) fn unwatch(&mut self, mailbox: &mut Mailbox) {
        for descriptor in mailbox.watch.descriptors.drain(..) {
            self.owners.remove(&descriptor);
            // The kernel has removed the watch already if the directory is gone.
            let _ = self.inotify.watches().remove(descriptor);
        }
        mailbox.watch.lose_reports();
    }

    /// True if there may be more reports to read, which the poll does not announce again.
    pub(super) fn has_unread(&self) -> bool {
        self.has_unread
    }

    /// Reads reports of the kernel and passes them to `handle`, only some of them at once.
    pub(super) fn read(&mut self, mut handle: impl FnMut(Report<'_>)) {
        let mut buffer = [0; BUFFER];
        self.has_unread = true;
        for _ in 0..MOST_READS {
            let Ok(events) = self.inotify.read_events(&mut buffer) else {
                self.has_unread = false;
                return;
            };
            for event in events {
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    handle(Report::Overflow);
                    continue;
                }
                let Some(&(slot, subdir)) = self.owners.get(&event.wd) else {
                    continue;
                };
                if event.mask.contains(EventMask::IGNORED) {
                    self.owners.remove(&event.wd);
                }
                handle(Report::Change {
                    slot,
                    subdir,
                    event,
                });
            }
        }
    }
}

/// Notes a report in the state of the mailbox. Returns true if another program caused the change.
pub(super) fn note_event(watch: &mut WatchState, subdir: Subdir, event: &Event<&OsStr>) -> bool {
    let name = event.name.map_or(&b""[..], OsStr::as_bytes);
    let what = if event.mask.contains(EventMask::MOVED_FROM) {
        NameEvent::MovedAway
    } else if event
        .mask
        .intersects(EventMask::MOVED_TO | EventMask::CREATE)
    {
        NameEvent::Appeared
    } else if event.mask.contains(EventMask::DELETE) {
        NameEvent::Removed
    } else {
        // The directory itself was removed or moved.
        watch.lose_watch(&event.wd);
        return true;
    };
    watch.report(what, subdir, name)
}

fn is_remote(dir: &Path) -> bool {
    let status = rustix::fs::statfs(dir);
    status.map_or(true, |status| REMOTE.contains(&(status.f_type as u32)))
}
