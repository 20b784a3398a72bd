//! From disk to memory: finding out what other programs did to a mailbox.

pub(crate) mod changes;
pub(crate) mod inotify;
pub(crate) mod lock_wait;
pub(crate) mod reconcile;
pub(crate) mod scan;
pub(crate) mod sync_mailbox;
pub(crate) mod uid_list;
