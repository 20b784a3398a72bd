//! Which mailbox has which special use (RFC 6154): by its name, and by nothing else.
//!
//! A use could be given to any mailbox that a client names, if there were a place to remember it. There
//! is none: a Maildir has no room for it, and a file of our own would be the one thing about a user's mail
//! that could not be rebuilt when it is lost. So each use has a list of names, in order of preference, and
//! the first of them that exists has it. The lists are those that mail programs have made common, unless
//! the operator says otherwise. CREATE with USE succeeds where the new mailbox has the use then.

use std::collections::BTreeMap;

use crate::budget::{Budget, COST_SYNC, Step, Why};
use crate::ready;
use crate::store::{Account, Store, StoreError, SubscribeMailbox};
use crate::types::{MailboxName, MailboxRef, SpecialUse};

/// The names by which mailboxes are known for what they are, unless the operator says otherwise.
const COMMON: [(SpecialUse, &[&str]); 5] = [
    (SpecialUse::Archive, &["Archive", "Archives"]),
    (SpecialUse::Drafts, &["Drafts", "Draft"]),
    (
        SpecialUse::Junk,
        &["Junk", "Spam", "Junk E-mail", "Junk Email", "Bulk Mail"],
    ),
    (
        SpecialUse::Sent,
        &[
            "Sent",
            "Sent Items",
            "Sent Messages",
            "Sent Mail",
            "sent-mail",
        ],
    ),
    (
        SpecialUse::Trash,
        &["Trash", "Deleted Items", "Deleted Messages"],
    ),
];

/// The names for each use, the preferred one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialUses(Vec<(SpecialUse, Vec<String>)>);

impl Default for SpecialUses {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self(COMMON.map(|(used, names)| (used, owned(names))).into())
    }
}

impl SpecialUses {
    /// The common names, but for the uses for which there are others. An empty name is none: it leaves the
    /// use to nobody.
    pub fn new(said: impl IntoIterator<Item = (SpecialUse, String)>) -> Self {
        let said: Vec<(SpecialUse, String)> = said.into_iter().collect();
        let mut special_uses = Self::default();
        for (used, names) in &mut special_uses.0 {
            let others = said.iter().filter(|(other, _)| other == used);
            if others.clone().next().is_some() {
                let others = others.map(|(_, name)| name.clone());
                *names = others.filter(|name| !name.is_empty()).collect();
            }
        }
        special_uses
    }

    /// The mailboxes among those that have a use, with their uses.
    pub(super) fn holders<'n>(
        &self,
        mailboxes: impl IntoIterator<Item = &'n MailboxName>,
    ) -> BTreeMap<&'n MailboxName, Vec<SpecialUse>> {
        let mut by_name: BTreeMap<String, &MailboxName> = BTreeMap::new();
        for mailbox in mailboxes {
            by_name.entry(folded(mailbox.as_str())).or_insert(mailbox);
        }
        let mut holders: BTreeMap<&MailboxName, Vec<SpecialUse>> = BTreeMap::new();
        for (used, names) in &self.0 {
            let mut found = names.iter().filter_map(|name| by_name.get(&folded(name)));
            if let Some(mailbox) = found.next() {
                holders.entry(mailbox).or_default().push(*used);
            }
        }
        holders
    }

    /// True if a mailbox of that name would have all those uses beside the others.
    pub(super) fn would_hold(
        &self,
        name: &MailboxName,
        uses: &[SpecialUse],
        others: &[MailboxName],
    ) -> bool {
        let holders = self.holders(others.iter().chain([name]));
        let held = holders.get(name);
        uses.iter()
            .all(|used| held.is_some_and(|held| held.contains(used)))
    }

    /// The preferred mailboxes, one for each use that has any.
    fn preferred(&self) -> Vec<MailboxName> {
        let first = self.0.iter().filter_map(|(_, names)| names.first());
        let mut all: Vec<MailboxName> = first
            .filter_map(|name| MailboxName::new(name.as_bytes()).ok())
            .filter(|name| !name.is_inbox())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Mail programs do not agree on the case of these names.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Creates the preferred mailboxes for a user who has none but INBOX, and subscribes to them. That is what
/// is meant by somebody's first login: nothing has to be remembered for it, and who has mailboxes has
/// arranged them to their liking.
pub(super) struct Furnish {
    account: Account,
    /// Those to create, the last one first.
    left: Option<Vec<MailboxName>>,
    subscribing: Option<SubscribeMailbox>,
}

impl Furnish {
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            left: None,
            subscribing: None,
        }
    }

    /// To be stepped until done. What cannot be created is logged: it is no reason not to let the user in.
    pub(super) fn step(
        &mut self,
        special_uses: &SpecialUses,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        loop {
            if let Some(subscribing) = &mut self.subscribing {
                note(ready!(subscribing.step(store, budget)));
                self.subscribing = None;
            }
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            let account = &self.account;
            let left = self
                .left
                .get_or_insert_with(|| missing(special_uses, account, store));
            let Some(name) = left.pop() else {
                return Step::Done(());
            };
            note(store.create(account, &name));
            budget.spend(COST_SYNC);
            let name = MailboxRef::Personal(name);
            self.subscribing = Some(SubscribeMailbox::new(account.clone(), name, true));
        }
    }
}

