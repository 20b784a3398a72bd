//! The errors of the store, with texts that a client may read: they contain no path and no text of
//! the system.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Instant;

/// Why the store could not do what it was asked for.
#[derive(Debug, Clone)]
pub(crate) enum StoreError {
    /// The mailbox does not exist.
    NotFound,
    /// A mailbox of that name exists already.
    Exists,
    /// The mailbox, or the whole store, must not be written to.
    ReadOnly,
    /// Another process or session held the lock for too long.
    InUse,
    /// Another process or session holds the lock: try again at that time.
    Busy(Instant),
    /// Something has to be flushed to disk first: try again when that is done.
    Unflushed,
    /// The message's file is not where it was: another program has changed its flags, or has
    /// expunged it. A [`SyncMailbox`](crate::store::SyncMailbox) finds out which.
    Gone,
    /// The disk or the quota is full; nothing was changed.
    NoSpace,
    /// The server's user has no permission; the text names the operation.
    Denied(&'static str),
    /// A limit of the format would be exceeded.
    Limit(&'static str),
    /// The request makes no sense; the text says why.
    Refused(&'static str),
    /// Something was done, and its flush to disk has failed: it may be undone after a power cut.
    NotFlushed {
        /// What was done.
        done: &'static str,
        /// The error of the system; for the log, never for the client.
        source: Rc<io::Error>,
    },
    /// The mailbox was deleted, replaced or renumbered: what the session knows of it is invalid.
    Invalidated,
    /// A system call failed.
    Io {
        /// What the store was doing.
        context: &'static str,
        /// The error of the system; for the log, never for the client.
        source: Rc<io::Error>,
    },
}

impl StoreError {
    /// Classifies an error of the system: a full disk is [`Self::NoSpace`], a missing file
    /// [`Self::Gone`], a read-only file system [`Self::ReadOnly`], a missing permission
    /// [`Self::Denied`].
    pub(super) fn from_io(context: &'static str, source: io::Error) -> Self {
        use io::ErrorKind::{
            NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        match source.kind() {
            NotFound => Self::Gone,
            StorageFull | QuotaExceeded => Self::NoSpace,
            ReadOnlyFilesystem => Self::ReadOnly,
            PermissionDenied => Self::Denied(context),
            _ => Self::Io {
                context,
                source: Rc::new(source),
            },
        }
    }

    /// Returns the error of a flush of what was done, for `map_err`.
    pub(super) fn not_flushed(done: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::NotFlushed {
            done,
            source: Rc::new(source),
        }
    }

    /// Returns [`Self::from_io`] with its context, for `map_err`.
    pub(super) fn io<E: Into<io::Error>>(context: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::from_io(context, source.into())
    }
}

impl StoreError {
    /// Returns the text for the log, with the error of the system.
    pub(crate) fn in_full(&self) -> String {
        match self {
            Self::Io { source, .. } | Self::NotFlushed { source, .. } => {
                format!("{self}: {source}")
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such mailbox"),
            Self::Exists => f.write_str("there is a mailbox of that name already"),
            Self::ReadOnly => f.write_str("the mailbox is read-only"),
            Self::InUse | Self::Busy(_) | Self::Unflushed => {
                f.write_str("the mailbox is in use, try again later")
            }
            Self::Gone => f.write_str("some of the messages are no longer there"),
            Self::NoSpace => f.write_str("there is no space left"),
            Self::Denied(context) => write!(f, "the server has no permission for {context}"),
            Self::Limit(text) | Self::Refused(text) => f.write_str(text),
            Self::NotFlushed { done, .. } => {
                write!(
                    f,
                    "{done}, but a system error may undo that after a power cut"
                )
            }
            Self::Invalidated => f.write_str("the mailbox was deleted or renumbered"),
            Self::Io { context, .. } => write!(f, "a system error prevented {context}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::NotFlushed { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disks_and_missing_files_have_their_own_kind() {
        let sorted = |errno: i32| StoreError::from_io("x", io::Error::from_raw_os_error(errno));
        assert!(matches!(sorted(28), StoreError::NoSpace), "ENOSPC");
        assert!(matches!(sorted(122), StoreError::NoSpace), "EDQUOT");
        assert!(matches!(sorted(2), StoreError::Gone), "ENOENT");
        assert!(matches!(sorted(30), StoreError::ReadOnly), "EROFS");
        assert!(matches!(sorted(13), StoreError::Denied("x")), "EACCES");
        assert!(matches!(sorted(5), StoreError::Io { .. }), "EIO");
    }

    #[test]
    fn texts_contain_no_path_and_no_system_error() {
        let source = io::Error::other("/home/secret");
        let text = StoreError::from_io("reading a message", source).to_string();
        assert_eq!(text, "a system error prevented reading a message");
        let source = io::Error::other("/home/secret");
        let text = StoreError::from_io("reading a message", source).in_full();
        assert!(text.ends_with("a message: /home/secret"), "{text}");
    }
}
