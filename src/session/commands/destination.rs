//! The mailbox that takes the messages of an APPEND, COPY or MOVE.

use crate::protocol::{Code, Status};
use crate::session::job::Context;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::{MailboxHandle, Store, StoreError};
use crate::types::{MailboxRef, Uid};

/// Opens the mailbox that is to take messages. If it does not exist, it is created if `may_create`;
/// else the client learns that it may create it: by a code in the tagged NO (RFC 3501 §6.4.7), to
/// IMAP2bis clients by an untagged OK as well (RFC 1732 p. 4).
pub(super) fn open(
    name: &MailboxRef,
    may_create: bool,
    cx: &mut Context<'_, '_>,
) -> Result<MailboxHandle, Reply> {
    let Some(account) = cx.state.account() else {
        return Err(Reply::not_logged_in());
    };
    let mut opened = cx.store.open(account, name);
    if let (Err(StoreError::NotFound), true, MailboxRef::Personal(own)) =
        (&opened, may_create, name)
    {
        opened = cx.store.create_and_open(account, own);
    }
    opened.map_err(|error| match (error, name) {
        // Clients cannot create bulletin boards, so there is no TRYCREATE (RFC 3501 §6.3.11).
        (StoreError::NotFound, MailboxRef::Personal(_)) => try_create(cx.state),
        (error, _) => Reply::refused(&error),
    })
}

/// Returns the NO with the code TRYCREATE.
fn try_create(state: &mut SessionState) -> Reply {
    let text = "There is no such mailbox; the client may create it";
    if state.dialect.sends_trycreate_untagged() {
        state
            .encoder()
            .untagged(Status::Ok, Some(Code::TryCreate), text);
    }
    Reply::no(text).with_code(Code::TryCreate)
}

/// Returns the code COPYUID (RFC 4315 §3), which tells which copy is of which message: both sets
/// are in ascending order. `None` if nothing was copied.
pub(super) fn copy_uid(
    copied: &[(Uid, Uid)],
    to: &MailboxHandle,
    store: &Store,
) -> Option<Code<'static>> {
    let range = |uid: Uid| (uid.get(), uid.get());
    let sources = copied.iter().map(|&(uid, _)| range(uid)).collect();
    let copies = copied.iter().map(|&(_, uid)| range(uid)).collect();
    let validity = store.mailbox(to).uid_validity();
    (!copied.is_empty()).then_some(Code::CopyUid(validity, sources, copies))
}
