//! Which names an answer to LIST or LSUB contains: a walk over the names that satisfy the selection
//! criteria, one at a time.
//!
//! A name is listed if it matches a pattern. What makes this more than a filter are the parents of
//! a name, which may match where the name does not: they are listed for clients that walk down the
//! tree with `%`, and each command has a rule of its own for them.
//!
//! The work is bounded by the octets of the names times the patterns, however many levels a name
//! has: one walk of a pattern over a name answers for its parents too, and the parents that a name
//! shares with the name before it are not looked up again. Each walk and each lookup is paid for,
//! and the step may end after any of them, between two names or within one.

use std::collections::BTreeMap;

use crate::budget::{Budget, Step, Why};
use crate::protocol::Pattern;
use crate::types::{SEPARATOR, memory, modified_utf7};
use crate::work;

/// Records that a lookup of a name is paid for as.
const RECORDS_PER_LOOKUP: usize = 8;

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
}

/// The names that satisfy the selection criteria, in order.
pub(super) trait NameSet {
    /// Returns the first name behind `after`, or the first of all.
    fn next(&self, after: Option<&str>) -> Option<&str>;

    fn contains(&self, name: &str) -> bool;
}

/// A walk over names that finds those to list.
pub(super) struct NameMatcher {
    patterns: Vec<NamePattern>,
    parent_rule: ParentRule,
    /// The name that is being looked at, or was last.
    current: Option<NameWalk>,
    matched: BTreeMap<String, MatchedName>,
    /// Octets of memory that the names to list take.
    memory: usize,
}

impl NameMatcher {
    /// Begins at the first name.
    pub(super) fn new(patterns: Vec<NamePattern>, parent_rule: ParentRule) -> Self {
        Self {
            patterns,
            parent_rule,
            current: None,
            matched: BTreeMap::new(),
            memory: 0,
        }
    }

    /// Returns the octets of memory that the names to list take.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Looks at name after name, the same `names` in each step; done with those to list, in order.
    pub(super) fn step(
        &mut self,
        names: &impl NameSet,
        budget: &mut Budget<'_>,
    ) -> Step<BTreeMap<String, MatchedName>> {
        loop {
            while self.work(names, budget) {
                if budget.is_spent() {
                    return Step::Yield(Why::Budget);
                }
            }
            let before = self.current.as_ref().map(|walk| &*walk.name);
            let Some(next) = names.next(before).map(str::to_owned) else {
                return Step::Done(std::mem::take(&mut self.matched));
            };
            self.current = Some(NameWalk::new(next, self.current.take()));
        }
    }

    /// Matches one pattern, or looks up one parent. False if the current name needs no more of
    /// either.
    fn work(&mut self, names: &impl NameSet, budget: &mut Budget<'_>) -> bool {
        work::things(1);
        let rule = self.parent_rule;
        let Some(walk) = &mut self.current else {
            return false;
        };
        // Without CHILDINFO, a name that is listed makes its parents known well enough.
        let is_decided = walk.is_listed && rule != ParentRule::ChildInfo;
        if let Some(pattern) = self.patterns.get(walk.patterns).filter(|_| !is_decided) {
            walk.patterns += 1;
            budget.spend_octets(walk.match_with(pattern));
            return true;
        }
        if walk.is_listed && !walk.is_entered {
            walk.is_entered = true;
            self.memory += memory_of(&walk.name);
            let name = walk.name.clone();
            self.matched.entry(name).or_default().is_itself = true;
            budget.spend_records(RECORDS_PER_LOOKUP);
            return true;
        }
        if rule == ParentRule::Hidden || is_decided {
            return false;
        }
        let Some((parent, is_listed)) = walk.next_parent() else {
            return false;
        };
        let is_selected = names.contains(parent);
        let is_wanted = match rule {
            ParentRule::Hidden => false,
            ParentRule::Shown => !is_selected,
            // RFC 5258 §3.5: no CHILDINFO that only repeats what the line of the child says.
            ParentRule::ChildInfo => is_selected || !is_listed,
        };
        if is_wanted {
            self.memory += memory_of(parent);
            let matched = self.matched.entry(parent.to_owned()).or_default();
            matched.has_child_info |= rule == ParentRule::ChildInfo;
        }
        walk.settle_parent(is_wanted || rule == ParentRule::Shown);
        budget.spend_records(2 * RECORDS_PER_LOOKUP);
        true
    }
}

