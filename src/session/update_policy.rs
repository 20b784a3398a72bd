//! Which changes of the selected mailbox a command reports before its tagged response.

/// Which changes of the selected mailbox a command reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpdatePolicy {
    /// None: the command concerns no mailbox, or reports the changes itself.
    Nothing,
    /// All but expunges, because the client may be using message sequence numbers (RFC 3501 §7.4.1:
    /// during FETCH, STORE and SEARCH).
    WithoutExpunges,
    /// All.
    All,
    /// All, and EXISTS and RECENT even if they have not changed (RFC 1176 p. 13, CHECK).
    Check,
    /// All, with EXISTS before and after the expunges (RFC 1064 p. 7 and p. 10, EXPUNGE).
    Expunge,
}

impl UpdatePolicy {
    /// Returns the policy of FETCH, STORE and SEARCH, or that of their UID forms, which use no
    /// message sequence numbers.
    pub(super) fn after(uid: bool) -> Self {
        if uid {
            Self::All
        } else {
            Self::WithoutExpunges
        }
    }
}
