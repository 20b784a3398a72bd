//! The arguments of STORE.

use crate::types::{FlagList, FlagOperation, SequenceSet};

/// The arguments of STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreArguments {
    /// The command has the prefix UID: `set` consists of UIDs.
    pub(crate) uid: bool,
    /// The messages.
    pub(crate) set: SequenceSet,
    /// What to do with the flags.
    pub(crate) operation: FlagOperation,
    /// The client does not ask for the new flags (`.SILENT`).
    pub(crate) silent: bool,
    /// The flags.
    pub(crate) flags: FlagList,
    /// Selects only messages with a mod-sequence that is not greater (RFC 7162 §3.1.3).
    pub(crate) unchanged_since: Option<u64>,
}
