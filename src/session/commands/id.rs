//! ID (RFC 2971): client and server name their programs, for the log and for debugging.

use crate::protocol::IdFields;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use std::net::IpAddr;

/// What the server says about itself.
const FIELDS: &[(&str, &str)] = &[
    ("name", env!("CARGO_PKG_NAME")),
    ("version", env!("CARGO_PKG_VERSION")),
];

/// Octets that are logged of what a client says about itself.
const MAX_LOGGED: usize = 300;

/// The field in which webmail names the address of its own client, as Dovecot reads it.
const ORIGINATING_ADDRESS: &[u8] = b"x-originating-ip";

/// Logs, once, what the client says about itself, and answers in kind. Nothing else depends on it
/// (§3), except that a client that speaks for others names one of them for the log.
pub(super) fn reply(fields: &IdFields, state: &mut SessionState) -> Reply {
    if state.peer.speaks_for_others && !state.is_logged_in() {
        state.peer.originating_address =
            originating_address(fields).or(state.peer.originating_address);
    }
    // A client that sends it again and again says nothing new.
    if !fields.is_empty() && !std::mem::replace(&mut state.is_client_logged, true) {
        log::info!(
            "{}: the client is {}",
            state.log_prefix(),
            in_one_line(fields)
        );
    }
    state.encoder().id(FIELDS);
    Reply::ok("ID completed").with_updates(UpdatePolicy::Nothing)
}

/// Returns the address in the field of that name, if it is a valid one.
fn originating_address(fields: &IdFields) -> Option<IpAddr> {
    let is_it = |name: &[u8]| name.eq_ignore_ascii_case(ORIGINATING_ADDRESS);
    let (_, value) = fields.iter().find(|(name, _)| is_it(name))?;
    let address: IpAddr = std::str::from_utf8(value.as_deref()?).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// Returns all fields that have a value, in ASCII.
fn in_one_line(fields: &IdFields) -> String {
    let with_value = fields
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let texts = with_value
        .map(|(name, value)| format!("{}=\"{}\"", name.escape_ascii(), value.escape_ascii()));
    let mut line = texts.collect::<Vec<_>>().join(" ");
    line.truncate(MAX_LOGGED);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_address_is_an_originating_address() {
        let named = |name: &str, value: Option<&str>| {
            let other = (b"name".to_vec(), Some(b"webmail".to_vec()));
            let field = (name.into(), value.map(Into::into));
            originating_address(&vec![other, field]).map(|address| address.to_string())
        };
        for (value, expected) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("192.0.2.7:40000", None),
            ("192.0.2.7 user=\"x", None),
            ("", None),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(named("X-Originating-IP", Some(value)), expected, "{value}");
        }
        assert_eq!(named("x-originating-ip", None), None);
        assert_eq!(named("x-forwarded-for", Some("192.0.2.7")), None);
    }
}
