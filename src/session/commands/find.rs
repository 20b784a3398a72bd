//! FIND MAILBOXES and BBOARDS (RFC 1176 p. 12-13, with ALL. of IMAP2bis, RFC 2062 p. 1-2): the names there
//! are, and the names that are subscribed.

use super::names;
use crate::budget::{Step, Why};
use crate::protocol::{FindArguments, MailboxKind, Pattern};
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::session::output::HIGH_WATER;
use crate::session::untagged::Occasion;
use crate::store::StoreError;
use crate::types::MailboxRef;

/// The job: finds the names once, and tells them as the output has room.
struct Find {
    what: MailboxKind,
    all: bool,
    pattern: Pattern,
    found: Option<std::vec::IntoIter<String>>,
}

/// FIND of one kind: of all there are, or of those subscribed to.
pub(super) fn job(arguments: &FindArguments) -> Box<dyn Job> {
    Box::new(Find {
        what: arguments.kind,
        all: arguments.all,
        pattern: Pattern::find(&arguments.pattern),
        found: None,
    })
}

impl Job for Find {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.found.is_none() {
            match self.names(cx) {
                Ok(names) => self.found = Some(names.into_iter()),
                Err(error) => return Step::Done(Reply::refused(&error)),
            }
        }
        while cx.core.output.unsent() < HIGH_WATER {
            let Some(name) = self.found.as_mut().and_then(Iterator::next) else {
                return Step::Done(Reply::ok("FIND completed").on(Occasion::Nothing));
            };
            match self.what {
                MailboxKind::Mailbox => cx.core.encoder().mailbox(&name),
                MailboxKind::Bboard => cx.core.encoder().bboard(&name),
            };
        }
        Step::Yield(Why::OutputFull)
    }
}

impl Find {
    /// RFC 1176 knows no subscriptions: its FIND MAILBOXES means every name but INBOX (p. 12). In
    /// IMAP2bis that is what ALL. is for, INBOX included.
    fn names(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<String>, StoreError> {
        let all = self.all || cx.core.dialect.finds_unsubscribed_mailboxes();
        let found = match (self.what, all) {
            (MailboxKind::Mailbox, true) => names::personal(cx)?,
            (MailboxKind::Bboard, true) => names::boards(cx)?,
            (_, false) => names::subscribed(cx)?,
        };
        let with_inbox = self.all || !cx.core.dialect.finds_unsubscribed_mailboxes();
        let names = found
            .into_iter()
            .filter_map(|name| self.shown(&name, cx.core));
        Ok(names
            .filter(|name| with_inbox || name != "INBOX")
            .filter(|name| self.pattern.matches(name.as_bytes()))
            .collect())
    }

    /// The name as FIND shows it, if it is of the kind that is looked for.
    fn shown(&self, name: &MailboxRef, core: &Core) -> Option<String> {
        match (self.what, name) {
            (MailboxKind::Mailbox, MailboxRef::Personal(_)) => {
                Some(super::name_on_wire(name, core))
            }
            // A board is found by its own name, for BBOARD to be told.
            (MailboxKind::Bboard, MailboxRef::Bboard(name)) => Some(name.to_string()),
            _ => None,
        }
    }
}
