//! Who may log in, and as whom.
//!
//! An [`Authenticator`] takes a name and a password and gives a [`Verdict`]. It knows no protocol and
//! no connection: who may send a password over which connection is decided before it is asked.
//!
//! One kind of user list exists, the passwd-file; a password scheme is one arm of
//! `passwd_file::Credential`, another source of users one variant of [`Authenticator`].

mod account;
mod constant_time;
mod passwd_file;

use std::fmt;
use std::path::Path;

pub use account::AccountInfo;
pub use passwd_file::{PasswdFile, Problem};

/// Where users are looked up.
#[derive(Debug)]
pub enum Authenticator {
    /// Nobody can log in.
    Nobody,
    /// A passwd-file; re-read when it changes.
    PasswdFile(PasswdFile),
}

/// What became of an attempt to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Granted(AccountInfo),
    /// There is no such user, or the password is wrong, or the user may not log in. Which of them is
    /// not said.
    Denied,
    /// Nobody can tell: the reason is for the log, not for the client.
    Unavailable(String),
}

impl Authenticator {
    /// Users of this passwd-file, or nobody. What is wrong with the file is logged now, and again
    /// each time it changes.
    pub fn new(users: Option<&Path>) -> Self {
        users.map_or(Self::Nobody, |path| {
            Self::PasswdFile(PasswdFile::open(path))
        })
    }

    /// Decides whether `password` is the one of `user`; both are as the client sent them.
    pub fn verify(&mut self, user: &[u8], password: &[u8]) -> Verdict {
        match self {
            Self::Nobody => Verdict::Denied,
            Self::PasswdFile(file) => file.verify(user, password),
        }
    }

    /// Finds the account for a session that is logged in from the start: `user`, or whoever runs this
    /// process. If there is a user list, the user has to be in it when named.
    ///
    /// # Errors
    /// Says, for the log, why there is no such account.
    pub fn preauthenticated(&mut self, user: Option<&str>) -> Result<AccountInfo, String> {
        match (self, user) {
            (_, None) => Ok(AccountInfo::of_this_process()),
            (Self::Nobody, Some(user)) => Ok(AccountInfo::of_system_user(user)),
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
