//! ID (RFC 2971): client and server name their programs, for the log and for debugging.

use crate::protocol::IdFields;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;

/// What the server says about itself.
const FIELDS: &[(&str, &str)] = &[
    ("name", env!("CARGO_PKG_NAME")),
    ("version", env!("CARGO_PKG_VERSION")),
];

/// Octets that are logged of what a client says about itself.
const MAX_LOGGED: usize = 300;

/// Logs what the client says about itself, and answers in kind. Nothing else depends on it (§3).
pub(super) fn reply(fields: &IdFields, state: &mut SessionState) -> Reply {
    if !fields.is_empty() {
        log::info!(
            "{}: the client is {}",
            state.log_prefix(),
            in_one_line(fields)
        );
    }
    state.encoder().id(FIELDS);
    Reply::ok("ID completed").with_updates(UpdatePolicy::Nothing)
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
