//! Who may log in, and as whom.
//!
//! An [`Authenticator`] is asked for a name and gives a [`Candidate`], at once and for every name;
//! the candidate is asked for the password, or takes part in [`scram`], and gives a [`Verdict`].
//! That may take a second, so it is to be done where nobody waits. Nothing here knows a protocol or
//! a connection: who may send a password over which connection is decided before it is asked.
//!
//! One kind of user list exists, the passwd-file. A scheme for passwords is one arm of
//! `credential::Kind`, a hash of `crypt(3)` one arm of `crypt::Function`; another source of users
//! would be one variant of [`Authenticator`].
//!
//! No secret outlives its use: whoever holds one wipes it.

mod account;
mod candidate;
mod constant_time;
mod credential;
mod crypt;
mod new_password;
mod passwd_file;
mod passwd_line;
mod saslprep;
pub(crate) mod scram;

use std::fmt;
use std::path::Path;

pub(crate) use account::AccountInfo;
pub(crate) use candidate::Candidate;
pub(crate) use new_password::{SALT as NEW_SALT, new_password};
pub(crate) use passwd_file::PasswdFile;

/// Where users are looked up.
#[derive(Debug)]
pub(crate) enum Authenticator {
    /// Nobody can log in.
    Nobody,
    /// A passwd-file; re-read when it changes.
    PasswdFile(PasswdFile),
}

/// What became of an attempt to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The password is right.
    Granted(AccountInfo),
    /// There is no such user, or the password is wrong, or the user may not log in. Which of them
    /// is not said.
    Denied,
    /// Nobody can tell: the reason is for the log, not for the client.
    Unavailable(String),
}

impl Authenticator {
    /// Users of this passwd-file, or nobody. What is wrong with the file is logged now, and again
    /// each time it changes.
    pub(crate) fn new(users: Option<&Path>) -> Self {
        users.map_or(Self::Nobody, |path| {
            Self::PasswdFile(PasswdFile::open(path))
        })
    }

    /// Finds the one who says to be `user`, as the client sent it. Quick.
    ///
    /// # Errors
    /// Says, for the log, why nobody can tell.
    pub(crate) fn look_up(&mut self, user: &[u8]) -> Result<Candidate, String> {
        match self {
            Self::Nobody => Ok(Candidate::nobody()),
            Self::PasswdFile(file) => file.look_up(user),
        }
    }

    /// True if everybody who can log in can do so by [`scram`], so that it may be offered.
    pub(crate) fn supports_scram(&mut self) -> bool {
        match self {
            Self::Nobody => false,
            Self::PasswdFile(file) => file.supports_scram(),
        }
    }

    /// Finds the account for a session that is logged in from the start: `user`, or whoever runs
    /// this process. If there is a user list, the user has to be in it when named.
    ///
    /// # Errors
    /// Says, for the log, why there is no such account.
    pub(crate) fn preauthenticated(&mut self, user: Option<&str>) -> Result<AccountInfo, String> {
        match (self, user) {
            (_, None) => Ok(AccountInfo::of_this_process()),
            (Self::Nobody, Some(user)) => AccountInfo::of_system_user(user),
            (Self::PasswdFile(file), Some(user)) => file
                .account(user.as_bytes())?
                .ok_or_else(|| format!("user {user:?} is not in {}", file.path().display())),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted(account) => write!(f, "granted to {:?}", account.user),
            Self::Denied => f.write_str("denied"),
            Self::Unavailable(reason) => write!(f, "not available: {reason}"),
        }
    }
}
