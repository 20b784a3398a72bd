//! FIND MAILBOXES and FIND BBOARDS (RFC 1176 p. 12-13; with ALL., RFC 2062 p. 1-2): the names that
//! exist, and the names that the user is subscribed to.

use std::collections::{BTreeMap, btree_map};

use super::{mailbox_argument, mailbox_names};
use crate::budget::{Budget, Step, Why};
use crate::protocol::{FindArguments, MailboxKind, Pattern};
use crate::session::job::{Context, Job, Outcome};
use crate::session::output::HIGH_WATER;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::{ListNames, StoreError};
use crate::types::{MailboxRef, memory};
use crate::{try_done, try_ready};

/// Records that a name is paid for as, matched or not.
const RECORDS_PER_NAME: usize = 8;

/// Matches one name after the other, and writes those that match as the output has room.
struct FindJob {
    kind: MailboxKind,
    all: bool,
    pattern: Pattern,
    names: FindNames,
    /// Octets of memory that the names have taken at most.
    memory: usize,
}

/// The names that a FIND chooses from.
enum FindNames {
    Begin,
    /// The names are being read: INBOX first, the others in order.
    Read(ListNames, BTreeMap<(bool, String), MailboxRef>),
    /// The names that were not matched yet.
    Match(btree_map::IntoValues<(bool, String), MailboxRef>),
    /// The same, which are matched in the order in which they are read.
    MatchRead(Option<ListNames>),
}

/// Finds names of one kind: all that exist, or those that the user is subscribed to.
pub(super) fn job(arguments: &FindArguments) -> Box<dyn Job> {
    Box::new(FindJob {
        kind: arguments.kind,
        all: arguments.all,
        pattern: Pattern::find(&arguments.pattern),
        names: FindNames::Begin,
        memory: 0,
    })
}

impl Job for FindJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        try_ready!(self.read(cx));
        while cx.state.output.unsent() < HIGH_WATER {
            let Some(name) = self.next(cx.budget) else {
                let reply = Reply::ok("FIND completed");
                return Step::Done(Ok(reply.with_updates(UpdatePolicy::Nothing)));
            };
            let name = try_done!(name);
            if let Some(name) = name.and_then(|name| self.matched(&name, cx)) {
                match self.kind {
                    MailboxKind::Mailbox => cx.state.encoder().mailbox(&name),
                    MailboxKind::Bboard => cx.state.encoder().bboard(&name),
                };
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        Step::Yield(Why::OutputFull)
    }

    fn memory(&self) -> usize {
        memory::OF_LISTING + self.memory
    }
}

/// Returns the octets of memory that a name takes, with that by which it is ordered.
fn memory_of(name: &MailboxRef) -> usize {
    2 * name.memory() + memory::of_tree_entry::<(bool, String), MailboxRef>()
}

/// Returns by what names are ordered: INBOX comes first.
fn order(name: &MailboxRef) -> (bool, String) {
    let is_inbox = matches!(name, MailboxRef::Personal(name) if name.is_inbox());
    (!is_inbox, name.to_string())
}

impl FindJob {
    /// Reads the names to match; done when all are read.
    fn read(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<(), StoreError>> {
        loop {
            self.names = match &mut self.names {
                FindNames::Begin => try_done!(self.begin(cx)),
                FindNames::Read(listing, found) => match listing.next(cx.budget) {
                    Some(name) => {
                        if let Some(name) = try_done!(name) {
                            self.memory += memory_of(&name);
                            found.insert(order(&name), name);
                        }
                        cx.budget.spend_records(RECORDS_PER_NAME);
                        if cx.budget.is_spent() {
                            return Step::Yield(Why::Budget);
                        }
                        continue;
                    }
                    None => FindNames::Match(std::mem::take(found).into_values()),
                },
                FindNames::Match(_) | FindNames::MatchRead(_) => return Step::Done(Ok(())),
            };
        }
    }

    fn begin(&self, cx: &mut Context<'_, '_>) -> Result<FindNames, StoreError> {
        if !self.all && !cx.state.dialect.finds_unsubscribed_mailboxes() {
            return mailbox_names::subscribed(cx).map(FindNames::MatchRead);
        }
        Ok(match mailbox_names::existing(self.kind, cx)? {
            Some(listing) => FindNames::Read(listing, BTreeMap::new()),
            None => FindNames::MatchRead(None),
        })
    }

    /// Returns the next name to match, or `Ok(None)` if there is none in what was read.
    fn next(&mut self, budget: &mut Budget<'_>) -> Option<Result<Option<MailboxRef>, StoreError>> {
        match &mut self.names {
            FindNames::Match(names) => names.next().map(|name| Ok(Some(name))),
            FindNames::MatchRead(listing) => listing.as_mut()?.next(budget),
            FindNames::Begin | FindNames::Read(..) => None,
        }
    }

    /// Returns the name as FIND shows it, if it matches. RFC 1176 knows no subscriptions: its FIND
    /// MAILBOXES means every name but INBOX (p. 12). IMAP2bis has ALL. for that, which includes
    /// INBOX.
    fn matched(&self, name: &MailboxRef, cx: &mut Context<'_, '_>) -> Option<String> {
        let with_inbox = self.all || !cx.state.dialect.finds_unsubscribed_mailboxes();
        let name = self.shown(name, cx.state)?;
        let walk = self.pattern.walk(name.as_bytes(), |_| {});
        cx.budget.spend_octets(walk.work);
        cx.budget.spend_records(RECORDS_PER_NAME);
        (walk.is_match && (with_inbox || name != "INBOX")).then_some(name)
    }

    /// Returns the name as FIND shows it, if it is of the kind that the client asks for.
    fn shown(&self, name: &MailboxRef, state: &SessionState) -> Option<String> {
        match (self.kind, name) {
            (MailboxKind::Mailbox, MailboxRef::Personal(_)) => {
                Some(mailbox_argument::shown(name, state))
            }
            // A board is shown by its bare name, which BBOARD takes.
            (MailboxKind::Bboard, MailboxRef::Bboard(name)) => Some(name.to_string()),
            _ => None,
        }
    }
}
