//! Threads: which message answers which (RFC 5256 §3).
//!
//! Both algorithms give each message a parent. Once the parents are known, the builder goes through
//! the messages by date and appends each to the children of its parent, so that siblings are sorted
//! on all levels at once.
//!
//! ORDEREDSUBJECT makes the first message of a subject the parent of all others.
//!
//! REFERENCES links message identifiers while messages are still added: step (1) of the RFC.
//! Identifiers of missing messages have nodes too, and links lead through them. The RFC calls these
//! nodes *dummies*. Step (3) prunes them: the builder asks for each message which message is the
//! nearest above it. If there is none, the message belongs to the root, or to the topmost dummy if
//! that dummy has other children as well. Step (5) merges threads of one subject. Only this step
//! makes new dummies, and all dummies that remain stand at the root.
//!
//! Mailboxes are large, and the senders of mail choose the identifiers. So the builder runs in
//! small steps, nothing recurses, identifiers and subjects are kept as keyed hashes of 64 bits, and
//! the work on a message is bounded by [`links::MAX_WALK`] and [`links::MAX_NODES`].
//!
//! | file | what it contains |
//! | --- | --- |
//! | [`builder`] | the steps of both algorithms |
//! | [`links`] | the links between message identifiers, REFERENCES step (1) |
//! | [`dummies`] | the dummies at the root |
//! | [`forest`] | the finished threads, and the walk over them |
//! | [`sharded_map`] | a map that grows in small steps |

mod builder;
mod dummies;
mod forest;
mod links;
mod sharded_map;

#[cfg(test)]
mod tests;

pub(crate) use self::builder::{Algorithm, ThreadBuilder, ThreadMessage};
pub(crate) use self::forest::ThreadEvent;
