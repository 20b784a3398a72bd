//! The arguments of SORT and THREAD (RFC 5256).

use super::cursor::{Cursor, Parsed};
use super::search::{SearchKey, keys};
use crate::protocol::ast::{Command, SortArguments, ThreadArguments};

/// Most criteria of one SORT: each key in both directions. One that comes again decides nothing.
const MAX_CRITERIA: usize = 14;

/// What messages are sorted by (RFC 5256 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortKey {
    /// Internal date and time.
    Arrival,
    /// The mailbox of the first Cc address.
    Cc,
    /// Date and time at which it was sent.
    Date,
    /// The mailbox of the first From address.
    From,
    /// Octets.
    Size,
    /// The base subject.
    Subject,
    /// The mailbox of the first To address.
    To,
}

/// One criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SortCriterion {
    /// By what.
    pub key: SortKey,
    /// The greatest comes first.
    pub reverse: bool,
}

/// How messages are put into threads (RFC 5256 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadAlgorithm {
    /// By their subjects and dates.
    OrderedSubject,
    /// By what they refer to, then by their subjects.
    References,
}

const SORT_KEYS: [(&str, SortKey); 7] = [
    ("ARRIVAL", SortKey::Arrival),
    ("CC", SortKey::Cc),
    ("DATE", SortKey::Date),
    ("FROM", SortKey::From),
    ("SIZE", SortKey::Size),
    ("SUBJECT", SortKey::Subject),
    ("TO", SortKey::To),
];

/// ```text
/// sort          = ["UID" SP] "SORT" SP sort-criteria SP search-criteria      RFC 5256 §5
/// sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"
/// ```
pub(super) fn sort(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let criteria = cursor.list(MAX_CRITERIA, criterion)?;
    if criteria.is_empty() {
        return Err("a sort criterion is missing");
    }
    let (charset, keys) = search_criteria(cursor)?;
    Ok(Command::Sort(SortArguments {
        uid: false,
        criteria,
        charset,
        keys,
    }))
}

/// ```text
/// sort-criterion = ["REVERSE" SP] sort-key
/// ```
fn criterion(cursor: &mut Cursor<'_>) -> Parsed<SortCriterion> {
    let reverse = cursor.eat_word("REVERSE");
    if reverse {
        cursor.space()?;
    }
    let word = cursor.word();
    let named = |(name, _): &&(&str, SortKey)| name.as_bytes().eq_ignore_ascii_case(word);
    let (_, key) = SORT_KEYS
        .iter()
        .find(named)
        .ok_or("there is no such sort criterion")?;
    Ok(SortCriterion { key: *key, reverse })
}

/// ```text
/// thread     = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
/// thread-alg = "ORDEREDSUBJECT" / "REFERENCES" / thread-alg-ext
/// ```
pub(super) fn thread(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let algorithm = match &cursor.word().to_ascii_uppercase()[..] {
        b"ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        b"REFERENCES" => ThreadAlgorithm::References,
        _ => return Err("there is no such threading algorithm"),
    };
    let (charset, keys) = search_criteria(cursor)?;
    Ok(Command::Thread(ThreadArguments {
        uid: false,
        algorithm,
        charset,
        keys,
    }))
}

/// ```text
/// search-criteria = charset 1*(SP search-key)
/// charset         = atom / quoted
/// ```
fn search_criteria(cursor: &mut Cursor<'_>) -> Parsed<(Vec<u8>, Vec<SearchKey>)> {
    cursor.space()?;
    let charset = cursor.string()?.into_owned();
    cursor.space()?;
    Ok((charset, keys(cursor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_known_answers() {
        let mut cursor = Cursor::new(b"(Subject REVERSE date) UTF-8 SINCE 1-Feb-1994 SEEN");
        let Ok(Command::Sort(arguments)) = sort(&mut cursor) else {
            panic!("no SORT");
        };
        let SortArguments {
            criteria,
            charset,
            keys,
            ..
        } = arguments;
        let by = |key, reverse| SortCriterion { key, reverse };
        assert_eq!(
            criteria,
            [by(SortKey::Subject, false), by(SortKey::Date, true)]
        );
        assert_eq!((&charset[..], keys.len()), (&b"UTF-8"[..], 2));
    }

    #[test]
    fn thread_known_answers() {
        for (text, want) in [
            (
                "ORDEREDSUBJECT \"UTF-8\" ALL",
                ThreadAlgorithm::OrderedSubject,
            ),
            ("references US-ASCII TEXT gewp", ThreadAlgorithm::References),
        ] {
            let Ok(Command::Thread(arguments)) = thread(&mut Cursor::new(text.as_bytes())) else {
                panic!("{text}");
            };
            assert_eq!(arguments.algorithm, want);
        }
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "DATE UTF-8 ALL",
            "() UTF-8 ALL",
            "(NOSUCH) UTF-8 ALL",
            "(REVERSE) UTF-8 ALL",
            "(REVERSE REVERSE DATE) UTF-8 ALL",
            "(DATE) UTF-8",
            "(DATE)",
            "(DATE UTF-8 ALL",
        ] {
            assert!(sort(&mut Cursor::new(text.as_bytes())).is_err(), "{text}");
        }
        let many = format!("({}) UTF-8 ALL", "DATE ".repeat(MAX_CRITERIA + 1));
        assert!(sort(&mut Cursor::new(many.as_bytes())).is_err());
        for text in ["", "NOSUCH UTF-8 ALL", "REFERENCES UTF-8", "REFERENCES"] {
            assert!(thread(&mut Cursor::new(text.as_bytes())).is_err(), "{text}");
        }
    }
}
