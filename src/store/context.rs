//! What a job needs of the store besides the mailbox that it works on.

use super::flush::FlushQueue;
use super::maildir::filename::UniqueNames;
use super::maildir::lock::LockOwner;
use super::maildir::uid_validity::UidValidities;

/// The parts of the store that a job borrows together with its mailbox.
pub(crate) struct StoreContext<'s> {
    /// Takes what is to be flushed to disk.
    pub(crate) flushes: &'s FlushQueue,
    /// What this process writes into locks.
    pub(crate) owner: &'s LockOwner,
    /// Makes unique file names.
    pub(crate) names: &'s mut UniqueNames,
    /// Gives out UIDVALIDITY values for new mailboxes.
    pub(crate) validities: &'s mut UidValidities,
}
