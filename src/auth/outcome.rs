//! The outcome of a login attempt.

use super::account::AccountInfo;

/// The outcome of a login attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthOutcome {
    /// The password or the proof is right.
    Granted(AccountInfo),
    /// The user is unknown, the password is wrong, or the user may not log in. The client does not
    /// learn which.
    Denied,
    /// The check failed. The reason is for the log, not for the client.
    Unavailable(String),
}
