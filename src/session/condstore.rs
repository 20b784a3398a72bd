//! What a session sends differently once its client has shown that it knows mod-sequences (RFC
//! 7162).

use super::job::Context;
use super::state::SessionState;
use crate::protocol::{Code, Status};
use crate::store::MessageRef;

/// Takes note that the client knows mod-sequences, because it has sent a command that has to do
/// with them. From now on the session reports them unasked, beginning with the one of the selected
/// mailbox (RFC 7162 §3.1).
pub(super) fn enable(cx: &mut Context<'_, '_>) {
    if !cx.state.enabled.condstore {
        cx.state.enabled.condstore = true;
        announce_highest_modseq(cx);
    }
}

/// Writes the mod-sequence up to which the client knows all changes. It is less than that of the
/// mailbox while an expunge cannot be reported (RFC 7162 §3.2).
pub(super) fn announce_highest_modseq(cx: &mut Context<'_, '_>) {
    if let Some(code) = highest_modseq(cx) {
        let text = "Highest mod-sequence";
        cx.state.encoder().untagged(Status::Ok, Some(code), text);
    }
}

/// Returns the same as a response code.
pub(super) fn highest_modseq(cx: &Context<'_, '_>) -> Option<Code<'static>> {
    let view = cx.state.view()?;
    Some(Code::HighestModSeq(cx.store.announced_mod_sequence(view)))
}

/// Writes the item `MODSEQ (n)`.
pub(super) fn encode_modseq(cx: &mut Context<'_, '_>, message: &MessageRef) {
    let Some(view) = cx.state.view() else { return };
    let modseq = cx.store.mod_sequence(view, message);
    let mut encoder = cx.state.encoder();
    encoder.raw("MODSEQ (").number(modseq).raw(")");
}

/// Writes the CLOSED code if a mailbox is selected, which another one is about to replace: later
/// responses are about the new one. Clients get it whether they know mod-sequences or not (RFC 7162
/// §3.2.11).
pub(super) fn announce_closed(state: &mut SessionState) {
    if state.selected.is_some() && state.dialect.sends_status_codes() {
        let text = "The previous mailbox is closed";
        state
            .encoder()
            .untagged(Status::Ok, Some(Code::Closed), text);
    }
}
