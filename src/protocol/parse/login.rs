//! LOGIN, and ENABLE, which usually follows it. AUTHENTICATE is in `sasl.rs`.

use super::authenticate::Credentials;
use super::cursor::{Cursor, Parsed};
use crate::protocol::ast::{Command, Secret};

/// Most names in one ENABLE.
const MAX_EXTENSIONS: usize = 100;

/// ```text
/// login ::= "LOGIN" SP userid SP password                        RFC 1064 p. 25
/// ```
pub(super) fn login(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let user = cursor.string()?.into_owned();
    cursor.space()?;
    let password = Secret::new(cursor.string()?.into_owned());
    Ok(Command::Login(Credentials { user, password }))
}

/// ```text
/// enable = "ENABLE" 1*(SP capability)                            RFC 5161 §4
/// ```
pub(super) fn enable(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mut extensions = Vec::new();
    loop {
        let name =
            cursor.take_while(|octet| octet.is_ascii_graphic() && !b"(){\"".contains(&octet));
        if name.is_empty() || extensions.len() == MAX_EXTENSIONS {
            return Err("the names of some extensions were expected");
        }
        extensions.push(name.to_vec());
        if cursor.is_at_end() {
            return Ok(Command::Enable(extensions));
        }
        cursor.space()?;
    }
}
