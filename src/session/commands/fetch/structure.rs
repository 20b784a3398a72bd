//! ENVELOPE, BODY and BODYSTRUCTURE as nested lists (RFC 1064 p. 15-16, RFC 3501 §7.4.2).

use crate::message::{Address, Envelope, Param, Part};
use crate::protocol::Encoder;

/// Writes an envelope (RFC 3501 §9 `envelope`).
pub(super) fn envelope(encoder: &mut Encoder<'_>, envelope: &Envelope) {
    encoder.raw("(");
    encoder.nstring(envelope.date.as_deref());
    encoder.raw(" ");
    encoder.nstring(envelope.subject.as_deref());
    let lists = [
        &envelope.from,
        &envelope.sender,
        &envelope.reply_to,
        &envelope.to,
        &envelope.cc,
        &envelope.bcc,
    ];
    for list in lists {
        encoder.raw(" ");
        addresses(encoder, list);
    }
    encoder.raw(" ");
    encoder.nstring(envelope.in_reply_to.as_deref());
    encoder.raw(" ");
    encoder.nstring(envelope.message_id.as_deref());
    encoder.raw(")");
}

/// Writes `"(" 1*address ")" / nil`, with nothing between two addresses (RFC 1064 p. 24).
fn addresses(encoder: &mut Encoder<'_>, list: &[Address]) {
    if list.is_empty() {
        encoder.nil();
        return;
    }
    encoder.raw("(");
    for address in list {
        encoder.raw("(");
        encoder.nstring(address.name.as_deref());
        encoder.raw(" ");
        encoder.nstring(address.route.as_deref());
        encoder.raw(" ");
        encoder.nstring(address.mailbox.as_deref());
        encoder.raw(" ");
        encoder.nstring(address.host.as_deref());
        encoder.raw(")");
    }
    encoder.raw(")");
}

/// Writes a body (RFC 3501 §9 `body`), if `extended` with the extension data of BODYSTRUCTURE. The
/// scanner limits how deep parts are nested, and so the recursion.
pub(super) fn body(encoder: &mut Encoder<'_>, part: &Part, extended: bool) {
    encoder.raw("(");
    if part.children.is_empty() {
        single_part(encoder, part, extended);
    } else {
        for child in &part.children {
            body(encoder, child, extended);
        }
        encoder.raw(" ");
        encoder.string(&part.subtype);
        if extended {
            encoder.raw(" ");
            parameters(encoder, &part.params);
            extension(encoder, part);
        }
    }
    encoder.raw(")");
}

/// Writes `body-type-1part`: type, subtype, `body-fields`, then what its type adds.
fn single_part(encoder: &mut Encoder<'_>, part: &Part, extended: bool) {
    encoder.string(&part.media_type);
    encoder.raw(" ");
    encoder.string(&part.subtype);
    encoder.raw(" ");
    parameters(encoder, &part.params);
    encoder.raw(" ");
    encoder.nstring(part.id.as_deref());
    encoder.raw(" ");
    encoder.nstring(part.description.as_deref());
    encoder.raw(" ");
    encoder.string(&part.encoding);
    encoder.raw(" ");
    encoder.number(part.body.size);
    if let Some(message) = &part.message {
        encoder.raw(" ");
        envelope(encoder, &message.envelope());
        encoder.raw(" ");
        body(encoder, &message.part, extended);
    }
    if part.message.is_some() || part.media_type.eq_ignore_ascii_case(b"text") {
        encoder.raw(" ");
        encoder.number(part.body.lines);
    }
    if extended {
        encoder.raw(" ");
        encoder.nstring(part.md5.as_deref());
        extension(encoder, part);
    }
}

/// Writes `body-fld-dsp`, `body-fld-lang` and `body-fld-loc`.
fn extension(encoder: &mut Encoder<'_>, part: &Part) {
    encoder.raw(" ");
    match &part.disposition {
        Some(disposition) => {
            encoder.raw("(");
            encoder.string(&disposition.kind);
            encoder.raw(" ");
            parameters(encoder, &disposition.params);
            encoder.raw(")");
        }
        None => {
            encoder.nil();
        }
    }
    encoder.raw(" ");
    match &part.language[..] {
        [] => {
            encoder.nil();
        }
        [one] => {
            encoder.string(one);
        }
        many => {
            for (at, language) in many.iter().enumerate() {
                encoder.raw(if at == 0 { "(" } else { " " });
                encoder.string(language);
            }
            encoder.raw(")");
        }
    }
    encoder.raw(" ");
    encoder.nstring(part.location.as_deref());
}

/// Writes `body-fld-param`.
fn parameters(encoder: &mut Encoder<'_>, params: &[Param]) {
    if params.is_empty() {
        encoder.nil();
        return;
    }
    for (at, param) in params.iter().enumerate() {
        encoder.raw(if at == 0 { "(" } else { " " });
        encoder.string(&param.name);
        encoder.raw(" ");
        encoder.string(&param.value);
    }
    encoder.raw(")");
}
