//! The arguments of RFC 7162: mod-sequences, and what SELECT, FETCH and STORE take in parentheses because
//! of them (RFC 4466 §2.1, §2.4, §2.5).

use crate::types::{MessageSet, UidValidity};

use super::cursor::{Cursor, Parsed};
use super::sequence_set::sequence_set;
use crate::protocol::dialect::Level;

/// Most parameters in one pair of parentheses.
const MAX_PARAMETERS: usize = 10;

/// What SELECT and EXAMINE take beside the name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SelectParameters {
    /// The client wants mod-sequences.
    pub condstore: bool,
    /// It wants to hear what has changed since it was here.
    pub qresync: Option<Box<Resync>>,
}

/// What a client knows of a mailbox that it comes back to (RFC 7162 §3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resync {
    /// The validity of the unique identifiers.
    pub validity: UidValidity,
    /// The mod-sequence up to which it knows all changes.
    pub modseq: u64,
    /// The unique identifiers it knows, if not all.
    pub known: Option<MessageSet>,
    /// Message numbers it remembers, and the unique identifiers that they stood for.
    pub matches: Option<(MessageSet, MessageSet)>,
}

/// What FETCH takes after its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FetchModifiers {
    /// Only messages with a greater mod-sequence.
    pub changed_since: Option<u64>,
    /// And the unique identifiers of those that were expunged since.
    pub vanished: bool,
}

/// ```text
/// mod-sequence-valzer = "0" / mod-sequence-value
/// mod-sequence-value  = 1*DIGIT                    1 <= n < 2^63
/// ```
pub(super) fn modseq_or_zero(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    let modseq = number.filter(|&number: &u64| number < 1 << 63);
    modseq.ok_or("a mod-sequence was expected")
}

fn modseq(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    match modseq_or_zero(cursor)? {
        0 => Err("0 is not a mod-sequence that may be used here"),
        modseq => Ok(modseq),
    }
}