/// Returns the octets of memory that a name to list takes. One that is added twice counts twice.
fn memory_of(name: &str) -> usize {
    name.len() + memory::of_tree_entry::<String, MatchedName>()
}

/// The work on one name.
struct NameWalk {
    name: String,
    /// The beginning of the name up to the last level that can be decoded, in UTF-8, and how many
    /// levels that is.
    decoded: (String, usize),
    /// The levels of the name.
    levels: Vec<Level>,
    /// How many patterns the name was compared with.
    patterns: usize,
    /// Whether the name matches one of them.
    is_listed: bool,
    /// Whether the name was added to those that are listed.
    is_entered: bool,
    /// The level whose parent is looked up next.
    level: usize,
}

/// A level of a name. The parent that ends there is the name up to its end.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// Index behind the last octet of the level.
    end: usize,
    /// Whether the parent matches a pattern.
    matches: bool,
    /// Whether no name below the parent can change any more whether it is listed, and how.
    is_settled: bool,
}

impl NameWalk {
    /// Begins with a name. `before` is the walk over the name before it, which may share parents.
    fn new(name: String, before: Option<Self>) -> Self {
        let ends = name.match_indices(SEPARATOR).map(|(at, _)| at);
        let mut levels: Vec<Level> = ends
            .map(|end| Level {
                end,
                matches: false,
                is_settled: false,
            })
            .collect();
        if let Some(before) = before {
            let octets = name.bytes().zip(before.name.bytes());
            let shared = octets.take_while(|(own, other)| own == other).count();
            for (level, other) in levels.iter_mut().zip(&before.levels) {
                level.is_settled = level.end < shared && other.is_settled;
            }
        }
        Self {
            decoded: decode_levels(&name),
            name,
            levels,
            patterns: 0,
            is_listed: false,
            is_entered: false,
            level: 0,
        }
    }

    /// Matches the name and its parents, and returns the work that it took. What cannot be decoded
    /// is compared as it is.
    fn match_with(&mut self, pattern: &NamePattern) -> usize {
        let (text, decoded) = match pattern.is_utf8 {
            true => (&*self.decoded.0, self.decoded.1),
            false => ("", 0),
        };
        let mut work = 0;
        let levels = &mut self.levels;
        if decoded > 0 {
            let report = |level: usize| levels[level].matches = true;
            let walk = pattern.pattern.walk(text.as_bytes(), report);
            match levels.get_mut(decoded - 1) {
                Some(level) => level.matches |= walk.is_match,
                None => self.is_listed |= walk.is_match,
            }
            work += walk.work;
        }
        if decoded <= levels.len() {
            let report = |level: usize| levels[level].matches |= level >= decoded;
            let walk = pattern.pattern.walk(self.name.as_bytes(), report);
            self.is_listed |= walk.is_match;
            work += walk.work;
        }
        work
    }

    /// Returns the next parent that matches and is not settled, and whether the name is listed
    /// itself.
    fn next_parent(&mut self) -> Option<(&str, bool)> {
        let rest = self.levels.get_mut(self.level..)?;
        let open = rest.iter_mut().position(|level| {
            // A parent that does not match this time never does.
            level.is_settled |= !level.matches;
            !level.is_settled
        })?;
        self.level += open + 1;
        let end = self.levels[self.level - 1].end;
        Some((&self.name[..end], self.is_listed))
    }

    /// Notes whether the parent that was returned last is settled.
    fn settle_parent(&mut self, is_settled: bool) {
        self.levels[self.level - 1].is_settled = is_settled;
    }
}

