//! Real mail programs, without a screen of their own, against the real binary.
//!
//! Where the program can speak both, each scenario runs twice: in the pinned IMAP2 dialect, where
//! CAPABILITY is answered BAD and the programs fall back to the protocol of 1992, and in the
//! automatic dialect, where they climb to IMAP4rev1. The tests read the results from the disk.

mod alpine;
mod crate_imap;
mod curl;
mod fetchmail;
mod getmail;
mod imapflow;
mod isync;
mod large_account;
mod libraries;
mod mailutil;
mod mutt;
mod offlineimap;
mod scram;
mod served_account;
mod simultaneous;
mod two_way_sync;

use std::time::Duration;

use crate::support::maildir::Entry;

/// How long one run of a client may take: far longer than it needs, far shorter than a CI job may
/// hang.
const LIMIT: Duration = Duration::from_secs(240);

/// How the server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `--dialect imap2`
    Imap2,
    /// The default.
    Automatic,
}

impl Dialect {
    /// Returns the server's arguments.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Imap2 => &["--dialect", "imap2"],
            Self::Automatic => &[],
        }
    }
}

/// Defines one test in each dialect for every scenario, which is a `fn(Dialect)` of the module.
macro_rules! in_both_dialects {
    ($($scenario:ident),+ $(,)?) => {
        mod imap2 {
            $(#[test]
            fn $scenario() {
                super::$scenario(super::Dialect::Imap2);
            })+
        }
        mod automatic {
            $(#[test]
            fn $scenario() {
                super::$scenario(super::Dialect::Automatic);
            })+
        }
    };
}
use in_both_dialects;

/// Changes the flags of a message as another program does in the Maildir: by renaming the file.
fn set_flags(entry: &Entry, letters: &str) {
    let mailbox = entry.path.ancestors().nth(2);
    let name = format!("cur/{}:2,{letters}", entry.base);
    let path = mailbox.expect("a message is in a mailbox").join(name);
    std::fs::rename(&entry.path, path).expect("a message that was listed just now");
}
