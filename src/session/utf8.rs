//! What comes in differently once the client has enabled `UTF8=ACCEPT` (RFC 6855). What goes out is a matter
//! of the [dialect](crate::protocol::Dialect::names_in_utf8).

use super::core::Core;
use super::job::{Cx, Reply};
use crate::protocol::Command;
use crate::types::mutf7;

/// Switches it on.
pub(super) fn enable(cx: &mut Cx<'_, '_>) {
    cx.core.dialect.accept_utf8();
}

/// The one place where names in UTF-8 become what they are everywhere else. Before it was enabled, a name
/// in modified UTF-7 stands for what it encodes; afterwards `&` is a letter like any other.
///
/// # Errors
/// The reply, if the command makes no sense in UTF-8.
pub(super) fn prepare(text: &[u8], command: &mut Command, core: &Core) -> Result<(), Reply> {
    if !core.dialect.names_in_utf8() {
        return Ok(());
    }
    if std::str::from_utf8(text).is_err() {
        return Err(Reply::bad("That is not UTF-8"));
    }
    if let Command::Search {
        charset: Some(_), ..
    } = command
    {
        return Err(Reply::bad("With UTF8=ACCEPT there is only one charset"));
    }
    names(command).into_iter().for_each(encode);
    Ok(())
}

/// The name of a mailbox that a client sent, as it is everywhere else.
pub(super) fn encode(name: &mut Vec<u8>) {
    if let Ok(text) = std::str::from_utf8(name) {
        *name = mutf7::encode(text).into();
    }
}

/// All names in a command. Patterns are held against names in UTF-8: the code of a character is not always
/// the same in modified UTF-7.
fn names(command: &mut Command) -> Vec<&mut Vec<u8>> {
    match command {
        Command::Copy { mailbox, .. }
        | Command::Create { mailbox }
        | Command::Delete { mailbox }
        | Command::Examine { mailbox, .. }
        | Command::Move { mailbox, .. }
        | Command::Select { mailbox, .. }
        | Command::Status { mailbox, .. } => vec![mailbox],
        Command::Bboard { name } | Command::Subscribe { name, .. } => vec![name],
        Command::Rename { from, to } => vec![from, to],
        _ => Vec::new(),
    }
}
