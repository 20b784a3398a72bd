//! Sequence sets.

use crate::types::{SequenceSet, SetEnd};

use super::cursor::{Cursor, Parsed};
use crate::protocol::dialect::Level;

/// Parses a set of sequence numbers or UIDs. The grammar of RFC 1064 can be read to allow `1:2:3`,
/// which has no meaning and is refused. `*` shows an IMAP4 client, but mailutil sends it to any
/// server, so every dialect accepts it.
///
/// ```text
/// sequence ::= NUMBER / (NUMBER "," sequence) / (NUMBER ":" sequence)     RFC 1064 p. 26
/// sequence-set = (seq-number / seq-range) *("," sequence-set)             RFC 3501 §9
/// seq-range    = seq-number ":" seq-number
/// sequence-set =/ seq-last-command ; seq-last-command = "$"               RFC 5182 §3
/// ```
pub(super) fn sequence_set(cursor: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    if cursor.eat(b'$') {
        cursor.needs(Level::Imap4);
        return Ok(SequenceSet::saved());
    }
    let mut elements = Vec::new();
    loop {
        let first = set_end(cursor)?;
        let last = if cursor.eat(b':') {
            set_end(cursor)?
        } else {
            first
        };
        elements.push((first, last));
        if !cursor.eat(b',') {
            break;
        }
    }
    let set = SequenceSet(elements);
    if set.has_last() {
        cursor.hints_at(Level::Imap4);
    }
    Ok(set)
}

/// ```text
/// seq-number = nz-number / "*"
/// ```
fn set_end(cursor: &mut Cursor<'_>) -> Parsed<SetEnd> {
    if cursor.eat(b'*') {
        return Ok(SetEnd::Last);
    }
    cursor.nonzero().map(SetEnd::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<SequenceSet> {
        let mut cursor = Cursor::new(text.as_bytes());
        let set = sequence_set(&mut cursor)?;
        cursor.end().map(|()| set)
    }

    fn written(set: &SequenceSet) -> String {
        let end = |end| match end {
            SetEnd::Number(number) => number.to_string(),
            SetEnd::Last => "*".into(),
            SetEnd::Saved => "$".into(),
        };
        let element = |&(a, b): &(SetEnd, SetEnd)| match a == b {
            true => end(a),
            false => format!("{}:{}", end(a), end(b)),
        };
        set.0.iter().map(element).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn known_answers_and_back() {
        for text in [
            "1",
            "2,4:7,9,12:15",
            "*",
            "7:*",
            "*:4,5:7",
            "3:1",
            "4294967295",
        ] {
            assert_eq!(written(&parse(text).expect(text)), text);
        }
    }

    #[test]
    fn refused_sets() {
        for text in [
            "",
            ",",
            "1,",
            "1:",
            ":1",
            "0",
            "1:0",
            "1:2:3",
            "1,,2",
            "-1",
            "**",
            "4294967296",
            "1;2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_set_may_have_many_elements() {
        let text = (1..=100_000).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(parse(&text.join(",")).expect("a set").0.len(), 100_000);
    }

    #[test]
    fn a_star_hints_at_imap4_and_needs_no_level() {
        let mut cursor = Cursor::new(b"1:*");
        assert!(sequence_set(&mut cursor).is_ok());
        assert_eq!(
            (cursor.level(), cursor.client_level()),
            (Level::Imap2, Level::Imap4)
        );
    }
}
