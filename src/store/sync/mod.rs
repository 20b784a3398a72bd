//! From disk to memory: finding out what other programs did to a mailbox.
//!
//! | file | contents |
//! | --- | --- |
//! | [`sync_mailbox`] | the job that a session steps: does nothing if nothing can have changed |
//! | [`reconcile`] | the job behind it: uid list, scan, new UIDs, expunges |
//! | [`scan`], `duplicates` | reading `new/` and `cur/`; two files with one base name |
//! | [`read_uid_list`], [`rewrite_uid_list`], [`find_used_names`] | the uid list, step by step |
//! | [`lock_wait`] | waiting for the mailbox's lock without blocking |
//! | [`inotify`], `changes` | reports of the kernel; which mailboxes idle sessions should look at |

mod changes;
mod duplicates;
pub(super) mod find_used_names;
pub(super) mod inotify;
pub(super) mod lock_wait;
pub(super) mod read_uid_list;
pub(super) mod reconcile;
pub(super) mod rewrite_uid_list;
pub(super) mod scan;
pub(super) mod sync_mailbox;
