//! The arguments of COPY and MOVE.

use crate::types::SequenceSet;

/// The arguments of COPY and MOVE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyArguments {
    /// The command has the prefix UID: `set` consists of UIDs.
    pub(crate) uid: bool,
    /// The messages.
    pub(crate) set: SequenceSet,
    /// The destination.
    pub(crate) mailbox: Vec<u8>,
}
