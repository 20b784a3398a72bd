//! The locks of a mailbox: two of them, one inside the other, and never a blocking wait for either.
//!
//! imap2d processes exclude each other by an advisory lock on `imap2d-lock` in the mailbox
//! directory, which the kernel releases when its holder dies. Dovecot does not know that lock. Its
//! own lock is the mere existence of `dovecot-uidlist.lock`, whose text names the holder, because
//! the file outlives its holder. Both locks are taken, in this order, whenever the uid list or the
//! keywords are written, messages are removed, or flags change (flags change without the lock if it
//! is not available: see `ops/flags.rs`). Reading needs no lock, and delivering into `new/` needs
//! none.
//!
//! If another process holds a lock, nothing sleeps: [`MailboxLock::try_acquire`] returns `None`,
//! and [`LockRetry`] says when to try again.
//!
//! # When is a dotlock stale?
//!
//! * If the holder is a process of this host that is gone: at once, but not before the lock is two
//!   seconds old, because its text may be just being written.
//! * If the holder is a process of this host that lives: never.
//! * If the holder is on another host, or the text does not name it: when for two minutes neither
//!   the lock nor the uid list has changed.
//!
//! The last rule works because a holder at work touches its lock every ten seconds.
//! [`ForeignLockAge`] remembers since when nothing has changed.

mod dot_lock;
mod mailbox_lock;
mod retry;
#[cfg(test)]
mod tests;

pub(crate) use self::dot_lock::{ForeignLockAge, LockOwner};
pub(crate) use self::mailbox_lock::MailboxLock;
pub(crate) use self::retry::LockRetry;
