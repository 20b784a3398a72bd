//! UID (RFC 3501 §6.4.8, RFC 4315 §2.1, RFC 5256, RFC 6851): what the UID forms of COPY, EXPUNGE,
//! FETCH, MOVE, SEARCH, SORT, STORE and THREAD do differently. Their sets and their answers consist
//! of UIDs instead of message sequence numbers.

use std::rc::Rc;

use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::MessageRef;
use crate::types::{NumberSet, SequenceSet};

/// Returns the numbers that a set names, UIDs or message sequence numbers.
///
/// Message sequence numbers beyond the last message are an error, `*` in an empty mailbox included
/// (RFC 3501 §9 `seq-number`; imap2-bis servers refused them too). UIDs that do not exist are not
/// (§6.4.8), and a saved search result may be empty (RFC 5182 §2.1).
pub(super) fn resolve(
    uid: bool,
    set: &SequenceSet,
    state: &SessionState,
) -> Result<Rc<NumberSet>, Reply> {
    let Some(view) = state.view() else {
        return Err(Reply::nothing_selected());
    };
    if set.is_saved() {
        return Ok(state.saved(uid));
    }
    if uid {
        return Ok(Rc::new(set.resolve(view.last_uid())));
    }
    let is_beyond = set.greatest_number() > view.exists();
    if is_beyond || set.has_last() && view.exists() == 0 {
        let reply = Reply::bad("There is no message with that number");
        return Err(reply.with_updates(UpdatePolicy::WithoutExpunges));
    }
    Ok(Rc::new(set.resolve(view.exists())))
}

/// Returns the number that the answer has for a message.
pub(super) fn number(uid: bool, message: &MessageRef) -> u32 {
    match uid {
        true => message.uid.get(),
        false => message.number,
    }
}
