//! The user that a client claims to be, and what it takes to check the claim.

use super::account::ListedAccount;
use super::credential::Credential;
use super::outcome::AuthOutcome;

/// The user that a client claims to be. There is one for every name, known or not. Looking it up is
/// quick; checking it may take a second, so that happens outside the event loop.
#[derive(Debug, Clone)]
pub(crate) struct ClaimedUser {
    /// What the client has to know. For an unknown user, a credential of the most common cost.
    pub(super) credential: Credential,
    /// `None` if the user is unknown or may not log in: then every proof is denied.
    pub(super) listed: Option<ListedAccount>,
}

impl ClaimedUser {
    /// Returns a user whose login is always denied, for a server without users.
    pub(super) fn unknown() -> Self {
        Self {
            credential: Credential::locked(),
            listed: None,
        }
    }

    /// Decides whether `password` is right. Takes long, and equally long for unknown users.
    pub(crate) fn verify(&self, password: &[u8]) -> AuthOutcome {
        match self.credential.verify(password) {
            Ok(is_right) => self.outcome(is_right),
            Err(reason) => AuthOutcome::Unavailable(reason.into()),
        }
    }

    /// Returns the outcome for a client whose proof is right, or wrong.
    pub(super) fn outcome(&self, is_right: bool) -> AuthOutcome {
        match &self.listed {
            Some(listed) if is_right => listed
                .account(true)
                .map_or_else(AuthOutcome::Unavailable, AuthOutcome::Granted),
            _ => AuthOutcome::Denied,
        }
    }
}
