//! The last part of APPEND and COPY: files that lie ready in `tmp/` become messages.
//!
//! # The problem
//!
//! A message counts after two flushes, one after the other, of its directory and of the uid list,
//! and the lock of the mailbox is held meanwhile. If every job had the lock for itself, 60 sessions
//! that append to one mailbox would wait for each other's flushes: on a disk that takes 50 ms for
//! each, they would deliver ten messages in a second together.
//!
//! # The approach
//!
//! The deliveries to one mailbox are a [`DeliveryGroup`], which all of them step. While a batch of
//! the group is on its way to the disk, the others wait, and are the next batch. For a batch, the
//! group
//!
//! 1. reads the uid list to its end, and rewrites it if it cannot be appended to,
//! 2. renames the files from `tmp/` to `new/` or `cur/`,
//! 3. flushes the directories, and waits for that,
//! 4. appends the lines to the uid list, flushes it, and waits for that,
//! 5. adds the messages to those in memory.
//!
//! So each flush serves the whole batch, and the lines of a batch are behind one another. The
//! lock is held all the time, and other sessions go on meanwhile: each stage pays for each message.
//! The messages are announced after the last stage. A process that dies before that leaves files
//! without a UID, which the next sync numbers, or lines without a file, which are stale.
//!
//! # Each job for itself
//!
//! The messages of one job, its [`Parcel`], are delivered all or none. If one of them cannot be
//! moved, or the client disconnects before the lines are flushed, that parcel alone is withdrawn:
//! its files are removed, in steps and under the lock, and its lines are stale. If a flush fails,
//! the parcels of the batch are withdrawn, because it is not known which of them are on disk. After
//! the lines are flushed a parcel is delivered even if its client disconnects
//! ([`abandoned`](crate::store::abandoned)).
//!
//! # The lock
//!
//! The group keeps the lock from batch to batch. Between two batches it gives the lock up if
//! another job of this process wants it, or after [`LONGEST_HOLD`]: then it takes a rest, in which
//! each of those that wait tries once at least, other processes and Dovecot too.
//!
//! [`Parcel`]: parcel::Parcel
//! [`LONGEST_HOLD`]: delivery_group::LONGEST_HOLD

mod delivery;
mod delivery_group;
mod numbering;
mod parcel;
mod ready_file;

pub(super) use self::delivery::{Delivery, ReadyFiles};
pub(in crate::store) use self::delivery_group::DeliveryGroup;
pub(super) use self::ready_file::{ReadyFile, TemporaryFile};
