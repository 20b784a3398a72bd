//! The names that LIST and LSUB choose from, read from the disk before any of them is written, in
//! the form in which clients see them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::name_matcher::NameSet;
use crate::budget::{Step, Why};
use crate::protocol::{ListArguments, ListSelection, MailboxKind};
use crate::session::commands::{mailbox_argument, mailbox_names};
use crate::session::job::Context;
use crate::session::special_use::UseCandidates;
use crate::session::state::SessionState;
use crate::store::{ListNames, StoreError};
use crate::try_done;
use crate::types::{MailboxName, MailboxRef, SEPARATOR, SpecialUse, memory};

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
    /// Octets of memory that the names of both lists take. There are few special uses.
    memory: usize,
}

impl Catalogue {
    /// Returns the octets of memory that the names take.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Adds a mailbox or board that exists, under the name that the client sees.
    fn add_mailbox(&mut self, shown: String, name: MailboxRef) {
        let entry = memory::of_tree_entry::<String, MailboxRef>();
        self.memory += shown.capacity() + name.memory() + entry;
        self.mailboxes.insert(shown, name);
    }

    /// Adds a name that the user is subscribed to.
    fn add_subscribed(&mut self, shown: String) {
        self.memory += shown.capacity() + memory::of_tree_entry::<String, ()>();
        self.subscribed.insert(shown);
    }

    /// Returns the first name behind `after`, or the first of all, of those that satisfy the
    /// selection criteria.
    fn next_selected(&self, selection: ListSelection, after: Option<&str>) -> Option<&str> {
        if selection.special_use {
            let is_selected =
                |name: &&str| !selection.subscribed || self.subscribed.contains(*name);
            return next_key(&self.uses, after, is_selected);
        }
        match selection.subscribed {
            true => next_in(&self.subscribed, after),
            false => next_key(&self.mailboxes, after, |_| true),
        }
    }

    /// True if that name satisfies the selection criteria.
    fn is_selected(&self, selection: ListSelection, name: &str) -> bool {
        let is_known = match selection.subscribed {
            true => self.subscribed.contains(name),
            false => self.mailboxes.contains_key(name),
        };
        is_known && (!selection.special_use || self.uses.contains_key(name))
    }

    /// True if there is a mailbox below that name (RFC 3348 §3).
    pub(super) fn has_children(&self, name: &str) -> bool {
        let start = format!("{name}{SEPARATOR}");
        let below = self.mailboxes.range(start.clone()..).next();
        below.is_some_and(|(name, _)| name.starts_with(&start))
    }
}

/// Returns the first name behind `after`, or the first of all.
fn next_in<'n>(names: &'n BTreeSet<String>, after: Option<&str>) -> Option<&'n str> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let behind = (start, Bound::Unbounded);
    names.range::<str, _>(behind).next().map(String::as_str)
}

/// Returns the first key behind `after`, or the first of all, that is wanted.
fn next_key<'n, T>(
    names: &'n BTreeMap<String, T>,
    after: Option<&str>,
    is_wanted: impl FnMut(&&str) -> bool,
) -> Option<&'n str> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let behind = names.range::<str, _>((start, Bound::Unbounded));
    behind.map(|(name, _)| &**name).find(is_wanted)
}

/// The names of a catalogue that satisfy the selection criteria.
pub(super) struct SelectedNames<'c> {
    pub(super) catalogue: &'c Catalogue,
    pub(super) selection: ListSelection,
}

impl NameSet for SelectedNames<'_> {
    fn next(&self, after: Option<&str>) -> Option<&str> {
        self.catalogue.next_selected(self.selection, after)
    }

    fn contains(&self, name: &str) -> bool {
        self.catalogue.is_selected(self.selection, name)
    }
}

/// Reads the names that a command asks for, one at a time.
pub(super) struct CatalogueReader {
    catalogue: Catalogue,
    candidates: UseCandidates,
    /// The listings that are not read to their ends, the next last, and whether each is of the
    /// subscriptions.
    listings: Vec<(ListNames, bool)>,
}

impl CatalogueReader {
    /// Begins to read.
    pub(super) fn new(
        arguments: &ListArguments,
        cx: &mut Context<'_, '_>,
    ) -> Result<Self, StoreError> {
        let boards = mailbox_names::existing(MailboxKind::Bboard, cx)?;
        let mailboxes = mailbox_names::existing(MailboxKind::Mailbox, cx)?;
        let subscribed = match arguments.selection.subscribed || arguments.returns.subscribed {
            true => mailbox_names::subscribed(cx)?,
            false => None,
        };
        let existing = boards.into_iter().chain(mailboxes);
        let existing = existing.map(|listing| (listing, false));
        let subscribed = subscribed.map(|listing| (listing, true));
        Ok(Self {
            catalogue: Catalogue::default(),
            candidates: UseCandidates::default(),
            listings: existing.chain(subscribed).collect(),
        })
    }

    /// Returns the octets of memory that the names take that were read.
    pub(super) fn memory(&self) -> usize {
        self.catalogue.memory() + self.listings.len() * memory::OF_LISTING
    }

    /// Reads on; done when all names are read.
    pub(super) fn step(
        &mut self,
        arguments: &ListArguments,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<Catalogue, StoreError>> {
        while let Some((listing, is_subscribed)) = self.listings.last_mut() {
            let is_subscribed = *is_subscribed;
            match listing.next(cx.budget) {
                Some(name) => {
                    if let Some(name) = try_done!(name) {
                        self.add(name, is_subscribed, cx.state);
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
            catalogue.uses = self.uses(cx.state);
        }
        Step::Done(Ok(catalogue))
    }

    fn add(&mut self, name: MailboxRef, is_subscribed: bool, state: &SessionState) {
        let shown = mailbox_argument::shown(&name, state);
        if is_subscribed {
            self.catalogue.add_subscribed(shown);
            return;
        }
        // Boards, which all users share, have no special uses.
        if let MailboxRef::Personal(name) = &name {
            self.candidates.note(name, &state.config.special_uses);
        }
        self.catalogue.add_mailbox(shown, name);
    }

    /// Returns the special uses of the user's own mailboxes.
    fn uses(&self, state: &SessionState) -> BTreeMap<String, Vec<SpecialUse>> {
        let holders = state.config.special_uses.holders(&self.candidates);
        let shown = |name: &MailboxName| {
            let name = MailboxRef::Personal(name.clone());
            mailbox_argument::shown(&name, state)
        };
        holders
            .into_iter()
            .map(|(name, uses)| (shown(name), uses))
            .collect()
    }
}
