//! The two directories of a mailbox that hold messages: `new/` and `cur/`.

use std::path::{Path, PathBuf};

use super::layout;

/// One of the two directories that hold messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subdir {
    /// `new/`: messages that no read-write session has seen.
    New,
    /// `cur/`: all others.
    Cur,
}

impl Subdir {
    /// Returns its name in the mailbox directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => layout::NEW,
            Self::Cur => layout::CUR,
        }
    }

    /// Returns its path.
    pub(crate) fn within(self, mailbox: &Path) -> PathBuf {
        mailbox.join(self.name())
    }

    /// Returns the path of a file in it.
    pub(crate) fn file(self, mailbox: &Path, name: &[u8]) -> PathBuf {
        layout::join(&self.within(mailbox), name)
    }
}
