//! What comes in differently once the client has enabled `UTF8=ACCEPT` (RFC 6855). What goes out is a matter
//! of the [dialect](crate::protocol::Dialect::names_in_utf8).

use std::borrow::Cow;

use super::core::Core;
use super::job::{Cx, Reply};
use crate::protocol::Command;
use crate::types::mutf7;

/// Switches it on.
pub(super) fn enable(cx: &mut Cx<'_, '_>) {
    cx.core.dialect.accept_utf8();
}

/// The reply to a command that makes no sense in UTF-8.
pub(super) fn check(text: &[u8], command: &Command, core: &Core) -> Result<(), Reply> {
    if !core.dialect.names_in_utf8() {
        return Ok(());
    }
    if std::str::from_utf8(text).is_err() {
        // RFC 6855 §3
        return Err(Reply::bad("That is not UTF-8"));
    }
    match command {
        Command::Search(arguments) if arguments.charset.is_some() => {
            Err(Reply::bad("With UTF8=ACCEPT there is only one charset"))
        }
        _ => Ok(()),
    }
}

/// The name of a mailbox in modified UTF-7. As long as UTF-8 is not enabled a client writes it like that
/// itself; afterwards `&` is a character like any other.
pub(super) fn name<'n>(name: &'n [u8], core: &Core) -> Cow<'n, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if core.dialect.names_in_utf8() => Cow::Owned(mutf7::encode(text).into()),
        _ => Cow::Borrowed(name),
    }
}
