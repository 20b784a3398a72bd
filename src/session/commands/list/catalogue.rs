//! The names that LIST and LSUB choose from, read from the disk at once, in the form in which
//! clients see them.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::ListArguments;
use crate::session::commands::{mailbox_argument, mailbox_names};
use crate::session::job::Context;
use crate::session::state::SessionState;
use crate::store::StoreError;
use crate::types::{MailboxName, MailboxRef, SEPARATOR, SpecialUse};

/// The names that an answer may have to do with.
#[derive(Default)]
pub(in crate::session::commands) struct Catalogue {
    /// The mailboxes and boards that exist.
    pub(super) mailboxes: BTreeMap<String, MailboxRef>,
    /// The names that the user is subscribed to, if the command asks for that.
    pub(super) subscribed: BTreeSet<String>,
    /// The mailboxes that have special uses, if the command asks for that.
    pub(super) uses: BTreeMap<String, Vec<SpecialUse>>,
}

impl Catalogue {
    /// Reads the names that the command asks for.
    pub(super) fn read(
        arguments: &ListArguments,
        cx: &mut Context<'_, '_>,
    ) -> Result<Self, StoreError> {
        let mut catalogue = Self::default();
        if arguments.selection.subscribed || arguments.returns.subscribed {
            let names = mailbox_names::subscribed(cx)?;
            let names = names.iter();
            let shown = names.map(|name| mailbox_argument::shown(name, cx.state));
            catalogue.subscribed = shown.collect();
        }
        let personal = mailbox_names::personal(cx)?;
        for name in personal.into_iter().chain(mailbox_names::boards(cx)?) {
            let shown = mailbox_argument::shown(&name, cx.state);
            catalogue.mailboxes.insert(shown, name);
        }
        if arguments.returns.special_use {
            catalogue.uses = catalogue.uses(cx.state);
        }
        Ok(catalogue)
    }

    /// Returns the special uses of the user's own mailboxes. Boards, which all users share, have
    /// none.
    fn uses(&self, state: &SessionState) -> BTreeMap<String, Vec<SpecialUse>> {
        let own = self.mailboxes.values().filter_map(personal);
        let holders = state.config.special_uses.holders(own);
        let shown = |name: &MailboxName| {
            let name = MailboxRef::Personal(name.clone());
            mailbox_argument::shown(&name, state)
        };
        holders
            .into_iter()
            .map(|(name, uses)| (shown(name), uses))
            .collect()
    }

    /// Returns the names that satisfy the selection criteria.
    pub(super) fn selected(&self, arguments: &ListArguments) -> BTreeSet<String> {
        let mut names = match arguments.selection.subscribed {
            true => self.subscribed.clone(),
            false => self.mailboxes.keys().cloned().collect(),
        };
        if arguments.selection.special_use {
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

fn personal(mailbox: &MailboxRef) -> Option<&MailboxName> {
    match mailbox {
        MailboxRef::Personal(name) => Some(name),
        MailboxRef::Bboard(_) => None,
    }
}
