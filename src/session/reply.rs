//! How a command ended: its tagged response, and what goes before it.

use std::borrow::Cow;

use super::update_policy::UpdatePolicy;
use crate::protocol::{Code, Status};
use crate::store::StoreError;

/// How a command ended.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: Status,
    pub(super) code: Option<Code<'static>>,
    pub(super) text: Cow<'static, str>,
    /// Which changes of the selected mailbox go before the tagged response.
    pub(super) policy: UpdatePolicy,
    /// What the log says of the error, while the client gets only `text`.
    pub(super) fault: Option<String>,
}

impl Reply {
    /// Makes a tagged OK, before which all changes of the selected mailbox are reported.
    pub(super) fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Status::Ok,
            code: None,
            text: text.into(),
            policy: UpdatePolicy::All,
            fault: None,
        }
    }

    /// Returns the octets of memory that the code takes.
    pub(super) fn memory(&self) -> usize {
        self.code.as_ref().map_or(0, Code::memory)
    }

    /// Makes a tagged NO.
    pub(super) fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Status::No,
            ..Self::ok(text)
        }
    }

    /// Makes a tagged BAD.
    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Status::Bad,
            ..Self::ok(text)
        }
    }

    /// Makes the BAD of a command that needs a selected mailbox.
    pub(super) fn nothing_selected() -> Self {
        Self::bad("Select a mailbox first")
    }

    /// Makes the BAD of a command that needs a login.
    pub(super) fn not_logged_in() -> Self {
        Self::bad("Log in first")
    }

    /// Adds a response code.
    pub(super) fn with_code(self, code: Code<'static>) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Chooses which changes of the selected mailbox go before the tagged response.
    pub(super) fn with_updates(self, policy: UpdatePolicy) -> Self {
        Self { policy, ..self }
    }

    /// Adds an error that is logged when the tagged response is written.
    pub(super) fn with_fault(self, error: &StoreError) -> Self {
        Self {
            fault: Some(error.in_full()),
            ..self
        }
    }

    /// Makes the NO for an error of the store. It is the one place where one becomes the other.
    pub(super) fn refused(error: &StoreError) -> Self {
        let reply = Self::no(error.to_string());
        match error {
            StoreError::NotFound => reply.with_code(Code::NonExistent),
            StoreError::Exists => reply.with_code(Code::AlreadyExists),
            StoreError::InUse => reply.with_code(Code::InUse),
            StoreError::Limit(_) => reply.with_code(Code::Limit),
            StoreError::NoSpace => reply.with_code(Code::OverQuota),
            StoreError::Refused(_) => reply.with_code(Code::Cannot),
            StoreError::Io { .. } | StoreError::NotFlushed { .. } | StoreError::Denied(_) => {
                reply.with_fault(error)
            }
            _ => reply,
        }
    }
}

impl From<StoreError> for Reply {
    fn from(error: StoreError) -> Self {
        Self::refused(&error)
    }
}
