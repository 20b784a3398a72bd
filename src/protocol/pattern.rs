//! The patterns with wildcards of FIND, LIST and LSUB.
//!
//! A pattern is compiled once per command. Matching walks over a name once and keeps the set of all
//! counts of octets of the pattern that the name so far may have matched, one bit for each, as a
//! nondeterministic automaton does. So a name of `n` octets costs at most `n` steps over the words
//! of that set, of which there are at most five, however many wildcards the pattern has;
//! backtracking could take exponential time.
//!
//! The set also says at every separator whether the name up to there matches. So one walk answers
//! for a name and all its parents, however deep it lies.

use crate::types::SEPARATOR;
use crate::work;

/// Longest name that can match, in octets. A directory entry has at most 255 octets, and 8 octets
/// of modified UTF-7 become at most 9 octets of UTF-8.
const MAX_NAME: usize = 288;
/// Words of a set of counts from 0 to [`MAX_NAME`].
const MAX_WORDS: usize = (MAX_NAME + 1).div_ceil(WORD);
/// Bits of a word.
const WORD: usize = u64::BITS as usize;
/// Computing a word takes about as long as reading so many octets.
const OCTETS_PER_WORD: usize = 4;

/// A pattern for the names of mailboxes or bulletin boards, compiled.
///
/// The wildcards between octets are runs. Count `i` is reached when the first `i` octets of the
/// pattern, and all runs before them, have matched. A run behind them keeps it reached while the
/// name goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// How many octets a name must have besides those in runs.
    octets: usize,
    /// Words of each set below.
    words: usize,
    /// For each octet that occurs in the pattern, the counts at which it is the next: the octets
    /// ascend.
    next: Vec<(u8, Vec<u64>)>,
    /// Counts at which any octet is the next.
    any_next: Vec<u64>,
    /// Counts behind which a run of any octets follows.
    runs: Vec<u64>,
    /// Counts behind which a run of any octets but separators follows.
    runs_in_level: Vec<u64>,
}

/// What one piece of the text of a pattern means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// This octet.
    Octet(u8),
    /// Any one octet.
    One,
    /// Any run of octets.
    Run,
    /// Any run of octets without a separator.
    RunInLevel,
}

/// Whether a name matches a pattern, and what it has cost to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    /// True if the whole name matches.
    pub(crate) is_match: bool,
    /// What it has cost: the octets that could have been read instead.
    pub(crate) work: usize,
}

impl Pattern {
    /// Returns the pattern of FIND: `*` matches any run, `%` and `?` match any one character (RFC
    /// 1176 p. 12, RFC 2062 p. 2).
    pub(crate) fn find(pattern: &[u8]) -> Self {
        Self::new(pattern.iter().map(|&octet| match octet {
            b'*' => Piece::Run,
            b'%' | b'?' => Piece::One,
            octet => Piece::Octet(octet),
        }))
    }

    /// Returns the pattern of LIST and LSUB: `*` matches any run, `%` any run within a level. The
    /// reference precedes the name (RFC 3501 §6.3.8).
    pub(crate) fn list(reference: &[u8], name: &[u8]) -> Self {
        Self::new(reference.iter().chain(name).map(|&octet| match octet {
            b'*' => Piece::Run,
            b'%' => Piece::RunInLevel,
            octet => Piece::Octet(octet),
        }))
    }

    /// Compiles the pieces. What lies behind more octets than any name has is left out: no name
    /// gets there.
    fn new(pieces: impl Iterator<Item = Piece>) -> Self {
        let mut pattern = Self {
            octets: 0,
            words: MAX_WORDS,
            next: Vec::new(),
            any_next: vec![0; MAX_WORDS],
            runs: vec![0; MAX_WORDS],
            runs_in_level: vec![0; MAX_WORDS],
        };
        for piece in pieces {
            let at = pattern.octets;
            match piece {
                Piece::Run => insert(&mut pattern.runs, at),
                Piece::RunInLevel => insert(&mut pattern.runs_in_level, at),
                Piece::One | Piece::Octet(_) if at == MAX_NAME => {
                    pattern.octets += 1;
                    break;
                }
                Piece::One => insert(&mut pattern.any_next, at),
                Piece::Octet(octet) => insert(pattern.next_mut(octet), at),
            }
            pattern.octets += usize::from(matches!(piece, Piece::One | Piece::Octet(_)));
        }
        pattern.shrink();
        pattern
    }

