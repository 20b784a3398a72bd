//! Responses with sets of numbers, which may be long: half of 100 000 messages are 50 000 ranges.
//! The output queue encodes such a set piece by piece, as the client takes it.

use super::state::SessionState;
use crate::protocol::{Code, Status};
use crate::types::NumberSet;

/// Writes a tagged status response, or an untagged one if `tag` is `*`.
pub(super) fn write_status(
    state: &mut SessionState,
    tag: &[u8],
    status: Status,
    code: Option<Code<'_>>,
    text: &str,
) {
    let has_codes = state.dialect.sends_status_codes();
    match code {
        Some(Code::CopyUid(validity, sources, copies)) if has_codes => {
            let name = format!("[COPYUID {} ", validity.get());
            state.encoder().begin_status(tag, status).raw(name);
            state.output.ranges(sources);
            state.encoder().raw(" ");
            state.output.ranges(copies);
            state.encoder().raw("] ").end_status(text);
        }
        Some(Code::Modified(set)) if has_codes => {
            state.encoder().begin_status(tag, status).raw("[MODIFIED ");
            state.output.ranges(set);
            state.encoder().raw("] ").end_status(text);
        }
        code => {
            state.encoder().tagged(tag, status, code, text);
        }
    }
}

/// Writes the VANISHED response; `earlier` if the expunges were before the mailbox was selected.
pub(super) fn write_vanished(state: &mut SessionState, uids: NumberSet, earlier: bool) {
    state.encoder().begin_vanished(earlier);
    state.output.ranges(uids);
    state.encoder().end_line();
}
