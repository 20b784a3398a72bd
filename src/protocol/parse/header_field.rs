//! Names of header fields as arguments.

use super::cursor::{Cursor, Parsed};

/// Parses the name of a header field: printable characters without a colon (RFC 822 §3.2). The name
/// goes back to the client unquoted, so the characters that need quoting are refused; no field name
/// has them.
pub(super) fn field_name(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let name = cursor.string()?;
    let is_name = |octet: &u8| octet.is_ascii_graphic() && !b":(){%*\"\\]".contains(octet);
    if name.is_empty() || !name.iter().all(is_name) {
        return Err("the name of a header field is not valid");
    }
    Ok(name.into_owned())
}
