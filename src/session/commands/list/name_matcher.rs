//! Which names an answer to LIST or LSUB contains: a walk over the names that satisfy the selection
//! criteria, one at a time.
//!
//! A name is listed if it matches a pattern. What makes this more than a filter are the parents of
//! a name, which may match where the name does not: they are listed for clients that walk down the
//! tree with `%`, and each command has a rule of its own for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{Budget, Step, Why};
use crate::protocol::Pattern;
use crate::types::{SEPARATOR, modified_utf7};

/// When the parents of a name are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParentRule {
    /// A parent that does not satisfy the selection criteria itself is listed if the name does not
    /// match: it cannot be selected (RFC 3501 §6.3.8), or the user is not subscribed to it
    /// (§6.3.9).
    Shown,
    /// Parents are listed only if they satisfy the selection criteria themselves (RFC 5258 §3.3).
    Hidden,
    /// All parents are listed, with CHILDINFO (RFC 5258 §3.5).
    ChildInfo,
}

/// Why a name is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::session::commands) struct MatchedName {
    /// Whether it satisfies the selection criteria itself.
    pub(in crate::session::commands) is_itself: bool,
    /// Whether a name below it does, and the client wants CHILDINFO.
    pub(super) has_child_info: bool,
}

/// A pattern of the client.
pub(super) struct NamePattern {
    pattern: Pattern,
    /// Whether it is compared with names in UTF-8 instead of modified UTF-7.
    is_utf8: bool,
}

impl NamePattern {
    /// Makes the pattern `text` below `reference`. If they are not ASCII they can only be UTF-8,
    /// and are compared with names in UTF-8: in modified UTF-7 the end of a run of letters depends
    /// on what follows it.
    pub(super) fn new(reference: &[u8], text: &[u8]) -> Self {
        Self {
            pattern: Pattern::list(reference, text),
            is_utf8: !reference.is_ascii() || !text.is_ascii(),
        }
    }

    /// Makes it a pattern in UTF-8, as every pattern is once names are sent in UTF-8 (RFC 6855 §3).
    pub(super) fn in_utf8(self, is_utf8: bool) -> Self {
        Self {
            is_utf8: self.is_utf8 || is_utf8,
            ..self
        }
    }

    fn matches(&self, name: &str) -> bool {
        match modified_utf7::decode(name.as_bytes()).filter(|_| self.is_utf8) {
            Some(text) => self.pattern.matches(text.as_bytes()),
            None => self.pattern.matches(name.as_bytes()),
        }
    }
}

/// A walk over names that finds those to list.
pub(super) struct NameMatcher {
    names: BTreeSet<String>,
    patterns: Vec<NamePattern>,
    parent_rule: ParentRule,
    /// The last name that was looked at.
    last: Option<String>,
    matched: BTreeMap<String, MatchedName>,
}

impl NameMatcher {
    /// Begins at the first of `names`, which are those that satisfy the selection criteria.
    pub(super) fn new(
        names: BTreeSet<String>,
        patterns: Vec<NamePattern>,
        parent_rule: ParentRule,
    ) -> Self {
        Self {
            names,
            patterns,
            parent_rule,
            last: None,
            matched: BTreeMap::new(),
        }
    }

    /// Looks at name after name; done with those to list, in order.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<BTreeMap<String, MatchedName>> {
        while let Some(name) = self.next() {
            self.look_at(&name);
            budget.spend(1 + self.patterns.len() as u32 / 4);
            self.last = Some(name);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(std::mem::take(&mut self.matched))
    }

    fn next(&self) -> Option<String> {
        use std::ops::Bound::{Excluded, Unbounded};
        match &self.last {
            Some(last) => self
                .names
                .range::<String, _>((Excluded(last), Unbounded))
                .next(),
            None => self.names.first(),
        }
        .cloned()
    }

