//! What a session says differently once its client has shown to know mod-sequences (RFC 7162).

use super::core::Core;
use super::job::Cx;
use crate::protocol::{Code, Status};
use crate::store::MessageRef;

/// The client has sent a command that only makes sense to somebody who knows mod-sequences: from now on it
/// is told them unasked, beginning with the one of the mailbox that is selected (RFC 7162 §3.1).
pub(super) fn enable(cx: &mut Cx<'_, '_>) {
    if !cx.core.enabled.condstore {
        cx.core.enabled.condstore = true;
        tell_highest(cx);
    }
}

/// Tells up to where the client has been told of all changes, which is less than the mailbox's
/// mod-sequence if it cannot be told of an expunge just now (RFC 7162 §3.2).
pub(super) fn tell_highest(cx: &mut Cx<'_, '_>) {
    if let Some(code) = highest(cx) {
        let text = "The highest mod-sequence";
        cx.core.encoder().untagged(Status::Ok, Some(code), text);
    }
}

/// That as a response code.
pub(super) fn highest(cx: &Cx<'_, '_>) -> Option<Code<'static>> {
    let view = cx.core.view()?;
    Some(Code::HighestModSeq(cx.store.announced_mod_sequence(view)))
}

/// The item `MODSEQ (n)`.
pub(super) fn encode_modseq(cx: &mut Cx<'_, '_>, message: &MessageRef) {
    let Some(view) = cx.core.view() else { return };
    let modseq = cx.store.mod_sequence(view, message);
    let mut encoder = cx.core.encoder();
    encoder.raw("MODSEQ (").number(modseq).raw(")");
}

/// After a selected mailbox was left for another one: data that follow are of the latter. It is told
/// whether the client has shown to know mod-sequences or not (RFC 7162 §3.2.11).
pub(super) fn tell_closed(core: &mut Core) {
    if core.selected.is_some() && core.dialect.sends_status_codes() {
        let text = "The mailbox selected before";
        core.encoder()
            .untagged(Status::Ok, Some(Code::Closed), text);
    }
}
