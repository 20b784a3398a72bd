//! Mailbox names as arguments.

use std::borrow::Cow;

use super::cursor::{Cursor, Parsed};

/// Parses a mailbox name, which may not be a valid one.
///
/// ```text
/// mailbox ::= "INBOX" / string                                   RFC 1064 p. 25
/// ```
pub(super) fn mailbox(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.string().map(Cow::into_owned)
}