    /// Returns the counts at which the octet is the next, to add to them.
    fn next_mut(&mut self, octet: u8) -> &mut Vec<u64> {
        let at = self.next.partition_point(|&(other, _)| other < octet);
        if self.next.get(at).is_none_or(|&(other, _)| other != octet) {
            self.next.insert(at, (octet, vec![0; MAX_WORDS]));
        }
        &mut self.next[at].1
    }

    /// Drops the words that the pattern does not need.
    fn shrink(&mut self) {
        self.words = (self.octets + 1).div_ceil(WORD).min(MAX_WORDS);
        let sets = [&mut self.any_next, &mut self.runs, &mut self.runs_in_level];
        let sets = sets.into_iter();
        for set in sets.chain(self.next.iter_mut().map(|(_, set)| set)) {
            set.truncate(self.words);
            set.shrink_to_fit();
        }
    }

    /// Returns true if the whole name matches.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.walk(name, |_| {}).is_match
    }

    /// Matches the name, and calls `report` with the number of each separator, counted from 0,
    /// before which there is a name that matches. INBOX matches in any case (RFC 3501 §5.1), and so
    /// does the prefix `INBOX.` of other names, with which the operator can have them all begin.
    pub(crate) fn walk(&self, name: &[u8], mut report: impl FnMut(usize)) -> Walk {
        let first_level = name.split(|&octet| octet == SEPARATOR as u8).next();
        let in_any_case = first_level
            .filter(|&level| level == b"INBOX")
            .map_or(0, <[u8]>::len);
        let mut reached = [0; MAX_WORDS];
        reached[0] = 1;
        let (mut work, mut separators) = (0, 0);
        for (index, &octet) in name.iter().enumerate().take(MAX_NAME + 1) {
            work += self.words * OCTETS_PER_WORD;
            if octet == SEPARATOR as u8 {
                if self.has_ended(&reached) {
                    report(separators);
                }
                separators += 1;
            }
            if !self.advance(&mut reached, octet, index < in_any_case) {
                break;
            }
        }
        Walk {
            is_match: name.len() <= MAX_NAME && self.has_ended(&reached),
            work,
        }
    }

    /// True if all octets of the pattern have matched.
    fn has_ended(&self, reached: &[u64; MAX_WORDS]) -> bool {
        self.octets <= MAX_NAME && reached[self.octets / WORD] >> (self.octets % WORD) & 1 == 1
    }

    /// Goes on with the next octet of the name. False if the name cannot match any more.
    fn advance(&self, reached: &mut [u64; MAX_WORDS], octet: u8, any_case: bool) -> bool {
        let exact = self.next(octet);
        let other_case = match octet.is_ascii_uppercase() && any_case {
            true => self.next(octet.to_ascii_lowercase()),
            false => None,
        };
        let word_of = |set: Option<&[u64]>, at: usize| set.map_or(0, |set| set[at]);
        // A word costs as much as a few octets.
        work::octets(OCTETS_PER_WORD * self.words);
        let (mut carry, mut any) = (0, 0);
        for (at, word) in reached.iter_mut().enumerate().take(self.words) {
            let takes = self.any_next[at] | word_of(exact, at) | word_of(other_case, at);
            let stays = match octet == SEPARATOR as u8 {
                true => self.runs[at],
                false => self.runs[at] | self.runs_in_level[at],
            };
            let taken = *word & takes;
            *word = *word & stays | taken << 1 | carry;
            carry = taken >> (WORD - 1);
            any |= *word;
        }
        any != 0
    }

    /// Returns the counts at which the octet is the next.
    fn next(&self, octet: u8) -> Option<&[u64]> {
        let found = self.next.binary_search_by_key(&octet, |&(other, _)| other);
        found.ok().map(|at| &self.next[at].1[..])
    }
}

