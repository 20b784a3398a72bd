//! What lies on disk: the formats and names of the files in a Maildir.
//!
//! | file | contents |
//! | --- | --- |
//! | [`layout`] | where mailboxes are: Maildir++ |
//! | [`subdir`] | `new/` and `cur/` |
//! | [`filename`] | names of message files: base, flags, sizes, order of UIDs, unique names |
//! | [`uid_list`] | `dovecot-uidlist`: the UID of each message |
//! | [`uid_validity`] | `dovecot-uidvalidity*`: the counter of UIDVALIDITY values |
//! | [`keywords`] | `dovecot-keywords`: the names of the keyword letters |
//! | [`subscriptions`], `lines` | `subscriptions` |
//! | [`courier`] | what Courier-IMAP left behind |
//! | [`lock`] | `imap2d-lock` and `dovecot-uidlist.lock` |
//! | [`directory_stamp`] | how to tell that nothing has happened in a directory |
//! | [`files`], [`atomic_replace`] | opening, creating, renaming, and replacing files safely |
//! | [`tmp_cleanup`] | removing abandoned files from `tmp/` |

pub(super) mod atomic_replace;
pub(super) mod courier;
pub(super) mod directory_stamp;
pub(crate) mod filename;
pub(super) mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub(super) mod keywords;
pub(crate) mod layout;
mod lines;
pub(crate) mod lock;
pub(super) mod subdir;
pub(super) mod subscriptions;
pub(super) mod tmp_cleanup;
pub(super) mod uid_list;
pub(super) mod uid_validity;
