//! The capabilities of the server.

use super::mechanisms;
use crate::session::state::SessionState;

/// The capabilities beyond RFC 1176 that do not depend on the client, one in a line.
#[rustfmt::skip]
const CAPABILITIES: &[&str] = &[
    "IMAP4rev1",
    "BINARY",
    "CHILDREN",
    "CONDSTORE",
    "CREATE-SPECIAL-USE",
    "ENABLE",
    "ESEARCH",
    "ID",
    "IDLE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "LITERAL+",
    "MOVE",
    "MULTIAPPEND",
    "NAMESPACE",
    "QRESYNC",
    "SEARCHRES",
    "SORT",
    "SPECIAL-USE",
    "STATUS=SIZE",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "UIDPLUS",
    "UNSELECT",
    "UTF8=ACCEPT",
    "WITHIN",
];

/// Returns the capabilities that this client has now, separated by spaces.
pub(super) fn capabilities(state: &SessionState) -> String {
    let mut words = CAPABILITIES.join(" ");
    // RFC 7889 §3: no mailbox has a limit of its own.
    words.push_str(&format!(" APPENDLIMIT={}", state.config.append_limit()));
    if state.may_start_tls() {
        words.push_str(" STARTTLS");
    }
    if !state.is_logged_in() {
        words.push(' ');
        words.push_str(&mechanisms::capabilities(state));
    }
    words
}
