//! What there is to list, read from the disk at once: names as they are on the wire.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::ListArguments;
use crate::session::commands::{name_on_wire, names};
use crate::session::job::Cx;
use crate::store::StoreError;
use crate::types::MailboxRef;
use crate::types::mailbox_name::SEPARATOR;

/// The names that an answer may have to do with.
#[derive(Default)]
pub(super) struct Catalogue {
    /// The mailboxes and boards that exist.
    pub(super) mailboxes: BTreeMap<String, MailboxRef>,
    /// What is subscribed to, if that matters.
    pub(super) subscribed: BTreeSet<String>,
}

impl Catalogue {
    /// Reads what the answer takes.
    pub(super) fn read(asked: &ListArguments, cx: &mut Cx<'_, '_>) -> Result<Self, StoreError> {
        let mut catalogue = Self::default();
        if asked.selection.subscribed || asked.returns.subscribed {
            let names = names::subscribed(cx)?;
            catalogue.subscribed = names.iter().map(name_on_wire).collect();
        }
        for name in names::personal(cx)?.into_iter().chain(names::boards(cx)?) {
            catalogue.mailboxes.insert(name_on_wire(&name), name);
        }
        Ok(catalogue)
    }

    /// The names that satisfy the selection criteria.
    pub(super) fn selected(&self, asked: &ListArguments) -> BTreeSet<String> {
        match asked.selection.subscribed {
            true => self.subscribed.clone(),
            false => self.mailboxes.keys().cloned().collect(),
        }
    }

    /// True if there is a mailbox below that name (RFC 3348 §3).
    pub(super) fn has_children(&self, name: &str) -> bool {
        let start = format!("{name}{SEPARATOR}");
        let below = self.mailboxes.range(start.clone()..).next();
        below.is_some_and(|(name, _)| name.starts_with(&start))
    }
}
