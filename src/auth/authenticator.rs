//! Where users are looked up.

use std::path::Path;

use super::account::AccountInfo;
use super::claimed_user::ClaimedUser;
use super::passwd_file::PasswdFile;

/// Where users are looked up.
#[derive(Debug)]
pub(crate) enum Authenticator {
    /// There are no users: every login is denied.
    NoUsers,
    /// A passwd-file; read again when it changes.
    PasswdFile(PasswdFile),
}

impl Authenticator {
    /// Opens the passwd-file `users`; without one there are no users. Logs the faults of the file
    /// now and each time the file changes.
    pub(crate) fn new(users: Option<&Path>) -> Self {
        users.map_or(Self::NoUsers, |path| {
            Self::PasswdFile(PasswdFile::open(path))
        })
    }

    /// Looks up `user`, a name in the octets that the client sent. Takes no time worth counting.
    ///
    /// # Errors
    /// Returns a text for the log if the users cannot be read.
    pub(crate) fn look_up(&mut self, user: &[u8]) -> Result<ClaimedUser, String> {
        match self {
            Self::NoUsers => Ok(ClaimedUser::unknown()),
            Self::PasswdFile(file) => file.look_up(user),
        }
    }

    /// True if every user who can log in can do so by [`scram`](super::scram), so that the server
    /// may offer it.
    pub(crate) fn supports_scram(&mut self) -> bool {
        match self {
            Self::NoUsers => false,
            Self::PasswdFile(file) => file.supports_scram(),
        }
    }

    /// Returns the account of a session that is logged in from the start: that of `user`, or of the
    /// system user who runs this process. If there is a passwd-file, it must list `user`.
    ///
    /// # Errors
    /// Returns a text for the log if there is no such account.
    pub(crate) fn preauthenticated(&mut self, user: Option<&str>) -> Result<AccountInfo, String> {
        match (self, user) {
            (_, None) => Ok(AccountInfo::of_this_process()),
            (Self::NoUsers, Some(user)) => AccountInfo::of_system_user(user),
            (Self::PasswdFile(file), Some(user)) => file
                .account(user.as_bytes())?
                .ok_or_else(|| format!("user {user:?} is not in {}", file.path().display())),
        }
    }
}
