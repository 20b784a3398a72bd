//! Why a uid list could not be read.

use std::fmt;
use std::io;

/// Why a uid list could not be read.
#[derive(Debug)]
pub(crate) enum UidListError {
    /// Reading failed.
    Io(io::Error),
    /// A line holds no record. The reader has skipped it: the caller goes on with the next line,
    /// and rewrites the file under the lock.
    Line {
        /// The number of the line, counted from where reading began; the header of a whole file is
        /// line 1.
        number: u64,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The file is not a list, or its end cannot be found: it is not known which UIDs are in use,
    /// and the mailbox needs a new UIDVALIDITY.
    File(&'static str),
}

impl fmt::Display for UidListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Line { number, fault } => write!(f, "line {number}: {fault}"),
            Self::File(fault) => f.write_str(fault),
        }
    }
}

impl std::error::Error for UidListError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Line { .. } | Self::File(_) => None,
        }
    }
}

impl From<io::Error> for UidListError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
