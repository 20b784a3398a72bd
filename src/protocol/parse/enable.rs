//! The arguments of ENABLE.

use crate::protocol::ast::Command;

use super::cursor::{Cursor, Parsed};

/// Most extensions in one ENABLE.
const MAX_EXTENSIONS: usize = 100;

/// ```text
/// enable = "ENABLE" 1*(SP capability)                            RFC 5161 §4
/// ```
pub(super) fn enable(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mut extensions = Vec::new();
    loop {
        let name =
            cursor.take_while(|octet| octet.is_ascii_graphic() && !b"(){\"".contains(&octet));
        if name.is_empty() || extensions.len() == MAX_EXTENSIONS {
            return Err("names of extensions were expected");
        }
        extensions.push(name.to_vec());
        if cursor.is_at_end() {
            return Ok(Command::Enable(extensions));
        }
        cursor.space()?;
    }
}
