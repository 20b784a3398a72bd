//! The data items FLAGS and UID of a message, whole FETCH responses with its flags, and the FLAGS
//! response of its mailbox.

use super::condstore::encode_modseq;
use super::job::Context;
use super::state::SessionState;
use crate::protocol::{Code, Encoder, Status};
use crate::store::{Access, MessageRef, Store};
use crate::types::{Flags, Keyword, KeywordSet};

/// Writes a whole response with the flags of a message: `* n FETCH (FLAGS (...))`.
pub(super) fn write_flags(cx: &mut Context<'_, '_>, message: &MessageRef) {
    announce_new_keywords(cx);
    cx.state.encoder().begin_fetch(message.number);
    encode_flags(cx, message);
    encode_change(cx, message);
    cx.state.encoder().end_message_data();
}

/// Writes the items UID and MODSEQ, which a client that knows mod-sequences gets with every change
/// of flags (RFC 7162 §3.2.4).
pub(super) fn encode_change(cx: &mut Context<'_, '_>, message: &MessageRef) {
    if cx.state.enabled.condstore {
        cx.state.encoder().raw(" ");
        encode_uid(cx, message);
        cx.state.encoder().raw(" ");
        encode_modseq(cx, message);
    }
}

/// Writes the item `FLAGS (...)`, in a response before which [`announce_new_keywords`] was called.
pub(super) fn encode_flags(cx: &mut Context<'_, '_>, message: &MessageRef) {
    let Some(selected) = &cx.state.selected else {
        return;
    };
    let (flags, keywords) = cx.store.flags(&selected.view, message);
    let names = cx.store.mailbox(selected.view.handle()).keywords();
    let mut encoder = Encoder::new(cx.state.output.bytes(), cx.state.dialect);
    encoder
        .raw("FLAGS ")
        .flags(flags, keywords.iter().filter_map(|index| names.get(index)));
}

/// Writes the item `UID n`.
pub(super) fn encode_uid(cx: &mut Context<'_, '_>, message: &MessageRef) {
    let mut encoder = cx.state.encoder();
    encoder.raw("UID ").number(message.uid.get().into());
}

/// Announces the keywords of the mailbox if there are new ones. It must be called before every
/// response with flags: old clients know the keywords of the last FLAGS response and no others.
pub(super) fn announce_new_keywords(cx: &mut Context<'_, '_>) {
    let view = cx.state.view();
    if view.is_some_and(|view| cx.store.take_new_keywords(view)) {
        announce_keywords(cx.state, cx.store);
    }
}

/// Writes `* FLAGS (...)` with the system flags and the keywords of the mailbox (RFC 1064 p. 17),
/// and PERMANENTFLAGS with those that can be changed, where the dialect has status codes.
pub(super) fn announce_keywords(state: &mut SessionState, store: &Store) {
    let Some(selected) = &state.selected else {
        return;
    };
    let table = store.mailbox(selected.view.handle()).keywords();
    let names: Vec<Keyword> = table.iter().map(|(_, name)| name.clone()).collect();
    let mut encoder = Encoder::new(state.output.bytes(), state.dialect);
    encoder.flags_line(&names);
    if state.dialect.sends_status_codes() {
        let code = match selected.view.access() {
            Access::ReadWrite => Code::PermanentFlags {
                system: Flags::PERMANENT,
                keywords: &names,
                more: names.len() < KeywordSet::MAX,
            },
            Access::ReadOnly => Code::PermanentFlags {
                system: Flags::NONE,
                keywords: &[],
                more: false,
            },
        };
        encoder.untagged(Status::Ok, Some(code), "Permanent flags");
    }
}
