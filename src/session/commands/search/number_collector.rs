//! The answer to SEARCH: the numbers of the messages that match, as RFC 3501 has them or as the
//! client has asked for them (RFC 4731), and the saved search result (RFC 5182).

use std::rc::Rc;

use super::collector::{MatchCollector, MatchedModSeqs};
use super::message_facts::{MessageFacts, Missing};
use crate::budget::Step;
use crate::protocol::SearchReturn;
use crate::session::commands::uid;
use crate::session::job::{Context, Outcome};
use crate::session::reply::Reply;
use crate::session::selected::SavedResult;
use crate::store::MessageRef;
use crate::types::NumberSet;

/// Collects the numbers of the messages that match.
pub(super) struct NumberCollector {
    uid: bool,
    returns: Option<SearchReturn>,
    /// The messages that match. Of those that are not to be saved only the numbers that the answer
    /// needs.
    found: SavedResult,
}

impl NumberCollector {
    /// Begins to collect message sequence numbers, or UIDs.
    pub(super) fn new(uid: bool, returns: Option<SearchReturn>) -> Self {
        Self {
            uid,
            returns,
            found: SavedResult::default(),
        }
    }

    /// Returns the numbers of the answer.
    fn set(&mut self) -> &mut Rc<NumberSet> {
        match self.uid {
            true => &mut self.found.uids,
            false => &mut self.found.numbers,
        }
    }

    /// True if the client asks for exactly `these`, besides SAVE.
    fn returns_only(&self, these: SearchReturn) -> bool {
        let returned = self.returns.map(|returns| SearchReturn {
            save: false,
            ..returns
        });
        returned == Some(these)
    }

    fn is_saved(&self) -> bool {
        self.returns.is_some_and(|returns| returns.save)
    }
}

impl MatchCollector for NumberCollector {
    fn take(&mut self, message: &MessageRef, _: &MessageFacts) -> Result<(), Missing> {
        let number = uid::number(self.uid, message);
        match self.is_saved() {
            true => self.found.insert(message),
            false => Rc::make_mut(self.set()).insert(number),
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.found.memory()
    }

    fn wants_last(&self) -> bool {
        self.returns_only(SearchReturn {
            max: true,
            ..SearchReturn::default()
        })
    }

    /// True after the first message if the client asks only for the least or the greatest number.
    fn is_complete(&self) -> bool {
        let wants_first = self.returns_only(SearchReturn {
            min: true,
            ..SearchReturn::default()
        });
        let found = [&self.found.uids, &self.found.numbers];
        (wants_first || self.wants_last()) && found.iter().any(|set| !set.is_empty())
    }

    fn answer(
        &mut self,
        modseqs: Option<MatchedModSeqs>,
        cx: &mut Context<'_, '_>,
    ) -> Step<Outcome> {
        match self.returns {
            None => {
                let greatest = modseqs.map(|modseqs| modseqs.greatest);
                write_search(std::mem::take(self.set()), greatest, cx);
            }
            Some(returns) => {
                if returns.save {
                    cx.state.save(saved(&self.found, returns));
                }
                let uid = self.uid;
                let modseq = modseqs.map(|modseqs| returned_modseq(modseqs, returns));
                write_esearch(std::mem::take(self.set()), returns, uid, modseq, cx);
            }
        }
        Step::Done(Ok(Reply::ok("SEARCH completed")))
    }
}

/// Writes the SEARCH response. Without numbers it says that nothing matches (RFC 3501 §7.2.5; old
/// servers did the same).
fn write_search(set: Rc<NumberSet>, modseq: Option<u64>, cx: &mut Context<'_, '_>) {
    cx.state.encoder().begin_search();
    cx.state.output.numbers(set);
    cx.state.encoder().greatest_modseq(modseq).end_line();
}

/// Writes the ESEARCH response. If nothing matches it has no MIN, MAX and ALL (RFC 4731 §3.1). If
/// the result is only to be saved there is no response (RFC 5182 §2.1).
///
/// ```text
/// search-return-data = "MIN" SP nz-number / "MAX" SP nz-number / "ALL" SP sequence-set /
///                      "COUNT" SP number
/// ```
fn write_esearch(
    set: Rc<NumberSet>,
    returns: SearchReturn,
    uid: bool,
    modseq: Option<u64>,
    cx: &mut Context<'_, '_>,
) {
    if !(returns.min || returns.max || returns.all || returns.count) {
        return;
    }
    let tag = std::mem::take(&mut cx.state.tag);
    let mut encoder = cx.state.encoder();
    encoder.begin_esearch(&tag, uid);
    for (name, number) in [
        (" MIN ", set.next_from(0).filter(|_| returns.min)),
        (" MAX ", set.last().filter(|_| returns.max)),
    ] {
        if let Some(number) = number {
            encoder.raw(name).number(number.into());
        }
    }
    if returns.count {
        encoder.raw(" COUNT ").number(set.len());
    }
    if returns.all && !set.is_empty() {
        encoder.raw(" ALL ");
        cx.state.output.ranges(set);
    }
    let mut encoder = cx.state.encoder();
    if let Some(modseq) = modseq {
        // RFC 7162 §3.1.10
        encoder.raw(" MODSEQ ").number(modseq);
    }
    encoder.end_line();
}

/// Returns the greatest mod-sequence of the messages in the answer (RFC 4731 §3.2). Those are only
/// the first and the last if the client asks for nothing else.
fn returned_modseq(modseqs: MatchedModSeqs, returns: SearchReturn) -> u64 {
    match (returns.min, returns.max) {
        _ if returns.all || returns.count => modseqs.greatest,
        (true, false) => modseqs.first,
        (false, true) => modseqs.last,
        _ => modseqs.first.max(modseqs.last),
    }
}

/// Returns what `$` stands for afterwards (RFC 5182 §2.4): the first and the last message if the
/// client asks only for them, else all.
fn saved(found: &SavedResult, returns: SearchReturn) -> SavedResult {
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.clone();
    }
    let ends = |set: &NumberSet| {
        let first = set.next_from(0).filter(|_| returns.min);
        let last = set.last().filter(|_| returns.max);
        let ends = [first, last].into_iter().flatten();
        Rc::new(ends.map(|end| (end, end)).collect())
    };
    SavedResult {
        numbers: ends(&found.numbers),
        uids: ends(&found.uids),
    }
}
