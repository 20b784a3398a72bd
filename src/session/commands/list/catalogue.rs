//! What there is to list, read from the disk at once: names as they are on the wire.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::ListArguments;
use crate::session::commands::{name_on_wire, names};
use crate::session::core::Core;
use crate::session::job::Cx;
use crate::store::StoreError;
use crate::types::mailbox_name::SEPARATOR;
use crate::types::{MailboxName, MailboxRef, SpecialUse};

/// The names that an answer may have to do with.
#[derive(Default)]
pub(super) struct Catalogue {
    /// The mailboxes and boards that exist.
    pub(super) mailboxes: BTreeMap<String, MailboxRef>,
    /// What is subscribed to, if that matters.
    pub(super) subscribed: BTreeSet<String>,
    /// The mailboxes that have special uses, if that matters.
    pub(super) uses: BTreeMap<String, Vec<SpecialUse>>,
}

impl Catalogue {
    /// Reads what the answer takes.
    pub(super) fn read(asked: &ListArguments, cx: &mut Cx<'_, '_>) -> Result<Self, StoreError> {
        let mut catalogue = Self::default();
        if asked.selection.subscribed || asked.returns.subscribed {
            let names = names::subscribed(cx)?;
            catalogue.subscribed = names
                .iter()
                .map(|name| name_on_wire(name, cx.core))
                .collect();
        }
        for name in names::personal(cx)?.into_iter().chain(names::boards(cx)?) {
            catalogue
                .mailboxes
                .insert(name_on_wire(&name, cx.core), name);
        }
        if asked.returns.special_use {
            catalogue.uses = catalogue.uses(cx.core);
        }
        Ok(catalogue)
    }

    /// Uses are a matter of the user's own mailboxes: a board is the same to everybody.
    fn uses(&self, core: &Core) -> BTreeMap<String, Vec<SpecialUse>> {
        let holders = core
            .config
            .special_uses
            .holders(self.mailboxes.values().filter_map(own));
        let on_wire = |name: &MailboxName| name_on_wire(&MailboxRef::Personal(name.clone()), core);
        holders
            .into_iter()
            .map(|(name, uses)| (on_wire(name), uses))
            .collect()
    }

    /// The names that satisfy the selection criteria.
    pub(super) fn selected(&self, asked: &ListArguments) -> BTreeSet<String> {
        let mut names = match asked.selection.subscribed {
            true => self.subscribed.clone(),
            false => self.mailboxes.keys().cloned().collect(),
        };
        if asked.selection.special_use {
            names.retain(|name| self.uses.contains_key(name));
        }
        names
    }

    /// True if there is a mailbox below that name (RFC 3348 §3).
    pub(super) fn has_children(&self, name: &str) -> bool {
        let start = format!("{name}{SEPARATOR}");
        let below = self.mailboxes.range(start.clone()..).next();
        below.is_some_and(|(name, _)| name.starts_with(&start))
    }
}

fn own(mailbox: &MailboxRef) -> Option<&MailboxName> {
    match mailbox {
        MailboxRef::Personal(name) => Some(name),
        MailboxRef::Bboard(_) => None,
    }
}
