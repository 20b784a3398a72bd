//! Somebody who wants to log in, and what is needed to find out whether to let them.

use super::Verdict;
use super::account::Listed;
use super::credential::Credential;

/// One look into a user list: quick to get, to be judged elsewhere, because that may take a second.
/// There is one for every name, known or not.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// If the name is not known: one that costs what is usual, to no avail.
    pub(super) credential: Credential,
    /// Nothing if nobody by that name can log in.
    pub(super) listed: Option<Listed>,
}

impl Candidate {
    /// Where there are no users.
    pub(super) fn nobody() -> Self {
        Self {
            credential: Credential::locked(),
            listed: None,
        }
    }

    /// Decides whether `password` is the right one. Takes long, and as long if there is no such
    /// user.
    pub(crate) fn verify(&self, password: &[u8]) -> Verdict {
        match self.credential.verify(password) {
            Ok(is_right) => self.verdict(is_right),
            Err(reason) => Verdict::Unavailable(reason.into()),
        }
    }

    /// What becomes of somebody whose secret is right, or is not.
    pub(super) fn verdict(&self, is_right: bool) -> Verdict {
        match &self.listed {
            Some(listed) if is_right => listed
                .account(true)
                .map_or_else(Verdict::Unavailable, Verdict::Granted),
            _ => Verdict::Denied,
        }
    }
}
