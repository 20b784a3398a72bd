//! The flusher: threads that flush files and directories to disk, so that the event loop does not
//! wait for the disk.
//!
//! The event loop passes on the requests of its store at the end of each turn, and takes the
//! results at the beginning of the next one. A result wakes the loop.
//!
//! Several flushes are under way at once, each in a thread of its own. One thread would make one
//! flush after the other, and on a disk that takes 50 ms for each, all users together would get 20
//! in a second; flushes that are under way at the same time share one commit of the file system's
//! journal. The threads do nothing but wait for the disk: they start when there is something to
//! flush, and end when there has been nothing for a while, so that an idle server has none.
//!
//! More requests than threads wait in a queue, from which each user in turn gets a flush
//! (`request_queue`).
//!
//! The threads have the rights of the event loop's thread, which has entered its sandbox before it
//! starts them.

mod pool;
mod request_queue;

pub(super) use self::pool::Flusher;
