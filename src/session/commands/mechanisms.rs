//! The SASL mechanisms that a client can log in with over its connection.

use crate::auth::scram::ChannelBinding;
use crate::protocol::{Code, Mechanism};
use crate::session::peer::TlsInfo;
use crate::session::reply::Reply;
use crate::session::state::SessionState;

/// Returns the capabilities that tell how a client can log in.
///
/// Mechanisms that send the password are announced under TLS only (RFC 4616 §1), although they work
/// wherever LOGIN does: programs of the c-client library warn their users of a server that
/// announces them in clear text, and use LOGIN anyway.
pub(super) fn capabilities(state: &SessionState) -> String {
    let is_announced = |mechanism: &Mechanism| match mechanism {
        Mechanism::Plain | Mechanism::Login => state.peer.tls.is_some() && state.peer.may_log_in,
        scram => is_scram_offered(*scram, state),
    };
    let announced = Mechanism::ALL.into_iter().filter(is_announced);
    let mut words: Vec<String> = announced
        .map(|one| format!("AUTH={}", one.name()))
        .collect();
    if state.peer.may_log_in || !words.is_empty() {
        words.push("SASL-IR".into());
    }
    if !state.peer.may_log_in {
        // RFC 3501 §6.2.3
        words.push("LOGINDISABLED".into());
    }
    words.join(" ")
}

/// Fails if the client may not send a password over its connection.
pub(super) fn check_password_allowed(state: &SessionState) -> Result<(), Reply> {
    if state.peer.may_log_in {
        return Ok(());
    }
    let reply = Reply::no("A password may not be sent over this connection in clear text");
    Err(reply.with_code(Code::PrivacyRequired))
}

/// True if `mechanism` is one of SCRAM and the client can use it over its connection.
pub(super) fn is_scram_offered(mechanism: Mechanism, state: &SessionState) -> bool {
    let is_possible = match mechanism {
        Mechanism::ScramSha256 => true,
        Mechanism::ScramSha256Plus => !channel_bindings(state.peer.tls.as_deref()).is_empty(),
        Mechanism::Plain | Mechanism::Login => false,
    };
    state.peer.offers_scram && is_possible
}

/// Returns the channel bindings of the connection (RFC 5802 §6).
pub(super) fn channel_bindings(tls: Option<&TlsInfo>) -> Vec<ChannelBinding> {
    let named = |name: &str, data: &[u8]| ChannelBinding {
        name: name.into(),
        data: data.to_vec(),
    };
    let Some(tls) = tls else {
        return Vec::new();
    };
    let exporter = tls.exporter.map(|data| named("tls-exporter", &data));
    let end_point = tls.end_point.as_deref();
    let end_point = end_point.map(|data| named("tls-server-end-point", data));
    exporter.into_iter().chain(end_point).collect()
}
