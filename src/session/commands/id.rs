//! ID (RFC 2971): who is who, for the log and for those who look for faults.

use crate::protocol::IdFields;
use crate::session::core::Core;
use crate::session::job::Reply;
use crate::session::untagged::Occasion;

/// What the server says of itself.
const FIELDS: &[(&str, &str)] = &[
    ("name", env!("CARGO_PKG_NAME")),
    ("version", env!("CARGO_PKG_VERSION")),
];

/// Longest text that is logged of what a client says of itself.
const MAX_LOGGED: usize = 300;

/// Notes what the client says of itself, and answers in kind. Nothing depends on what it is (§3).
pub(super) fn id(fields: &IdFields, core: &mut Core) -> Reply {
    if !fields.is_empty() {
        log::info!("{}: is {}", core.peer.name, in_one_line(fields));
    }
    core.encoder().id(FIELDS);
    Reply::ok("ID completed").on(Occasion::Nothing)
}

/// All fields that have a value, in ASCII.
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