/// Adds a count to a set.
fn insert(set: &mut [u64], count: usize) {
    set[count / WORD] |= 1 << (count % WORD);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fuzz;

    fn found(pattern: &str, name: &str) -> bool {
        Pattern::find(pattern.as_bytes()).matches(name.as_bytes())
    }

    fn listed(pattern: &str, name: &str) -> bool {
        Pattern::list(b"", pattern.as_bytes()).matches(name.as_bytes())
    }

    #[test]
    fn find_matches_runs_and_single_characters() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a.b"),
            ("a*c", "a.b.c"),
            ("a%c", "abc"),
            ("a?c", "a.c"),
            ("", ""),
            ("inbox", "INBOX"),
            ("*a*b*", "xaxbx"),
            ("%%", "ab"),
        ] {
            assert!(found(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("a", ""),
            ("a%c", "ac"),
            ("%", "ab"),
            ("a*", "ba"),
            ("A", "a"),
            ("*a*b*", "ba"),
        ] {
            assert!(!found(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn list_matches_runs_within_a_level() {
        for (pattern, name) in [
            ("%", "a"),
            ("%", ""),
            ("%.%", "a.b"),
            ("*%", "a.b"),
            ("%*", "a.b"),
            ("a%", "a"),
            ("%b.d%", "xb.de"),
            ("in%", "INBOX"),
        ] {
            assert!(listed(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("%", "a.b"), ("%.%", "a"), ("a%", "a.b"), ("a?", "ab")] {
            assert!(!listed(pattern, name), "{pattern} {name}");
        }
        assert!(Pattern::list(b"a.", b"%").matches(b"a.b"));
    }

    #[test]
    fn long_patterns_match_in_time() {
        let name = "a".repeat(254);
        assert!(found(&"*a".repeat(254), &name));
        assert!(!found(&("*a".repeat(254) + "*b"), &name));
        assert!(!found(&"*a".repeat(50_000), &name));
        assert!(found(&"*".repeat(50_000), &name));
        assert!(!found(&"?".repeat(50_000), &name));
        assert!(!found("*", &"a".repeat(100_000)));
    }

    /// Matches by another way, as a reference.
    fn slowly(pattern: &str, name: &str) -> bool {
        fuzz::matches_slowly(&fuzz::list_pieces(pattern.as_bytes()), name.as_bytes(), b"")
    }

    /// Returns the beginnings of the name at separators, and the whole of it, that match.
    fn beginnings(pattern: &Pattern, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let ends: Vec<usize> = name.match_indices('.').map(|(at, _)| at).collect();
        let report = |separator| found.push(name[..ends[separator]].to_owned());
        let walk = pattern.walk(name.as_bytes(), report);
        found.extend(walk.is_match.then(|| name.to_owned()));
        found
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_another_way_on_the_name_and_its_parents(
            text in "[ab.*%]{0,8}",
            name in "[ab.]{0,8}",
        ) {
            let ends = name.match_indices('.').map(|(at, _)| &name[..at]).chain([&name[..]]);
            let want = ends.filter(|name| slowly(&text, name));
            let pattern = Pattern::list(b"", text.as_bytes());
            let want: Vec<String> = want.map(ToOwned::to_owned).collect();
            proptest::prop_assert_eq!(beginnings(&pattern, &name), want);
        }

        #[test]
        fn agrees_with_another_way_on_patterns_of_many_words(
            literal in "[ab]{55,140}",
            at in 0usize..140,
            name_end in "[ab.]{0,3}",
        ) {
            let at = at.min(literal.len());
            let text = format!("{}%*{}%", &literal[..at], &literal[at..]);
            let name = format!("{literal}{name_end}");
            let pattern = Pattern::list(b"", text.as_bytes());
            let want = slowly(&text, &name);
            proptest::prop_assert_eq!(pattern.matches(name.as_bytes()), want);
        }

        #[test]
        fn the_work_is_bounded_by_the_name_whatever_the_pattern(
            text in "[a.*%?]{0,2000}",
            name in "[a.]{0,400}",
        ) {
            for pattern in [Pattern::list(b"", text.as_bytes()), Pattern::find(text.as_bytes())] {
                let walk = pattern.walk(name.as_bytes(), |_| {});
                proptest::prop_assert!(walk.work <= OCTETS_PER_WORD * MAX_WORDS * name.len().min(MAX_NAME + 1));
            }
        }
    }
}
