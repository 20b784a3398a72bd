//! What SELECT tells a client that comes back to a mailbox (RFC 7162 §3.2.5): which messages went, and
//! which came or were changed.

use crate::budget::Step;
use crate::protocol::Resync;
use crate::ready;
use crate::session::job::{Cx, EachMessage};
use crate::session::untagged::write_flags;
use crate::store::View;
use crate::types::{MessageSet, NumberSet, Uid};

/// Tells one message after the other.
pub(super) struct Returning {
    since: u64,
    vanished: NumberSet,
    each: EachMessage,
}

impl Returning {
    /// For the mailbox that was just selected; `None` if the client knows another one of that name: then it
    /// has to begin anew.
    pub(super) fn new(resync: &Resync, cx: &Cx<'_, '_>) -> Option<Self> {
        let view = cx.core.view()?;
        let mailbox = cx.store.mailbox(view.handle());
        if mailbox.uid_validity() != resync.validity {
            return None;
        }
        let all = NumberSet::range(1, Uid::MAX);
        let known = resync.known.as_ref().map_or(all, |set| set.resolve(0));
        let unmoved = resync
            .matches
            .as_ref()
            .map_or(0, |(numbers, uids)| last_match(numbers, uids, view, cx));
        let doubtful = known.without(&NumberSet::range(1, unmoved));
        Some(Self {
            since: resync.modseq,
            vanished: cx.store.vanished(view, resync.modseq, &doubtful),
            each: EachMessage::new(known, true),
        })
    }

    pub(super) fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<()> {
        let vanished = std::mem::take(&mut self.vanished);
        if !vanished.is_empty() {
            cx.core.encoder().vanished(&vanished, true);
        }
        while let Some(message) = ready!(self.each.current(cx)) {
            let view = cx.core.view();
            if view.is_some_and(|view| cx.store.mod_sequence(view, &message) > self.since) {
                write_flags(cx, &message);
            }
            self.each.advance_in_memory(cx, 1);
        }
        Step::Done(())
    }
}

/// Most pairs of number and unique identifier that are compared. A client sends a small sample; without the
/// rest of a great one it is told more than it needs.
const MAX_MATCHES: usize = 1000;

/// The greatest unique identifier that still has the number that the client remembers. Messages only go,
/// or come at the end: so up to there nothing has changed (RFC 7162 §3.2.5.2).
fn last_match(numbers: &MessageSet, uids: &MessageSet, view: &View, cx: &Cx<'_, '_>) -> u32 {
    let (numbers, uids) = (numbers.resolve(0), uids.resolve(0));
    let pairs = numbers.iter().zip(uids.iter()).take(MAX_MATCHES);
    let stands = |&(number, uid): &(u32, u32)| {
        let message = cx.store.message(view, number);
        message.is_some_and(|message| message.uid.get() == uid)
    };
    let within = pairs.take_while(|&(number, _)| number <= view.exists());
    within.filter(stands).last().map_or(0, |(_, uid)| uid)
}
