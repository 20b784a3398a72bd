//! The arguments of SELECT, EXAMINE and BBOARD.

use crate::protocol::ast::{Command, Resync, SelectArguments, SelectParameters};
use crate::types::{SequenceSet, UidValidity};

use super::cursor::{Cursor, Parsed};
use super::mailbox_name::mailbox;
use super::mod_sequence::mod_sequence;
use super::sequence_set::sequence_set;

/// Most parameters in one pair of parentheses.
const MAX_PARAMETERS: usize = 10;

/// ```text
/// select ::= "SELECT" SP mailbox                                 RFC 1064 p. 26
/// select   = "SELECT" SP mailbox [select-params]                 RFC 4466 §6
/// ```
pub(super) fn select(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    select_arguments(cursor).map(Command::Select)
}

/// ```text
/// examine = "EXAMINE" SP mailbox [select-params]
/// ```
pub(super) fn examine(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    select_arguments(cursor).map(Command::Examine)
}

fn select_arguments(cursor: &mut Cursor<'_>) -> Parsed<SelectArguments> {
    Ok(SelectArguments {
        mailbox: mailbox(cursor)?,
        parameters: select_parameters(cursor)?,
    })
}

/// ```text
/// bboard ::= "BBOARD" SP string                                  RFC 1176 p. 26
/// ```
pub(super) fn bboard(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    mailbox(cursor).map(Command::Bboard)
}

/// ```text
/// select-params = SP "(" select-param *(SP select-param) ")"
/// select-param  = "CONDSTORE" / "QRESYNC" SP "(" ... ")"
/// ```
fn select_parameters(cursor: &mut Cursor<'_>) -> Parsed<SelectParameters> {
    let mut parameters = SelectParameters::default();
    cursor.parameters(MAX_PARAMETERS, |cursor| {
        if cursor.eat_word("CONDSTORE") {
            parameters.condstore = true;
        } else if cursor.eat_word("QRESYNC") && parameters.qresync.is_none() {
            cursor.space()?;
            parameters.qresync = Some(Box::new(resync(cursor)?));
        } else {
            return Err("there is no such parameter");
        }
        Ok(())
    })?;
    Ok(parameters)
}

/// ```text
/// "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
/// seq-match-data = "(" known-sequence-set SP known-uid-set ")"
/// ```
fn resync(cursor: &mut Cursor<'_>) -> Parsed<Resync> {
    cursor.expect_open()?;
    let validity = UidValidity::new(cursor.nonzero()?).ok_or("UIDVALIDITY must not be 0")?;
    cursor.space()?;
    let mut resync = Resync {
        validity,
        modseq: mod_sequence(cursor)?,
        known: None,
        matches: None,
    };
    if cursor.peek() == Some(b' ') {
        cursor.space()?;
        if cursor.peek() != Some(b'(') {
            resync.known = Some(known_set(cursor)?);
            if cursor.peek() == Some(b' ') {
                cursor.space()?;
            }
        }
        if cursor.peek() == Some(b'(') {
            resync.matches = Some(matches(cursor)?);
        }
    }
    cursor.expect_close()?;
    Ok(resync)
}

fn matches(cursor: &mut Cursor<'_>) -> Parsed<(SequenceSet, SequenceSet)> {
    cursor.expect_open()?;
    let numbers = known_set(cursor)?;
    cursor.space()?;
    let uids = known_set(cursor)?;
    cursor.expect_close()?;
    Ok((numbers, uids))
}

/// Parses a set without `*`, because a client cannot remember what `*` stood for.
fn known_set(cursor: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    let set = sequence_set(cursor)?;
    match set.has_last() {
        true => Err("a set of known messages must not contain *"),
        false => Ok(set),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SetEnd::Number;

    fn parse(text: &str) -> Parsed<SelectParameters> {
        let mut cursor = Cursor::new(text.as_bytes());
        let parameters = select_parameters(&mut cursor)?;
        cursor.end().map(|()| parameters)
    }

    fn set(low: u32, high: u32) -> SequenceSet {
        SequenceSet(vec![(Number(low), Number(high))])
    }

    #[test]
    fn parameters_of_all_kinds() {
        assert_eq!(parse(""), Ok(SelectParameters::default()));
        let condstore = parse(" (condstore)").expect("CONDSTORE");
        assert!(condstore.condstore && condstore.qresync.is_none());
        let resync = |text: &str| *parse(text).expect(text).qresync.expect("QRESYNC");
        let least = resync(" (QRESYNC (67890007 90060115194045000))");
        assert_eq!(
            (least.validity.get(), least.modseq),
            (67_890_007, 90_060_115_194_045_000)
        );
        assert_eq!((least.known, least.matches), (None, None));
        let known = resync(" (CONDSTORE QRESYNC (7 8 41:211))");
        assert_eq!(known.known, Some(set(41, 211)));
        let all = resync(" (QRESYNC (7 8 1:9 (1:2 3:4)))");
        assert_eq!(
            (all.known, all.matches),
            (Some(set(1, 9)), Some((set(1, 2), set(3, 4))))
        );
        let matched = resync(" (QRESYNC (7 8 (1:2 3:4)))");
        assert_eq!(
            (matched.known, matched.matches),
            (None, Some((set(1, 2), set(3, 4))))
        );
        for text in [
            " (QRESYNC)",
            " (QRESYNC (7))",
            " (QRESYNC (0 8))",
            " (QRESYNC (7 0))",
            " (QRESYNC (7 9223372036854775808))",
            " (QRESYNC (7 8 1:*))",
            " (QRESYNC (7 8 1:9 (1)))",
            " (QRESYNC (7 8 1:9 (1 2))",
            " (QRESYNC (7 8) QRESYNC (7 8))",
            " (COLOUR)",
            " CONDSTORE",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
