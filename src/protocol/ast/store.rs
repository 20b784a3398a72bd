//! The arguments of STORE.

use crate::types::{FlagList, FlagOperation, SequenceSet};

/// The arguments of STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreArguments {
    /// The command has the prefix UID: `set` consists of UIDs.
    pub uid: bool,
    /// The messages.
    pub set: SequenceSet,
    /// What to do with the flags.
    pub operation: FlagOperation,
    /// The client does not ask for the new flags (`.SILENT`).
    pub silent: bool,
    /// The flags.
    pub flags: FlagList,
    /// Selects only messages with a mod-sequence that is not greater (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
}
