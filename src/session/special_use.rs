//! The mailboxes with special uses (RFC 6154), which have them by their names alone.
//!
//! A client could give a use to any mailbox, if there were a place to store it. There is none: a
//! Maildir has no room for it, and a file of our own would be the one thing about a user's mail
//! that could not be rebuilt when it is lost. So each use has a list of names, in order of
//! preference, and the first of them that exists has the use. The lists are those that mail
//! programs have made common, unless the operator configures others. CREATE with USE succeeds if
//! the new mailbox has the use afterwards.

use std::collections::BTreeMap;

use crate::types::{MailboxName, SpecialUse};

/// The common names for each use, the preferred one first.
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
    /// Returns the common names, except for the uses for which the operator has configured others.
    /// An empty name leaves the use without a mailbox.
    pub fn new(configured: impl IntoIterator<Item = (SpecialUse, String)>) -> Self {
        let configured: Vec<(SpecialUse, String)> = configured.into_iter().collect();
        let mut special_uses = Self::default();
        for (used, names) in &mut special_uses.0 {
            let others = configured.iter().filter(|(other, _)| other == used);
            if others.clone().next().is_some() {
                let others = others.map(|(_, name)| name.clone());
                *names = others.filter(|name| !name.is_empty()).collect();
            }
        }
        special_uses
    }

    /// Returns the mailboxes that have a use, with their uses.
    pub(super) fn holders<'c>(
        &self,
        candidates: &'c UseCandidates,
    ) -> BTreeMap<&'c MailboxName, Vec<SpecialUse>> {
        let by_name = &candidates.0;
        let mut holders: BTreeMap<&MailboxName, Vec<SpecialUse>> = BTreeMap::new();
        for (used, names) in &self.0 {
            let mut found = names.iter().filter_map(|name| by_name.get(&folded(name)));
            if let Some(mailbox) = found.next() {
                holders.entry(mailbox).or_default().push(*used);
            }
        }
        holders
    }

    /// True if a new mailbox `name` would have all those uses beside the `others`.
    pub(super) fn would_hold(
        &self,
        name: &MailboxName,
        uses: &[SpecialUse],
        mut others: UseCandidates,
    ) -> bool {
        others.note(name, self);
        let holders = self.holders(&others);
        let held = holders.get(name);
        uses.iter()
            .all(|used| held.is_some_and(|held| held.contains(used)))
    }

    /// Returns the preferred mailboxes, one for each use that has any.
    pub(super) fn preferred(&self) -> Vec<MailboxName> {
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

/// The mailboxes whose names may give them a use, found while the mailboxes are listed one by one.
/// There is at most one for each name of [`SpecialUses`], however many mailboxes there are.
#[derive(Debug, Default)]
pub(super) struct UseCandidates(BTreeMap<String, MailboxName>);

impl UseCandidates {
    /// Notes that there is a mailbox. Of names that differ in case only, the first in order counts.
    pub(super) fn note(&mut self, mailbox: &MailboxName, special_uses: &SpecialUses) {
        let mut names = special_uses.0.iter().flat_map(|(_, names)| names);
        if !names.any(|name| name.eq_ignore_ascii_case(mailbox.as_str())) {
            return;
        }
        let known = self.0.entry(folded(mailbox.as_str()));
        let known = known.or_insert_with(|| mailbox.clone());
        if mailbox < known {
            *known = mailbox.clone();
        }
    }
}

/// Folds the case of a name: mail programs do not agree on it.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use SpecialUse::{Drafts, Sent, Trash};

    fn names(names: &[&str]) -> Vec<MailboxName> {
        let name = |name: &&str| MailboxName::new(name.as_bytes()).expect("a name");
        names.iter().map(name).collect()
    }

    fn candidates(special_uses: &SpecialUses, mailboxes: &[&str]) -> UseCandidates {
        let mut candidates = UseCandidates::default();
        for name in names(mailboxes) {
            candidates.note(&name, special_uses);
        }
        candidates
    }

    fn holder(special_uses: &SpecialUses, used: SpecialUse, mailboxes: &[&str]) -> Option<String> {
        let candidates = candidates(special_uses, mailboxes);
        let holders = special_uses.holders(&candidates);
        let mut found = holders.iter().filter(|(_, uses)| uses.contains(&used));
        found.next().map(|(name, _)| name.to_string())
    }

    #[test]
    fn the_first_name_that_exists_has_the_use() {
        let special_uses = SpecialUses::default();
        let holds = |mailboxes: &[&str]| holder(&special_uses, Sent, mailboxes);
        assert_eq!(
            holds(&["INBOX", "Sent Items", "Sent"]).as_deref(),
            Some("Sent")
        );
        assert_eq!(holds(&["Sent Items"]).as_deref(), Some("Sent Items"));
        assert_eq!(holds(&["sent"]).as_deref(), Some("sent"));
        for both in [["sent", "Sent"], ["Sent", "sent"]] {
            assert_eq!(holds(&both).as_deref(), Some("Sent"), "in any order");
        }
        assert_eq!(holds(&["INBOX", "Work.Sent"]), None);
    }

    #[test]
    fn configured_names_replace_the_common_ones() {
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
    fn a_new_mailbox_does_not_take_the_use_of_another() {
        let special_uses = SpecialUses::default();
        let would = |name: &str, uses: &[SpecialUse], others: &[&str]| {
            special_uses.would_hold(&names(&[name])[0], uses, candidates(&special_uses, others))
        };
        assert!(would("Sent", &[Sent], &["INBOX", "Sent Items"]));
        assert!(would("Sent Items", &[Sent], &["INBOX"]));
        assert!(!would("Sent Items", &[Sent], &["Sent"]));
        assert!(!would("Sent", &[Sent, Drafts], &[]));
        assert!(!would("Other", &[Sent], &[]));
        assert!(would("Other", &[], &[]));
    }
}
