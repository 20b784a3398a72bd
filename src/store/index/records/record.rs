//! The record of one message.

use crate::types::{Flags, KeywordSet};

/// What is known of a record besides its name and flags: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordState(u8);

impl RecordState {
    /// The file is in `new/`, not in `cur/`.
    pub(crate) const IN_NEW: Self = Self(1);
    /// A complete scan did not find the file, but it is not proven to be gone.
    pub(crate) const MISSING: Self = Self(2);
    /// The message is expunged, and the record a tombstone.
    pub(crate) const EXPUNGED: Self = Self(4);
    /// The running scan has found the file, or this process has put it there.
    pub(crate) const FOUND: Self = Self(8);
    /// This process has renamed the file since the scan began: what the scan still reads about it
    /// may be outdated.
    pub(crate) const RENAMED_BY_US: Self = Self(16);
    /// The message is recent, and no read-write view has claimed it yet.
    pub(crate) const RECENT: Self = Self(32);

    pub(crate) fn has(self, bit: Self) -> bool {
        self.0 & bit.0 != 0
    }

    pub(crate) fn set(&mut self, bit: Self, on: bool) {
        if on {
            self.0 |= bit.0;
        } else {
            self.0 &= !bit.0;
        }
    }

    pub(crate) fn with(self, bit: Self, on: bool) -> Self {
        let mut state = self;
        state.set(bit, on);
        state
    }
}

/// One message. It takes 32 bytes, because there may be 100 000 of them in each of many mailboxes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// The mod-sequence at which the message came, last had its flags changed, or was expunged.
    pub(crate) mod_sequence: u64,
    /// 0 if the message has no UID yet.
    pub(crate) uid: u32,
    /// Where the name starts in the arena.
    pub(super) name_at: u32,
    /// Octets with every line end as CRLF, or [`Self::UNKNOWN_SIZE`] if not measured yet.
    pub(crate) size: u32,
    /// The view whose session made the last change of flags; 0 if another program or several
    /// sessions made it.
    pub(crate) changed_by: u32,
    pub(crate) keywords: KeywordSet,
    pub(super) name_length: u8,
    /// Length of the base at the start of the name.
    pub(super) base_length: u8,
    pub(crate) flags: Flags,
    pub(crate) state: RecordState,
}

impl Record {
    pub(crate) const UNKNOWN_SIZE: u32 = u32::MAX;

    /// True if the message is expunged.
    pub(crate) fn is_expunged(&self) -> bool {
        self.state.has(RecordState::EXPUNGED)
    }

    /// True if the message has no UID yet.
    pub(crate) fn is_unassigned(&self) -> bool {
        self.uid == 0
    }
}

/// What a new record is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRecord<'n> {
    /// 0 if the message has no UID yet.
    pub(crate) uid: u32,
    /// The whole name of the file, or only its base if no scan has found the file yet.
    pub(crate) name: &'n [u8],
    /// Length of the base at the start of the name, in octets.
    pub(crate) base_length: usize,
    pub(crate) flags: Flags,
    pub(crate) keywords: KeywordSet,
    pub(crate) state: RecordState,
}
