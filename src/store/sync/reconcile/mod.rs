//! Reconciling a mailbox with its directory: what it takes to know which messages it holds.
//!
//! # The problem
//!
//! Any program may change a Maildir at any time, most of them without a lock, and a message is
//! nothing but a file name. The job has to find new messages and give each its UID once and for
//! all, to notice flags that were changed by renaming, and to find out which messages are gone. It
//! must never conclude that a message is gone because a racing `readdir` skipped it: the message
//! would come back under another UID.
//!
//! # The approach
//!
//! ```text
//! Begin -> List -> Scan -> (evaluate) -----------------------------------> Publish
//!                   ^         | \                                             ^
//!                   |         |  `-> Lock -> Relist -> Verify -> Rewrite -> Number
//!                   `- Relist <- Lock <- Hold
//! ```
//!
//! Reading the uid list and the directories takes no lock. The job needs the lock for two things
//! only.
//!
//! * *To give UIDs to unassigned files.* Then the job reads the list on under the lock, and checks
//!   that each file still exists: while it holds the lock no other program can number the file, and
//!   no other program can have numbered and expunged it before.
//! * *To confirm that files which were not found are gone.* Then the job waits until the
//!   directories have not changed for a tick of their clock, takes the lock, and scans again. If
//!   they keep changing, the message stays missing: it is counted and cannot be read, and the next
//!   job tries again.
//!
//! For a listed file that no view of this process has announced less is required: if none of
//! [`MOST_SCANS`] scans found it, its line counts as stale, even if the directories keep changing.
//! Otherwise one stale line in a busy mailbox would hold back all messages behind it. If the file
//! turns up after all, it gets a new UID, which no session of this process can tell from a new
//! message.
//!
//! A line that the job read after its first scan says that another process has just numbered a
//! message, and that process may have announced the UID. Such a line is never stale by that rule,
//! and a line that was read after the last scan is not stale by any: the message, and those behind
//! it, wait for the next job.
//!
//! [`MOST_SCANS`]: job::MOST_SCANS

mod evaluate;
mod job;
mod number;

pub(crate) use self::job::Reconcile;
pub(crate) use self::number::next_uids;
