//! Real mail programs, headless, against the real binary: the reason why the server exists.
//!
//! Each scenario runs twice where the program can speak both ways: in the pinned IMAP2 dialect, where
//! CAPABILITY is answered BAD and the programs fall back to what they knew in 1992, and in the automatic
//! one, where they climb to IMAP4rev1. What they did is read back from the disk.

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
mod simultaneous;
mod two_way_sync;

use std::time::Duration;

use crate::support::maildir::Entry;

/// How long one run of a client may take: far more than it needs, far less than a hung CI job.
const LIMIT: Duration = Duration::from_secs(240);

/// How the server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `--dialect imap2`
    Imap2,
    /// As it is by default.
    Automatic,
}

impl Dialect {
    /// The server's arguments.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Imap2 => &["--dialect", "imap2"],
            Self::Automatic => &[],
        }
    }
}

/// Makes one test in each dialect of every scenario, a `fn(Dialect)` of the module.
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

/// Gives a message other flags, as a program that works in the Maildir itself does: by another name.
fn set_flags(entry: &Entry, letters: &str) {
    let mailbox = entry.path.ancestors().nth(2);
    let name = format!("cur/{}:2,{letters}", entry.base);
    let path = mailbox.expect("a message is in a mailbox").join(name);
    std::fs::rename(&entry.path, path).expect("a message that was listed just now");
}
