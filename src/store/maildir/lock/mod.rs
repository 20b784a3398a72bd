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
//! Our dotlock is a second name of `imap2d-lock`, which is cheaper than a new file, and shows whose
//! it is even after a power cut that lost its text: it is nowhere flushed. File systems without
//! links get a file that is complete when it is renamed to the name of the lock.
//!
//! # When is a dotlock stale?
//!
//! A process that holds the advisory lock judges the dotlock:
//!
//! * If it is a second name of `imap2d-lock`: at once. Its holder would have the advisory lock. If
//!   it names another host, this holds only on file systems that hosts do not share.
//! * If it names a process of this host that is gone, or was made before this host started: at
//!   once.
//! * If it names a process of this host that lives: never.
//! * If its text is empty or torn: when it is two seconds old, because the text may be just being
//!   written.
//! * If it names another host: when for two minutes neither the lock nor the uid list has changed.
//!   A holder at work touches its lock every ten seconds. [`ForeignLockAge`] remembers since when
//!   nothing has changed.

mod dot_lock;
mod mailbox_lock;
mod retry;
#[cfg(test)]
mod tests;
mod turn;

pub(crate) use self::dot_lock::{ForeignLockAge, LockOwner};
pub(crate) use self::mailbox_lock::MailboxLock;
pub(crate) use self::retry::LockRetry;
pub(crate) use self::turn::LockTurn;
