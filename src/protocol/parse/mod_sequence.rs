//! Mod-sequences (RFC 7162).

use super::cursor::{Cursor, Parsed};

/// ```text
/// mod-sequence-valzer = "0" / mod-sequence-value
/// mod-sequence-value  = 1*DIGIT                    1 <= n < 2^63
/// ```
pub(super) fn mod_sequence_or_zero(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    let modseq = number.filter(|&number: &u64| number < 1 << 63);
    modseq.ok_or("a mod-sequence was expected")
}

pub(super) fn mod_sequence(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    match mod_sequence_or_zero(cursor)? {
        0 => Err("a mod-sequence must not be 0"),
        modseq => Ok(modseq),
    }
}

/// Parses the argument of the search key MODSEQ. Flags have no mod-sequences of their own here, so
/// the name of one is read and ignored (RFC 7162 §3.1.5).
///
/// ```text
/// search-modsequence = "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer
/// entry-type-req     = "priv" / "shared" / "all"
/// ```
pub(super) fn search_mod_sequence(cursor: &mut Cursor<'_>) -> Parsed<u64> {
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
    mod_sequence_or_zero(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<u64> {
        let mut cursor = Cursor::new(text.as_bytes());
        let mod_sequence = search_mod_sequence(&mut cursor)?;
        cursor.end().map(|()| mod_sequence)
    }

    #[test]
    fn the_entry_of_a_search_key_is_ignored() {
        assert_eq!(parse(" 620162338"), Ok(620_162_338));
        assert_eq!(parse(" \"/flags/\\\\draft\" all 7"), Ok(7));
        assert!(parse(" \"/flags/x\" 7").is_err() && parse(" x").is_err());
    }
}