fn missing(special_uses: &SpecialUses, account: &Account, store: &Store) -> Vec<MailboxName> {
    match store.list(account) {
        Ok(names) if !store.settings().read_only && names.iter().all(MailboxName::is_inbox) => {
            special_uses.preferred().into_iter().rev().collect()
        }
        Ok(_) => Vec::new(),
        Err(error) => {
            note(Err(error));
            Vec::new()
        }
    }
}

fn note(result: Result<(), StoreError>) {
    if let Err(error) = result {
        log::warn!(
            "a mailbox for a special use could not be made: {}",
            error.in_full()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SpecialUse::{Drafts, Sent, Trash};

    fn names(names: &[&str]) -> Vec<MailboxName> {
        let name = |name: &&str| MailboxName::new(name.as_bytes()).expect("a name");
        names.iter().map(name).collect()
    }

    fn holder(special_uses: &SpecialUses, used: SpecialUse, mailboxes: &[&str]) -> Option<String> {
        let mailboxes = names(mailboxes);
        let holders = special_uses.holders(&mailboxes);
        let mut found = holders.iter().filter(|(_, uses)| uses.contains(&used));
        found.next().map(|(name, _)| name.to_string())
    }

    #[test]
    fn the_first_that_exists_has_the_use() {
        let special_uses = SpecialUses::default();
        let holds = |mailboxes: &[&str]| holder(&special_uses, Sent, mailboxes);
        assert_eq!(
            holds(&["INBOX", "Sent Items", "Sent"]).as_deref(),
            Some("Sent")
        );
        assert_eq!(holds(&["Sent Items"]).as_deref(), Some("Sent Items"));
        assert_eq!(holds(&["sent"]).as_deref(), Some("sent"));
        assert_eq!(holds(&["INBOX", "Work.Sent"]), None);
    }

    #[test]
    fn others_instead_of_the_common_ones() {
        let special_uses = SpecialUses::new([
            (Sent, "Gesendet".to_owned()),
            (Sent, "Alt.Gesendet".to_owned()),
            (Trash, String::new()),
            (Drafts, "Gesendet".to_owned()),
        ]);
        let all = [
            "Alt.Gesendet",
            "Gesendet",
            "Sent",
            "Trash",
            "Drafts",
            "Spam",
        ];
        for (used, want) in [
            (Sent, Some("Gesendet")),
            (Drafts, Some("Gesendet")),
            (Trash, None),
            (SpecialUse::Junk, Some("Spam")),
        ] {
            assert_eq!(
                holder(&special_uses, used, &all).as_deref(),
                want,
                "{used:?}"
            );
        }
        assert_eq!(
            special_uses.preferred(),
            names(&["Archive", "Gesendet", "Junk"])
        );
    }

    #[test]
    fn a_use_is_not_taken_from_another() {
        let special_uses = SpecialUses::default();
        let would = |name: &str, uses: &[SpecialUse], others: &[&str]| {
            special_uses.would_hold(&names(&[name])[0], uses, &names(others))
        };
        assert!(would("Sent", &[Sent], &["INBOX", "Sent Items"]));
        assert!(would("Sent Items", &[Sent], &["INBOX"]));
        assert!(!would("Sent Items", &[Sent], &["Sent"]));
        assert!(!would("Sent", &[Sent, Drafts], &[]));
        assert!(!would("Other", &[Sent], &[]));
        assert!(would("Other", &[], &[]));
    }
}