    fn look_at(&mut self, name: &str) {
        let is_listed = self.matches(name);
        if is_listed {
            self.matched.entry(name.to_owned()).or_default().is_itself = true;
        }
        // Without CHILDINFO, a name that is listed makes its parents known well enough.
        let rule = self.parent_rule;
        if rule == ParentRule::Hidden || rule == ParentRule::Shown && is_listed {
            return;
        }
        for parent in parents(name) {
            let is_selected = self.names.contains(parent);
            let is_wanted = match rule {
                ParentRule::Hidden => false,
                ParentRule::Shown => !is_selected,
                // RFC 5258 §3.5: no CHILDINFO that only repeats what the line of the child says.
                ParentRule::ChildInfo => is_selected || !is_listed,
            };
            if is_wanted && self.matches(parent) {
                let matched = self.matched.entry(parent.to_owned()).or_default();
                matched.has_child_info |= rule == ParentRule::ChildInfo;
            }
        }
    }

    fn matches(&self, name: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.matches(name))
    }
}

/// Returns the parents of a name: `A` and `A.B` are those of `A.B.C`.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(SEPARATOR).map(|(at, _)| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::SystemClock;

    fn found(
        names: &[&str],
        patterns: &[&str],
        parent_rule: ParentRule,
    ) -> Vec<(String, bool, bool)> {
        let names = names.iter().map(ToString::to_string).collect();
        let patterns = patterns.iter();
        let patterns = patterns.map(|pattern| NamePattern::new(b"", pattern.as_bytes()));
        let mut matcher = NameMatcher::new(names, patterns.collect(), parent_rule);
        let mut budget = Budget::unlimited(&SystemClock);
        match matcher.step(&mut budget) {
            Step::Done(found) => found
                .into_iter()
                .map(|(name, found)| (name, found.is_itself, found.has_child_info))
                .collect(),
            Step::Yield(why) => panic!("{why:?}"),
        }
    }

    #[test]
    fn parents_are_listed_but_not_as_themselves() {
        let names = ["INBOX", "A.B.C", "A.B.D", "Sent"];
        let shown = |pattern: &str| {
            let found = found(&names, &[pattern], ParentRule::Shown);
            let itself = found.into_iter().map(|(name, itself, _)| (name, itself));
            itself.collect::<Vec<_>>()
        };
        let want = [("A", false), ("INBOX", true), ("Sent", true)];
        assert_eq!(
            shown("%"),
            want.map(|(name, itself)| (name.to_owned(), itself))
        );
        assert_eq!(shown("A.%"), [("A.B".to_owned(), false)]);
        assert_eq!(shown("A.*").iter().filter(|(_, itself)| *itself).count(), 2);
        assert!(found(&names, &["A.%"], ParentRule::Hidden).is_empty());
    }

    #[test]
    fn a_name_is_listed_once_for_many_patterns() {
        let names = ["INBOX", "Drafts", "Sent.March"];
        let all = found(&names, &["INBOX", "*", "Sent.%", ""], ParentRule::Shown);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn patterns_in_utf8_match_names_in_modified_utf7() {
        let names = ["Caf&AOk-", "Caf&AOkA6Q-.x", "Cafe"];
        let of = |pattern: &str| found(&names, &[pattern], ParentRule::Hidden).len();
        assert_eq!((of("Café"), of("Café*"), of("*é.x")), (1, 2, 1));
        assert_eq!((of("Caf&AOk-"), of("Caf&*"), of("Caf%")), (1, 2, 2));
    }

    /// RFC 5258 §5, example 9.
    #[test]
    fn childinfo_does_not_repeat_a_listed_child() {
        let subscribed = [
            "foo2.bar1",
            "foo2.bar2",
            "baz2.bar2",
            "baz2.bar22",
            "baz2.bar222",
            "eps2",
            "eps2.mamba",
            "qux2.bar2",
        ];
        let found = found(&subscribed, &["*2"], ParentRule::ChildInfo);
        let want = [
            ("baz2.bar2", true, false),
            ("baz2.bar22", true, false),
            ("baz2.bar222", true, false),
            ("eps2", true, true),
            ("foo2", false, true),
            ("foo2.bar2", true, false),
            ("qux2.bar2", true, false),
        ];
        assert_eq!(
            found,
            want.map(|(name, itself, info)| (name.to_owned(), itself, info))
        );
    }
}
