//! Flushing to disk without waiting for it.
//!
//! A flush takes a millisecond or a second, as the disk likes, and the event loop must not wait for
//! it. A job opens or has open what is to be flushed, submits a [`FlushTarget`] to the
//! [`FlushQueue`] of its store, and gets a [`Flush`]. It polls the flush in its steps, and yields
//! [`Why::Flush`](crate::budget::Why::Flush) until the result is there.
//!
//! ```text
//! job ── submit ──> FlushQueue ── take_requests ──> the flusher of the server
//! job <── poll ──── FlushQueue <── complete ─────── its result
//! ```
//!
//! The queue has no thread and no clock. Without a flusher (in tests, and in a process with one
//! client) the queue flushes in place, when a job first polls; the jobs do not see a difference.
//!
//! * *Order*: a job submits a flush after it has written, and goes on after the flush is done. So
//!   what has to be on disk first is.
//! * *Failure*: a flush that fails fails once. The kernel may have dropped the octets that it could
//!   not write and then report success to the next flush, so no job tries again: it fails.
//! * *Group commit*: flushes of one directory that are submitted before the flusher takes the
//!   requests are one flush with several owners.
//! * A job that is dropped ignores its flush. The flush goes on, which does no harm.

mod queue;
mod target;

pub(crate) use self::queue::{Flush, FlushQueue, FlushRequest, FlushResult, poll_all};
pub(crate) use self::target::FlushTarget;
