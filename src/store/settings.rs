//! The settings of a store, and the account whose mailboxes it opens.

use std::path::PathBuf;
use std::time::SystemTime;

/// How the store behaves. All mailboxes of the process share these settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// True if the store never writes anything, neither file nor lock.
    pub read_only: bool,
    /// Name of this host. It is part of file names and stands in the locks that Dovecot reads.
    pub host: String,
    /// Number of this process, with the same two uses.
    pub pid: u32,
    /// When this host started: a lock that is older was left behind.
    pub booted: SystemTime,
    /// How many mailboxes that no session has open stay in memory.
    pub warm_mailboxes: usize,
    /// How many bytes those mailboxes may take in all.
    pub warm_bytes: usize,
    /// How many bytes the mailboxes that sessions have open may take in all.
    pub open_bytes: usize,
}

impl Settings {
    /// Returns the usual settings for a process.
    pub fn new(host: impl Into<String>, pid: u32) -> Self {
        Self {
            read_only: false,
            host: host.into(),
            pid,
            booted: SystemTime::UNIX_EPOCH,
            warm_mailboxes: 64,
            warm_bytes: 16 << 20,
            open_bytes: 256 << 20,
        }
    }
}

/// The directories of one user's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's Maildir.
    pub root: PathBuf,
    /// The directory of bulletin boards, if the server has any.
    pub bboards: Option<PathBuf>,
}
