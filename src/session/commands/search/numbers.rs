//! SEARCH: the numbers of the messages that match, as RFC 3501 has them or as a client has asked for
//! them (RFC 4731), and what of them `$` is to stand for (RFC 5182).

use super::keys::{Facts, Missing};
use super::{Findings, ModSeqs};
use crate::budget::Step;
use crate::protocol::SearchReturn;
use crate::session::core::Saved;
use crate::session::job::{Cx, Reply};
use crate::store::MessageRef;
use crate::types::NumberSet;

pub(super) struct Numbers {
    uid: bool,
    returns: Option<SearchReturn>,
    found: Saved,
}

impl Numbers {
    pub(super) fn new(uid: bool, returns: Option<SearchReturn>) -> Self {
        Self {
            uid,
            returns,
            found: Saved::default(),
        }
    }

    /// The numbers to tell.
    fn set(&mut self) -> &mut NumberSet {
        match self.uid {
            true => &mut self.found.uids,
            false => &mut self.found.numbers,
        }
    }

    /// True if nothing but that is to be told, whatever is saved.
    fn returns_only(&self, these: SearchReturn) -> bool {
        let told = self.returns.map(|returns| SearchReturn {
            save: false,
            ..returns
        });
        told == Some(these)
    }

    fn is_saved(&self) -> bool {
        self.returns.is_some_and(|returns| returns.save)
    }
}

impl Findings for Numbers {
    fn take(&mut self, message: &MessageRef, _: &Facts) -> Result<(), Missing> {
        let number = match self.uid {
            true => message.uid.get(),
            false => message.number,
        };
        match self.is_saved() {
            true => self.found.insert(message),
            false => self.set().insert(number),
        }
        Ok(())
    }

    fn wants_last(&self) -> bool {
        self.returns_only(SearchReturn {
            max: true,
            ..SearchReturn::default()
        })
    }

    /// If only the least or the greatest number is wanted, the first message will do.
    fn is_complete(&self) -> bool {
        let wants_first = self.returns_only(SearchReturn {
            min: true,
            ..SearchReturn::default()
        });
        let found = [&self.found.uids, &self.found.numbers];
        (wants_first || self.wants_last()) && found.iter().any(|set| !set.is_empty())
    }

    fn tell(&mut self, modseqs: Option<ModSeqs>, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        match self.returns {
            None => {
                let greatest = modseqs.map(|modseqs| modseqs.greatest);
                tell_all(std::mem::take(self.set()), greatest, cx);
            }
            Some(returns) => {
                if returns.save {
                    cx.core.save(saved(&self.found, returns));
                }
                let uid = self.uid;
                let modseq = modseqs.map(|modseqs| returned(modseqs, returns));
                tell_some(std::mem::take(self.set()), returns, uid, modseq, cx);
            }
        }
        Step::Done(Reply::ok("SEARCH completed"))
    }
}

/// A bare SEARCH line says that there are no hits (RFC 3501 §7.2.5; old servers did the same).
fn tell_all(set: NumberSet, modseq: Option<u64>, cx: &mut Cx<'_, '_>) {
    cx.core.encoder().begin_search();
    cx.core.output.numbers(set);
    cx.core.encoder().greatest_modseq(modseq).end_line();
}

/// RFC 4731 §3.1: nothing found means no MIN, MAX and ALL. If it is only to be saved, nothing is told at
/// all (RFC 5182 §2.1).
///
/// ```text
/// search-return-data = "MIN" SP nz-number / "MAX" SP nz-number / "ALL" SP sequence-set / "COUNT" SP number
/// ```
fn tell_some(
    set: NumberSet,
    returns: SearchReturn,
    uid: bool,
    modseq: Option<u64>,
    cx: &mut Cx<'_, '_>,
) {
    let SearchReturn {
        min,
        max,
        all,
        count,
        ..
    } = returns;
    if !(min || max || all || count) {
        return;
    }
    let tag = std::mem::take(&mut cx.core.tag);
    let mut encoder = cx.core.encoder();
    encoder.begin_esearch(&tag, uid);
    for (name, number) in [
        (" MIN ", set.next_from(0).filter(|_| min)),
        (" MAX ", set.last().filter(|_| max)),
    ] {
        if let Some(number) = number {
            encoder.raw(name).number(number.into());
        }
    }
    if count {
        encoder.raw(" COUNT ").number(set.len());
    }
    if all && !set.is_empty() {
        encoder.raw(" ALL ");
        cx.core.output.ranges(set);
    }
    let mut encoder = cx.core.encoder();
    if let Some(modseq) = modseq {
        // RFC 7162 §3.1.10
        encoder.raw(" MODSEQ ").number(modseq);
    }
    encoder.end_line();
}

/// RFC 4731 §3.2: the greatest mod-sequence of the messages that are told, which are the ends if nothing else
/// is asked for.
fn returned(modseqs: ModSeqs, returns: SearchReturn) -> u64 {
    let SearchReturn {
        min,
        max,
        all,
        count,
        ..
    } = returns;
    match (min, max) {
        _ if all || count => modseqs.greatest,
        (true, false) => modseqs.first,
        (false, true) => modseqs.last,
        _ => modseqs.first.max(modseqs.last),
    }
}

/// What `$` stands for afterwards (RFC 5182 §2.4): the ends if only they were asked for, else all.
fn saved(found: &Saved, returns: SearchReturn) -> Saved {
    let SearchReturn {
        min,
        max,
        all,
        count,
        ..
    } = returns;
    if all || count || !(min || max) {
        return found.clone();
    }
    let ends = |set: &NumberSet| {
        let ends = [set.next_from(0).filter(|_| min), set.last().filter(|_| max)];
        ends.into_iter().flatten().map(|end| (end, end)).collect()
    };
    Saved {
        numbers: ends(&found.numbers),
        uids: ends(&found.uids),
    }
}
