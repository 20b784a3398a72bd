//! The arguments of SELECT and EXAMINE.

use crate::types::{SequenceSet, UidValidity};

/// The arguments of SELECT and EXAMINE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectArguments {
    /// The name of the mailbox.
    pub(crate) mailbox: Vec<u8>,
    /// The parameters behind the name.
    pub(crate) parameters: SelectParameters,
}

/// The parameters of SELECT and EXAMINE (RFC 4466 §2.1, RFC 7162).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SelectParameters {
    /// The client wants mod-sequences.
    pub(crate) condstore: bool,
    /// The client wants the changes since its last visit.
    pub(crate) qresync: Option<Box<Resync>>,
}

/// What a returning client remembers of a mailbox (RFC 7162 §3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resync {
    /// The UIDVALIDITY.
    pub(crate) validity: UidValidity,
    /// The mod-sequence up to which the client knows all changes.
    pub(crate) modseq: u64,
    /// The UIDs that the client knows, if not all.
    pub(crate) known: Option<SequenceSet>,
    /// Sequence numbers that the client remembers, and the UIDs that belonged to them.
    pub(crate) matches: Option<(SequenceSet, SequenceSet)>,
}

impl Resync {
    /// Returns the octets of memory that the sets take.
    pub(crate) fn memory(&self) -> usize {
        let known = self.known.as_ref().map_or(0, SequenceSet::memory);
        let matches = self.matches.as_ref();
        known + matches.map_or(0, |(numbers, uids)| numbers.memory() + uids.memory())
    }
}