/// Decodes a name level by level, as far as that is possible. Returns the text, and how many levels
/// it has.
fn decode_levels(name: &str) -> (String, usize) {
    let mut text = String::new();
    let mut levels = 0;
    for level in name.split(SEPARATOR) {
        let Some(decoded) = modified_utf7::decode(level.as_bytes()) else {
            break;
        };
        if levels > 0 {
            text.push(SEPARATOR);
        }
        text.push_str(&decoded);
        levels += 1;
    }
    (text, levels)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::Bound;

    use super::*;
    use crate::budget::SystemClock;
    use proptest::prelude::*;

    impl NameSet for BTreeSet<String> {
        fn next(&self, after: Option<&str>) -> Option<&str> {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let behind = self.range::<str, _>((start, Bound::Unbounded));
            behind.map(String::as_str).next()
        }

        fn contains(&self, name: &str) -> bool {
            Self::contains(self, name)
        }
    }

    fn found(
        names: &[&str],
        patterns: &[&str],
        parent_rule: ParentRule,
    ) -> Vec<(String, bool, bool)> {
        let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
        let patterns = patterns.iter();
        let patterns = patterns.map(|pattern| NamePattern::new(b"", pattern.as_bytes()));
        let mut matcher = NameMatcher::new(patterns.collect(), parent_rule);
        let mut budget = Budget::unlimited(&SystemClock);
        match matcher.step(&names, &mut budget) {
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

    /// Lists names by trying every pattern on every name and parent, as a reference.
    fn naive(
        names: &[&str],
        patterns: &[&str],
        parent_rule: ParentRule,
    ) -> Vec<(String, bool, bool)> {
        let matches = |name: &str| {
            let is_match = |pattern: &&str| {
                let text = modified_utf7::decode(name.as_bytes()).filter(|_| !pattern.is_ascii());
                let text = text.unwrap_or_else(|| name.to_owned());
                Pattern::list(b"", pattern.as_bytes()).matches(text.as_bytes())
            };
            patterns.iter().any(is_match)
        };
        let mut found: BTreeMap<String, (bool, bool)> = BTreeMap::new();
        for name in names {
            let is_listed = matches(name);
            if is_listed {
                found.entry((*name).to_owned()).or_default().0 = true;
            }
            for (end, _) in name.match_indices(SEPARATOR) {
                let parent = &name[..end];
                let is_wanted = match parent_rule {
                    ParentRule::Hidden => false,
                    ParentRule::Shown => !is_listed && !names.contains(&parent),
                    ParentRule::ChildInfo => !is_listed || names.contains(&parent),
                };
                if is_wanted && matches(parent) {
                    let has_child_info = parent_rule == ParentRule::ChildInfo;
                    found.entry(parent.to_owned()).or_default().1 |= has_child_info;
                }
            }
        }
        let found = found.into_iter();
        found
            .map(|(name, (itself, info))| (name, itself, info))
            .collect()
    }

    proptest::proptest! {
        #[test]
        fn the_walk_agrees_with_trying_everything(
            names in prop::collection::vec("(a|b|-|\\.|&AOk-|&AOk|&){1,7}", 0..8),
            patterns in prop::collection::vec("[ab\\-.&Aé*%]{0,5}", 0..4),
        ) {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let patterns: Vec<&str> = patterns.iter().map(|pattern| &**pattern).collect();
            for rule in [ParentRule::Hidden, ParentRule::Shown, ParentRule::ChildInfo] {
                prop_assert_eq!(found(&names, &patterns, rule), naive(&names, &patterns, rule));
            }
        }
    }

    /// 20 patterns of many wildcards against 60 names of 120 levels: every step does a bounded
    /// amount of work, and all steps together no more than the octets times the patterns.
    #[test]
    fn the_work_of_a_step_is_bounded_for_deep_names_and_many_patterns() {
        let deep = vec!["a"; 120].join(".");
        let names = (0..60).map(|number| format!("{deep}.{number}"));
        let names: BTreeSet<String> = names.collect();
        let octets: usize = names.iter().map(String::len).sum();
        let pattern = NamePattern::new(b"", format!("{}z", "*a".repeat(120)).as_bytes());
        let patterns = std::iter::repeat_with(|| NamePattern {
            pattern: pattern.pattern.clone(),
            ..pattern
        });
        let patterns = patterns.take(20).collect();
        let mut matcher = NameMatcher::new(patterns, ParentRule::Shown);
        let clock = SystemClock;
        let (units, mut steps) = (10, 0);
        loop {
            let mut budget = Budget::new(&clock, units, std::time::Duration::from_secs(3600));
            steps += 1;
            match matcher.step(&names, &mut budget) {
                Step::Done(found) => break assert!(found.is_empty()),
                Step::Yield(why) => assert_eq!(why, Why::Budget),
            }
        }
        // Two words of the automaton for each octet of a name, each worth four octets.
        let work = 20 * octets * 2 * 4;
        let most = work * 3 / (16 * 1024) / units as usize + 1;
        assert!(
            steps > most / 2 && steps <= most,
            "{steps} steps, {most} expected"
        );
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
