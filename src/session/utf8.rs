//! What a session reads differently once the client has enabled `UTF8=ACCEPT` (RFC 6855). What it
//! sends differently is a matter of the [dialect](crate::protocol::Dialect::names_in_utf8).

use std::borrow::Cow;

use super::job::Context;
use super::reply::Reply;
use super::state::SessionState;
use crate::protocol::Command;
use crate::types::modified_utf7;

/// Enables `UTF8=ACCEPT`.
pub(super) fn enable(cx: &mut Context<'_, '_>) {
    cx.state.dialect.accept_utf8();
}

/// Fails if `UTF8=ACCEPT` is enabled and the command does not conform to it.
pub(super) fn check(text: &[u8], command: &Command, state: &SessionState) -> Result<(), Reply> {
    if !state.dialect.names_in_utf8() {
        return Ok(());
    }
    if std::str::from_utf8(text).is_err() {
        // RFC 6855 §3
        return Err(Reply::bad("The command is not UTF-8"));
    }
    match command {
        // RFC 6855 §3. SORT and THREAD are not meant: there the charset is mandatory (RFC 5256 §3).
        Command::Search(arguments) if arguments.charset.is_some() => {
            Err(Reply::bad("With UTF8=ACCEPT there is only one charset"))
        }
        _ => Ok(()),
    }
}

/// Returns the name of a mailbox in modified UTF-7. As long as `UTF8=ACCEPT` is not enabled,
/// clients write names in it themselves; afterwards `&` is a character like any other.
pub(super) fn encoded_name<'n>(name: &'n [u8], state: &SessionState) -> Cow<'n, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if state.dialect.names_in_utf8() => Cow::Owned(modified_utf7::encode(text).into()),
        _ => Cow::Borrowed(name),
    }
}
