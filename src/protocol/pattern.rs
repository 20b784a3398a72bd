//! The patterns with wildcards of FIND, LIST and LSUB.
//!
//! Matching walks over the name once and keeps the set of all positions in the pattern that the
//! octets so far can lead to, as a nondeterministic automaton does. That costs at most the length
//! of the pattern times the length of the name, however many wildcards there are; backtracking
//! could take exponential time.

use crate::types::SEPARATOR;

/// Longest name that can match, in octets. A directory entry has at most 255 octets, and 8 octets
/// of modified UTF-7 become at most 9 octets of UTF-8.
const MAX_NAME: usize = 288;

/// A pattern for the names of mailboxes or bulletin boards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

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

impl Piece {
    fn is_run(self) -> bool {
        matches!(self, Self::Run | Self::RunInLevel)
    }

    fn accepts(self, octet: u8, any_case: bool) -> bool {
        match self {
            Self::Octet(own) if any_case => own.eq_ignore_ascii_case(&octet),
            Self::Octet(own) => own == octet,
            Self::One | Self::Run => true,
            Self::RunInLevel => octet != SEPARATOR as u8,
        }
    }
}

impl Pattern {
    /// Returns the pattern of FIND: `*` matches any run, `%` and `?` match any one character
    /// (RFC 1176 p. 12, RFC 2062 p. 2).
    pub(crate) fn find(pattern: &[u8]) -> Self {
        Self::new(pattern, |octet| match octet {
            b'*' => Piece::Run,
            b'%' | b'?' => Piece::One,
            octet => Piece::Octet(octet),
        })
    }

    /// Returns the pattern of LIST and LSUB: `*` matches any run, `%` any run within a level. The
    /// reference precedes the name (RFC 3501 §6.3.8).
    pub(crate) fn list(reference: &[u8], name: &[u8]) -> Self {
        Self::new(&[reference, name].concat(), |octet| match octet {
            b'*' => Piece::Run,
            b'%' => Piece::RunInLevel,
            octet => Piece::Octet(octet),
        })
    }

    fn new(text: &[u8], piece: impl Fn(u8) -> Piece) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        for next in text.iter().map(|&octet| piece(octet)) {
            match pieces.last_mut() {
                // Two adjacent runs are one.
                Some(last) if last.is_run() && next.is_run() => {
                    if next == Piece::Run {
                        *last = next;
                    }
                }
                _ => pieces.push(next),
            }
        }
        // At least every second piece consumes an octet, so a pattern that is truncated here
        // matches no name of at most MAX_NAME octets anyway.
        pieces.truncate(2 * MAX_NAME + 2);
        Self(pieces)
    }

    /// True if the whole name matches. INBOX matches in any case (RFC 3501 §5.1), and so does the
    /// prefix `INBOX.` of other names, with which the operator can have them all begin.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        if name.len() > MAX_NAME {
            return false;
        }
        let first_level = name.split(|&octet| octet == SEPARATOR as u8).next();
        let in_any_case = first_level
            .filter(|&level| level == b"INBOX")
            .map_or(0, <[u8]>::len);
        let mut reached = Reached::none();
        reached.enter(self, 0);
        for (position, &octet) in name.iter().enumerate() {
            let any_case = position < in_any_case;
            let mut next = Reached::none();
            for at in reached.positions(self) {
                let piece = self.0[at];
                if piece.accepts(octet, any_case) {
                    next.enter(self, if piece.is_run() { at } else { at + 1 });
                }
            }
            reached = next;
        }
        reached.0[self.0.len()]
    }
}

/// The positions in a pattern that the octets read so far can lead to. The last one is its end.
struct Reached([bool; 2 * MAX_NAME + 3]);

impl Reached {
    /// Returns the empty set.
    fn none() -> Self {
        Self([false; 2 * MAX_NAME + 3])
    }

    /// Adds a position, and the next one too if the piece there is a run, because a run may be
    /// empty.
    fn enter(&mut self, pattern: &Pattern, at: usize) {
        self.0[at] = true;
        if pattern.0.get(at).is_some_and(|piece| piece.is_run()) {
            self.0[at + 1] = true;
        }
    }

    /// Returns the positions in the set before the end of the pattern.
    fn positions(&self, pattern: &Pattern) -> impl Iterator<Item = usize> {
        let marks = self.0[..pattern.0.len()].iter().enumerate();
        marks.filter(|&(_, &mark)| mark).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn agrees_with_backtracking() {
        fn naive(pieces: &[Piece], name: &[u8]) -> bool {
            match (pieces, name) {
                ([], _) => name.is_empty(),
                ([piece, rest @ ..], _) if piece.is_run() => {
                    let longest = name
                        .iter()
                        .take_while(|&&octet| piece.accepts(octet, false));
                    (0..=longest.count()).any(|skip| naive(rest, &name[skip..]))
                }
                ([piece, rest @ ..], [octet, tail @ ..]) => {
                    piece.accepts(*octet, false) && naive(rest, tail)
                }
                (_, []) => false,
            }
        }
        proptest::proptest!(|(pattern in "[ab.*%]{0,8}", name in "[ab.]{0,8}")| {
            let pattern = Pattern::list(b"", pattern.as_bytes());
            proptest::prop_assert_eq!(pattern.matches(name.as_bytes()), naive(&pattern.0, name.as_bytes()));
        });
    }
}
