//! The names that LIST and LSUB choose from, read from the disk before any of them is written, in
//! the form in which clients see them.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{Step, Why};
use crate::protocol::{ListArguments, MailboxKind};
use crate::session::commands::{mailbox_argument, mailbox_names};
use crate::session::job::Context;
use crate::session::state::SessionState;
use crate::store::{ListNames, StoreError};
use crate::try_done;
use crate::types::{MailboxName, MailboxRef, SEPARATOR, SpecialUse};

/// Records that a name in the catalogue is paid for as.
const RECORDS_PER_NAME: usize = 8;

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

/// Reads the names that a command asks for, one directory entry at a time.
pub(super) struct CatalogueReader {
    catalogue: Catalogue,
    /// The listings that are not read to their ends, the next last.
    listings: Vec<ListNames>,
}

impl CatalogueReader {
    /// Begins to read.
    pub(super) fn new(
        arguments: &ListArguments,
        cx: &mut Context<'_, '_>,
    ) -> Result<Self, StoreError> {
        let mut catalogue = Catalogue::default();
        if arguments.selection.subscribed || arguments.returns.subscribed {
            let names = mailbox_names::subscribed(cx)?;
            let names = names.iter();
            let shown = names.map(|name| mailbox_argument::shown(name, cx.state));
            catalogue.subscribed = shown.collect();
        }
        let boards = mailbox_names::existing(MailboxKind::Bboard, cx)?;
        let mailboxes = mailbox_names::existing(MailboxKind::Mailbox, cx)?;
        Ok(Self {
            catalogue,
            listings: boards.into_iter().chain(mailboxes).collect(),
        })
    }

    /// Reads on; done when all names are read.
    pub(super) fn step(
        &mut self,
        arguments: &ListArguments,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<Catalogue, StoreError>> {
        while let Some(listing) = self.listings.last_mut() {
            match listing.next(cx.budget) {
                Some(name) => {
                    if let Some(name) = try_done!(name) {
                        let shown = mailbox_argument::shown(&name, cx.state);
                        self.catalogue.mailboxes.insert(shown, name);
                        cx.budget.spend_records(RECORDS_PER_NAME);
                    }
                }
                None => drop(self.listings.pop()),
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        let mut catalogue = std::mem::take(&mut self.catalogue);
        if arguments.returns.special_use {
            catalogue.uses = catalogue.uses(cx.state);
        }
        Step::Done(Ok(catalogue))
    }
}

fn personal(mailbox: &MailboxRef) -> Option<&MailboxName> {
    match mailbox {
        MailboxRef::Personal(name) => Some(name),
        MailboxRef::Bboard(_) => None,
    }
}
