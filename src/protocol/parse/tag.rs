//! Tags.

use super::cursor::{Cursor, Parsed};

/// Longest tag that the server repeats.
pub(super) const MAX_TAG: usize = 100;

/// ```text
/// tag = 1*<any ASTRING-CHAR except "+">                          RFC 3501 §9
/// ```
pub(super) fn tag(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let tag =
        cursor.take_while(|octet| octet.is_ascii_graphic() && !b"(){%*\"\\+".contains(&octet));
    let ends = matches!(cursor.peek(), None | Some(b' '));
    match tag.len() {
        1..=MAX_TAG if ends => Ok(tag.to_vec()),
        _ => Err("a command must begin with a tag"),
    }
}
