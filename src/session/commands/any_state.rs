//! CAPABILITY, CHECK and LOGOUT: commands that need no arguments and no mailbox (RFC 1064 p. 9-10,
//! RFC 3501 §6.1).

use crate::budget::Step;
use crate::protocol::Status;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::Occasion;

/// What the server can do beyond RFC 1176, a line each; nothing stands here that does not work.
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

/// RFC 3501 §6.1.1. That the client asked has made the session climb already.
pub(super) fn capability(core: &mut Core) -> Reply {
    let words = capabilities(core);
    core.encoder().capability(&words);
    Reply::ok("CAPABILITY completed")
}

/// What the server can do for this client now, in words separated by spaces.
pub(super) fn capabilities(core: &Core) -> String {
    let mut words = CAPABILITIES.join(" ");
    // RFC 7889 §3: no mailbox has a limit of its own.
    words.push_str(&format!(" APPENDLIMIT={}", core.config.append_limit()));
    if core.may_start_tls() {
        words.push_str(" STARTTLS");
    }
    if !core.is_logged_in() {
        words.push(' ');
        words.push_str(&super::authenticate::capabilities(core));
    }
    words
}

/// RFC 1064 p. 10, RFC 1176 p. 13: a look at the mailbox, which every command ends with; the counts
/// are told in any case to those who rely on that.
pub(super) fn check() -> Reply {
    Reply::ok("CHECK completed").on(Occasion::Check)
}

/// RFC 1064 p. 9: a BYE, then the tagged OK, then the end of the connection.
pub(super) struct Logout;

impl Job for Logout {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let text = format!("{} IMAP server terminating connection", cx.core.config.host);
        cx.core.encoder().untagged(Status::Bye, None, &text);
        cx.core.finish();
        Step::Done(Reply::ok("LOGOUT completed").on(Occasion::Nothing))
    }
}
