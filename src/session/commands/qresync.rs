//! SELECT with QRESYNC (RFC 7162 §3.2.5): which messages were expunged, and which came or were
//! changed, since the client had the mailbox selected last.

use crate::budget::Step;
use crate::protocol::Resync;
use crate::ready;
use crate::session::each_message::EachMessage;
use crate::session::job::Context;
use crate::session::long_responses::write_vanished;
use crate::session::message_data::write_flags;
use crate::store::View;
use crate::types::{NumberSet, SequenceSet, Uid};

/// Most pairs of message sequence number and UID that are compared. A client sends a small sample;
/// if it sends more, the rest is ignored, and the client gets more expunges than it needs.
const MAX_MATCHES: usize = 1000;

/// Writes the expunges, then the flags of one changed message after the other.
pub(super) struct Resynchronization {
    /// Highest mod-sequence that the client knows.
    since: u64,
    /// The expunges, until they are written.
    vanished: NumberSet,
    each: EachMessage,
}

impl Resynchronization {
    /// Begins with the mailbox that was just selected. `None` if the client knows another mailbox
    /// of that name: then it has to begin anew.
    pub(super) fn new(resync: &Resync, cx: &Context<'_, '_>) -> Option<Self> {
        let view = cx.state.view()?;
        let mailbox = cx.store.mailbox(view.handle());
        if mailbox.uid_validity() != resync.validity {
            return None;
        }
        let all = NumberSet::range(1, Uid::MAX);
        let known = resync.known.as_ref().map_or(all, |set| set.resolve(0));
        let unchanged = resync
            .matches
            .as_ref()
            .map_or(0, |(numbers, uids)| last_match(numbers, uids, view, cx));
        let doubtful = known.without(&NumberSet::range(1, unchanged));
        Some(Self {
            since: resync.modseq,
            vanished: cx.store.vanished(view, resync.modseq, &doubtful),
            each: EachMessage::new(known, true),
        })
    }

    /// Returns the octets of memory that the sets take.
    pub(super) fn memory(&self) -> usize {
        self.vanished.memory() + self.each.memory()
    }

    /// Writes on; done when everything is written.
    pub(super) fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<()> {
        let vanished = std::mem::take(&mut self.vanished);
        if !vanished.is_empty() {
            write_vanished(cx.state, vanished, true);
        }
        while let Some(message) = ready!(self.each.current(cx)) {
            let view = cx.state.view();
            if view.is_some_and(|view| cx.store.mod_sequence(view, &message) > self.since) {
                write_flags(cx, &message);
            }
            self.each.advance_in_memory(cx, 1);
        }
        Step::Done(())
    }
}

/// Returns the greatest UID that still has the message sequence number that the client remembers.
/// Messages are only expunged, or come at the end: so nothing was expunged up to there (RFC 7162
/// §3.2.5.2).
fn last_match(numbers: &SequenceSet, uids: &SequenceSet, view: &View, cx: &Context<'_, '_>) -> u32 {
    let (numbers, uids) = (numbers.resolve(0), uids.resolve(0));
    let pairs = numbers.iter().zip(uids.iter()).take(MAX_MATCHES);
    let is_unchanged = |&(number, uid): &(u32, u32)| {
        let message = cx.store.message(view, number);
        message.is_some_and(|message| message.uid.get() == uid)
    };
    let within = pairs.take_while(|&(number, _)| number <= view.exists());
    within.filter(is_unchanged).last().map_or(0, |(_, uid)| uid)
}
