//! What a command makes of the messages that match its keys.

use super::message_facts::{MessageFacts, Missing};
use crate::budget::{Budget, Step};
use crate::session::job::{Context, Outcome};
use crate::store::MessageRef;

/// What a command makes of the messages that match its keys.
pub(in crate::session::commands) trait MatchCollector {
    /// Takes a message that matches, or returns what must be known of it first.
    fn take(&mut self, message: &MessageRef, facts: &MessageFacts) -> Result<(), Missing>;

    /// Returns the octets of memory that it holds outside itself.
    fn memory(&self) -> usize;

    /// Carries on with the work on the message that was taken last. Done at once if there is none.
    fn settle(&mut self, _: &mut Budget<'_>) -> Step<()> {
        Step::Done(())
    }

    /// True if only the last message that matches counts, so that they are tested from the end.
    fn wants_last(&self) -> bool {
        false
    }

    /// True if no further message counts.
    fn is_complete(&self) -> bool {
        false
    }

    /// Writes the answer, after the last message. `modseqs` are those of the messages that match,
    /// if there are any and the keys ask for them.
    fn answer(
        &mut self,
        modseqs: Option<MatchedModSeqs>,
        cx: &mut Context<'_, '_>,
    ) -> Step<Outcome>;
}

/// The mod-sequences of the messages that match, as far as an answer needs them.
#[derive(Debug, Clone, Copy)]
pub(in crate::session::commands) struct MatchedModSeqs {
    /// That of the first message.
    pub(super) first: u64,
    /// That of the last message.
    pub(super) last: u64,
    /// The greatest one.
    pub(in crate::session::commands) greatest: u64,
}

impl MatchedModSeqs {
    /// Adds a message that matches, after those `before`.
    pub(super) fn with(before: Option<Self>, modseq: u64) -> Self {
        Self {
            first: before.map_or(modseq, |before| before.first),
            last: modseq,
            greatest: before.map_or(modseq, |before| before.greatest.max(modseq)),
        }
    }
}
