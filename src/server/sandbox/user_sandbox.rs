//! [`Sandbox`]: what the process does when a user has logged in.

use super::credentials::Credentials;
use super::{ownership, policy};
use crate::auth::AccountInfo;
use crate::options::Mode;
use crate::store::Account;

/// What this process does when a user has logged in.
#[derive(Debug)]
pub(crate) enum Sandbox {
    /// It serves many users with the rights of one system user, who has to own each Maildir.
    ManyUsers,
    /// It serves one user, whose rights it has already.
    Unconfined,
    /// It serves one user, and becomes that user at the login.
    BeforeLogin {
        /// Credentials for a user without a uid in the users file: `--run-as`.
        fallback: Option<Credentials>,
        read_only: bool,
    },
    /// It has become this user.
    OneUser(String),
}

impl Sandbox {
    /// Returns the state before [`enter`](super::enter()), and without it.
    pub(crate) fn of_mode(mode: &Mode) -> Self {
        match mode {
            Mode::Inetd | Mode::Preauth(_) => Self::Unconfined,
            _ => Self::ManyUsers,
        }
    }

    /// True if no other user can log in to this process any more.
    pub(crate) fn serves_one_user(&self) -> bool {
        matches!(self, Self::OneUser(_))
    }

    /// Prepares the process to serve a user who is authenticated, before their mail is touched. The
    /// error is for the log: this process cannot serve the user.
    pub(crate) fn admit_user(
        &mut self,
        user: &AccountInfo,
        account: &Account,
    ) -> Result<(), String> {
        match self {
            Self::ManyUsers => ownership::check(user, &account.root),
            Self::Unconfined => Ok(()),
            Self::BeforeLogin {
                fallback,
                read_only,
            } => {
                policy::become_user(user, account, fallback.as_ref(), *read_only)?;
                *self = Self::OneUser(user.user.clone());
                Ok(())
            }
            Self::OneUser(name) if *name == user.user => Ok(()),
            Self::OneUser(name) => Err(format!("this process has become the user {name:?}")),
        }
    }
}
