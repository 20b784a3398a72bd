//! The arguments of SORT and THREAD (RFC 5256).

use crate::protocol::ast::{
    Command, SearchKey, SortArguments, SortCriterion, SortKey, ThreadAlgorithm, ThreadArguments,
};

use super::cursor::{Cursor, Parsed};
use super::search::search_keys;

/// Most criteria of one SORT: each key in both directions. Repeating a criterion has no effect.
const MAX_CRITERIA: usize = 14;

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
    Ok((charset, search_keys(cursor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_known_answers() {
        let mut cursor = Cursor::new(b"(Subject REVERSE date) UTF-8 SINCE 1-Feb-1994 SEEN");
        let Ok(Command::Sort(arguments)) = sort(&mut cursor) else {
            panic!("SORT is parsed as another command");
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
    fn refused_arguments() {
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
