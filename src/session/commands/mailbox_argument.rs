//! Mailbox names in commands and responses: names of clients to mailboxes, and back.

use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::utf8;
use crate::store::layout;
use crate::types::{BBOARD_PREFIX, MailboxName, MailboxRef, NameError, SEPARATOR, modified_utf7};

/// Returns the mailbox or bulletin board that an argument names. It is the one place where a name
/// in UTF-8 becomes one in modified UTF-7; the way back is
/// [`Encoder::name`](crate::protocol::Encoder::name).
pub(super) fn any(name: &[u8], state: &SessionState) -> Result<MailboxRef, Reply> {
    let name = &*utf8::encoded_name(name, state);
    let prefix = name.split_at_checked(BBOARD_PREFIX.len());
    match prefix.filter(|(start, _)| start.eq_ignore_ascii_case(BBOARD_PREFIX.as_bytes())) {
        Some((_, board)) => bboard(board),
        None if is_above_boards(name) => {
            Err(Reply::no("That name is reserved for the bulletin boards"))
        }
        None => without_prefix(name, state.config.namespace_prefix)
            .and_then(layout::mailbox_name)
            .map(MailboxRef::Personal)
            .map_err(Reply::no),
    }
}

/// Returns the bulletin board that an argument names, where the argument can name nothing else.
pub(super) fn bboard(name: &[u8]) -> Result<MailboxRef, Reply> {
    layout::bboard_name(name)
        .map(MailboxRef::Bboard)
        .map_err(Reply::no)
}

/// Returns the user's own mailbox that an argument names.
pub(super) fn personal(name: &[u8], state: &SessionState) -> Result<MailboxName, Reply> {
    match any(name, state)? {
        MailboxRef::Personal(name) => Ok(name),
        MailboxRef::Bboard(_) => Err(Reply::no("Only the operator can change bulletin boards")),
    }
}

/// Returns the name that an argument gives to a new mailbox. A mailbox that exists may hide control
/// characters and line breaks in modified UTF-7; a new one may not (RFC 6855 §3).
pub(super) fn new(name: &[u8], state: &SessionState) -> Result<MailboxName, Reply> {
    let is_unfit = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let name = personal(name, state)?;
    match modified_utf7::decode(name.as_str().as_bytes()) {
        Some(text) if text.contains(is_unfit) => Err(Reply::no(
            "A mailbox name must not contain control characters",
        )),
        _ => Ok(name),
    }
}

/// Returns the name by which clients select a mailbox or bulletin board.
pub(super) fn shown(name: &MailboxRef, state: &SessionState) -> String {
    match name {
        MailboxRef::Personal(own) if !own.is_inbox() => {
            format!("{}{own}", state.config.namespace_prefix)
        }
        _ => name.to_string(),
    }
}

/// Removes the prefix that the names of all of the user's mailboxes have to clients, except INBOX.
fn without_prefix<'n>(name: &'n [u8], prefix: &str) -> Result<&'n [u8], NameError> {
    const INBOX: &[u8] = b"INBOX";
    if prefix.is_empty() || name.eq_ignore_ascii_case(INBOX) {
        return Ok(name);
    }
    match name.split_at_checked(prefix.len()) {
        Some((start, own)) if start.eq_ignore_ascii_case(prefix.as_bytes()) => {
            match own.eq_ignore_ascii_case(INBOX) {
                true => Err("there is only one INBOX"),
                false => Ok(own),
            }
        }
        _ => Err("the names of all mailboxes but INBOX begin with \"INBOX.\""),
    }
}

/// True for the name above the bulletin boards: a mailbox of that name could have no mailboxes
/// below it.
fn is_above_boards(name: &[u8]) -> bool {
    let above = BBOARD_PREFIX.trim_end_matches(SEPARATOR);
    name.eq_ignore_ascii_case(above.as_bytes())
}