/// ```text
/// select-params = SP "(" select-param *(SP select-param) ")"
/// select-param  = "CONDSTORE" / "QRESYNC" SP "(" ... ")"
/// ```
pub(super) fn select_parameters(cursor: &mut Cursor<'_>) -> Parsed<SelectParameters> {
    let mut parameters = SelectParameters::default();
    if cursor.is_at_end() {
        return Ok(parameters);
    }
    cursor.needs(Level::Imap4);
    cursor.space()?;
    cursor.list(MAX_PARAMETERS, |cursor| {
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
    open(cursor)?;
    let validity = UidValidity::new(cursor.nonzero()?).ok_or("0 is no UIDVALIDITY")?;
    cursor.space()?;
    let mut resync = Resync {
        validity,
        modseq: modseq(cursor)?,
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
    close(cursor)?;
    Ok(resync)
}

fn matches(cursor: &mut Cursor<'_>) -> Parsed<(MessageSet, MessageSet)> {
    open(cursor)?;
    let numbers = known_set(cursor)?;
    cursor.space()?;
    let uids = known_set(cursor)?;
    close(cursor)?;
    Ok((numbers, uids))
}

/// A set without `*`, which nobody can remember.
fn known_set(cursor: &mut Cursor<'_>) -> Parsed<MessageSet> {
    let set = sequence_set(cursor)?;
    match set.has_last() {
        true => Err("a set of what is known cannot have * in it"),
        false => Ok(set),
    }
}

fn open(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.eat(b'(').then_some(()).ok_or("( was expected")
}

fn close(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.eat(b')').then_some(()).ok_or(") was expected")
}

/// ```text
/// fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
/// fetch-modifier  = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED"
/// ```
pub(super) fn fetch_modifiers(cursor: &mut Cursor<'_>) -> Parsed<FetchModifiers> {
    let mut modifiers = FetchModifiers::default();
    if cursor.is_at_end() {
        return Ok(modifiers);
    }
    cursor.needs(Level::Imap4);
    cursor.space()?;
    cursor.list(MAX_PARAMETERS, |cursor| {
        if cursor.eat_word("CHANGEDSINCE") {
            cursor.space()?;
            modifiers.changed_since = Some(modseq(cursor)?);
        } else if cursor.eat_word("VANISHED") {
            modifiers.vanished = true;
        } else {
            return Err("there is no such modifier");
        }
        Ok(())
    })?;
    if modifiers.vanished && modifiers.changed_since.is_none() {
        return Err("VANISHED goes with CHANGEDSINCE");
    }
    Ok(modifiers)
}

/// ```text
/// store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"
/// store-modifier  = "UNCHANGEDSINCE" SP mod-sequence-valzer
/// ```
pub(super) fn store_modifiers(cursor: &mut Cursor<'_>) -> Parsed<Option<u64>> {
    let mut unchanged_since = None;
    if cursor.peek() != Some(b'(') {
        return Ok(unchanged_since);
    }
    cursor.needs(Level::Imap4);
    cursor.list(MAX_PARAMETERS, |cursor| {
        if unchanged_since.is_some() || !cursor.eat_word("UNCHANGEDSINCE") {
            return Err("there is no such modifier");
        }
        cursor.space()?;
        unchanged_since = Some(modseq_or_zero(cursor)?);
        Ok(())
    })?;
    cursor.space()?;
    Ok(unchanged_since)
}

/// What follows MODSEQ in a search. Flags have no mod-sequences of their own here, so what names one is
/// read and ignored (RFC 7162 §3.1.5).
///
/// ```text
/// search-modsequence = "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer
/// entry-type-req     = "priv" / "shared" / "all"
/// ```
pub(super) fn search_modseq(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    cursor.space()?;
    if cursor.peek() == Some(b'"') {
        cursor.string()?;
        cursor.space()?;
        let is_known = ["priv", "shared", "all"]
            .iter()
            .any(|word| cursor.eat_word(word));
        is_known
            .then_some(())
            .ok_or("priv, shared or all was expected")?;
        cursor.space()?;
    }
    modseq_or_zero(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SetEnd::Number;

    fn parse<T>(text: &str, parser: impl Fn(&mut Cursor<'_>) -> Parsed<T>) -> Parsed<T> {
        let mut cursor = Cursor::new(text.as_bytes());
        let parsed = parser(&mut cursor)?;
        cursor.end().map(|()| parsed)
    }

    fn set(low: u32, high: u32) -> MessageSet {
        MessageSet(vec![(Number(low), Number(high))])
    }

    #[test]
    fn select_parameters_of_all_kinds() {
        let parse = |text: &str| parse(text, select_parameters);
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

    #[test]
    fn modifiers() {
        let fetch = |text| parse(text, fetch_modifiers).map(|m| (m.changed_since, m.vanished));
        assert_eq!(fetch(""), Ok((None, false)));
        assert_eq!(fetch(" (CHANGEDSINCE 12345)"), Ok((Some(12345), false)));
        assert_eq!(fetch(" (changedsince 1 vanished)"), Ok((Some(1), true)));
        for text in [
            " (VANISHED)",
            " (CHANGEDSINCE 0)",
            " (CHANGEDSINCE)",
            " (X 1)",
            " x",
        ] {
            assert!(fetch(text).is_err(), "{text}");
        }
        let store = |text| parse(text, store_modifiers);
        assert_eq!(store(""), Ok(None));
        assert_eq!(store("(UNCHANGEDSINCE 0) "), Ok(Some(0)));
        for text in [
            "(UNCHANGEDSINCE) ",
            "(UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) ",
            "(X 1) ",
        ] {
            assert!(store(text).is_err(), "{text}");
        }
    }

    #[test]
    fn search_keys() {
        let search = |text| parse(text, search_modseq);
        assert_eq!(search(" 620162338"), Ok(620_162_338));
        assert_eq!(search(" \"/flags/\\\\draft\" all 7"), Ok(7));
        assert!(search(" \"/flags/x\" 7").is_err() && search(" x").is_err());
    }
}
