//! The arguments of SORT and THREAD (RFC 5256).

use super::search::SearchKey;

/// The arguments of SORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortArguments {
    /// The command has the prefix UID: the response shall consist of UIDs.
    pub(crate) uid: bool,
    /// The sort criteria, at least one, the most significant first.
    pub(crate) criteria: Vec<SortCriterion>,
    /// The charset of the strings in the keys.
    pub(crate) charset: Vec<u8>,
    /// The search keys, at least one; a message must match all of them.
    pub(crate) keys: Vec<SearchKey>,
}

/// A sort criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SortCriterion {
    /// The property to compare.
    pub(crate) key: SortKey,
    /// Sorts in descending order.
    pub(crate) reverse: bool,
}

/// A property of messages to sort by (RFC 5256 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortKey {
    /// The internal date and time.
    Arrival,
    /// The mailbox of the first Cc address.
    Cc,
    /// The sent date and time.
    Date,
    /// The mailbox of the first From address.
    From,
    /// The size in octets.
    Size,
    /// The base subject.
    Subject,
    /// The mailbox of the first To address.
    To,
}

/// The arguments of THREAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThreadArguments {
    /// The command has the prefix UID: the response shall consist of UIDs.
    pub(crate) uid: bool,
    /// The threading algorithm.
    pub(crate) algorithm: ThreadAlgorithm,
    /// The charset of the strings in the keys.
    pub(crate) charset: Vec<u8>,
    /// The search keys, at least one; a message must match all of them.
    pub(crate) keys: Vec<SearchKey>,
}

/// How THREAD groups messages (RFC 5256 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadAlgorithm {
    /// By subject, sorted by date.
    OrderedSubject,
    /// By References and In-Reply-To, then by subject.
    References,
}
