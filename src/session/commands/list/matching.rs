//! Which names an answer to LIST or LSUB tells: a walk over the names in question, one at a time.
//!
//! A name is told if it matches a pattern. What makes this more than a filter are the levels above it,
//! which may match where the name does not: they are told for the sake of a client that walks down the
//! tree with `%`, and each command has a rule of its own on how.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{Budget, Step, Why};
use crate::protocol::Pattern;
use crate::types::mailbox_name::SEPARATOR;
use crate::types::mutf7;

/// What becomes of the levels above a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Levels {
    /// A level that is not in question itself is told if the name does not match: it cannot be selected
    /// (RFC 3501 §6.3.8), or is not subscribed to (§6.3.9).
    Shown,
    /// They are told only for themselves (RFC 5258 §3.3).
    Hidden,
    /// Every level is told, with CHILDINFO (RFC 5258 §3.5).
    ChildInfo,
}

/// Why a name is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// It is one of the names in question.
    pub(super) is_itself: bool,
    /// There is one below it, and CHILDINFO is wanted.
    pub(super) has_child_info: bool,
}

/// A pattern, in the letters in which the client wrote it.
pub(super) struct Wanted {
    pattern: Pattern,
    is_utf8: bool,
}

impl Wanted {
    /// Such text as is not ASCII can only be plain UTF-8, and is compared with names as people read them:
    /// encoded, the end of a run of letters differs with what follows it.
    pub(super) fn new(reference: &[u8], text: &[u8]) -> Self {
        Self {
            pattern: Pattern::list(reference, text),
            is_utf8: !reference.is_ascii() || !text.is_ascii(),
        }
    }

    /// Once names are told in UTF-8 every pattern is compared with that (RFC 6855 §3).
    pub(super) fn in_utf8(self, is_utf8: bool) -> Self {
        Self {
            is_utf8: self.is_utf8 || is_utf8,
            ..self
        }
    }

    fn matches(&self, name: &str) -> bool {
        match mutf7::decode(name.as_bytes()).filter(|_| self.is_utf8) {
            Some(text) => self.pattern.matches(text.as_bytes()),
            None => self.pattern.matches(name.as_bytes()),
        }
    }
}

/// The walk.
pub(super) struct Matching {
    names: BTreeSet<String>,
    patterns: Vec<Wanted>,
    levels: Levels,
    last: Option<String>,
    found: BTreeMap<String, Found>,
}

impl Matching {
    pub(super) fn new(names: BTreeSet<String>, patterns: Vec<Wanted>, levels: Levels) -> Self {
        Self {
            names,
            patterns,
            levels,
            last: None,
            found: BTreeMap::new(),
        }
    }

    /// Looks at name after name; done with those to tell, in order.
    pub(super) fn step(&mut self, budget: &mut Budget<'_>) -> Step<BTreeMap<String, Found>> {
        while let Some(name) = self.next() {
            self.look_at(&name);
            budget.spend(1 + self.patterns.len() as u32 / 4);
            self.last = Some(name);
            if budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Done(std::mem::take(&mut self.found))
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
        let is_told = self.matches(name);
        if is_told {
            self.found.entry(name.to_owned()).or_default().is_itself = true;
        }
        // Without CHILDINFO, a name that is told makes its levels known well enough.
        if self.levels == Levels::Hidden || self.levels == Levels::Shown && is_told {
            return;
        }
        for level in levels_above(name) {
            let is_in_question = self.names.contains(level);
            let is_wanted = match self.levels {
                Levels::Hidden => false,
                Levels::Shown => !is_in_question,
                // RFC 5258 §3.5: no CHILDINFO that only repeats what is told of the child itself.
                Levels::ChildInfo => is_in_question || !is_told,
            };
            if is_wanted && self.matches(level) {
                let found = self.found.entry(level.to_owned()).or_default();
                found.has_child_info |= self.levels == Levels::ChildInfo;
            }
        }
    }

    fn matches(&self, name: &str) -> bool {
        let mut patterns = self.patterns.iter();
        patterns.any(|pattern| pattern.matches(name))
    }
}

/// `A` and `A.B` are above `A.B.C`.
fn levels_above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(SEPARATOR).map(|(at, _)| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::SystemClock;

    fn found(names: &[&str], patterns: &[&str], levels: Levels) -> Vec<(String, bool, bool)> {
        let names = names.iter().map(ToString::to_string).collect();
        let patterns = patterns.iter();
        let patterns = patterns.map(|pattern| Wanted::new(b"", pattern.as_bytes()));
        let mut matching = Matching::new(names, patterns.collect(), levels);
        let mut budget = Budget::unlimited(&SystemClock);
        match matching.step(&mut budget) {
            Step::Done(found) => found
                .into_iter()
                .map(|(name, found)| (name, found.is_itself, found.has_child_info))
                .collect(),
            Step::Yield(why) => panic!("{why:?}"),
        }
    }

    #[test]
    fn levels_above_are_shown_but_not_as_themselves() {
        let names = ["INBOX", "A.B.C", "A.B.D", "Sent"];
        let shown = |pattern: &str| {
            let found = found(&names, &[pattern], Levels::Shown);
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
        assert!(found(&names, &["A.%"], Levels::Hidden).is_empty());
    }

    #[test]
    fn one_answer_for_many_patterns() {
        let names = ["INBOX", "Drafts", "Sent.March"];
        let all = found(&names, &["INBOX", "*", "Sent.%", ""], Levels::Shown);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn other_letters() {
        let names = ["Caf&AOk-", "Caf&AOkA6Q-.x", "Cafe"];
        let of = |pattern: &str| found(&names, &[pattern], Levels::Hidden).len();
        assert_eq!((of("Café"), of("Café*"), of("*é.x")), (1, 2, 1));
        assert_eq!((of("Caf&AOk-"), of("Caf&*"), of("Caf%")), (1, 2, 2));
    }

    /// RFC 5258 §5, example 9.
    #[test]
    fn child_info_is_not_redundant() {
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
        let found = found(&subscribed, &["*2"], Levels::ChildInfo);
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
