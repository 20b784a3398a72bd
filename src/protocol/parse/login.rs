//! The arguments of LOGIN.

use crate::protocol::ast::{Command, Credentials, Secret};

use super::cursor::{Cursor, Parsed};

/// ```text
/// login ::= "LOGIN" SP userid SP password                        RFC 1064 p. 25
/// ```
pub(super) fn login(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let user = cursor.string()?.into_owned();
    cursor.space()?;
    let password = Secret::new(cursor.string()?.into_owned());
    Ok(Command::Login(Credentials { user, password }))
}
