//! What a session is told of its mailbox without having asked: the only place where message numbers
//! change.
//!
//! Between a job's last response and the tagged line the changes since the last command are told:
//! keywords first, since later lines use them; then expunges, each with the number it has at that
//! moment (RFC 1064 p. 10); then how many messages there are and how many are recent, in that order,
//! because a client refuses a recent count above the count it knows; then flags that others changed.
//!
//! A count is never told that is lower than what EXPUNGE lines have led to: old clients take that for a
//! fatal error (RFC 3501 §7.3.1 forbids it).

use super::condstore::{self, encode_modseq};
use super::core::{Core, Saved};
use super::job::{Cx, EachMessage};
use super::output::HIGH_WATER;
use crate::budget::{Step, Why};
use crate::protocol::{Code, Encoder, Status};
use crate::ready;
use crate::store::{Access, MessageRef, Store, Updates};
use crate::types::{Flags, Keyword, KeywordSet};

/// When changes are told, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Nothing: no mailbox is concerned, or the command told by itself.
    Nothing,
    /// Everything but expunges, which must not come while the client may be using message numbers
    /// (RFC 3501 §7.4.1: after FETCH, STORE and SEARCH).
    NumbersInUse,
    /// Everything.
    Changes,
    /// Everything, and the counts in any case (RFC 1176 p. 13, CHECK).
    Check,
    /// Everything, between two counts (RFC 1064 p. 7 and p. 10, EXPUNGE).
    Expunge,
}

impl Occasion {
    /// The one of FETCH, STORE and SEARCH, and of their UID forms, which use no message numbers.
    pub(super) fn after(uid: bool) -> Self {
        if uid {
            Self::Changes
        } else {
            Self::NumbersInUse
        }
    }
}

/// Tells the changes. The lines are short and cost nothing but memory, so it is the room for output that
/// ends a step.
pub(super) struct Teller {
    occasion: Occasion,
    updates: Option<Box<Updates>>,
    recount: Option<Box<Recount>>,
    told: usize,
    counted: bool,
    next_changed: u32,
}

impl Teller {
    pub(super) fn new(occasion: Occasion) -> Self {
        Self {
            occasion,
            updates: None,
            recount: None,
            told: 0,
            counted: false,
            next_changed: 0,
        }
    }

    pub(super) fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<()> {
        let Some(selected) = &mut cx.core.selected else {
            return Step::Done(());
        };
        let view = &selected.view;
        if self.updates.is_none() {
            let may_expunge = self.occasion != Occasion::NumbersInUse;
            let updates = cx.store.updates(view, may_expunge);
            if !updates.expunged.is_empty() && !selected.saved.is_empty() {
                let saved = std::mem::take(&mut selected.saved);
                self.recount = Some(Box::new(Recount::new(saved)));
            }
            tell_before(&updates, self.occasion, cx);
            self.told = tell_vanished(&updates, cx);
            self.updates = Some(Box::new(updates));
        }
        if let Some(recount) = &mut self.recount {
            let saved = ready!(recount.step(cx));
            cx.core.save(saved);
            self.recount = None;
        }
        let Some(updates) = &self.updates else {
            return Step::Done(());
        };
        while let Some(&number) = updates.expunged.get(self.told) {
            if cx.core.output.unsent() >= HIGH_WATER {
                return Step::Yield(Why::OutputFull);
            }
            cx.core.encoder().expunge(number);
            self.told += 1;
        }
        if !self.counted {
            tell_counts(updates, self.occasion, cx);
            self.counted = true;
        }
        while let Some(number) = updates.flags_changed.next_from(self.next_changed) {
            if cx.core.output.unsent() >= HIGH_WATER {
                return Step::Yield(Why::OutputFull);
            }
            tell_flags(number, cx);
            self.next_changed = number + 1;
        }
        if cx.core.enabled.condstore && has_pending_expunges(cx) {
            condstore::tell_highest(cx);
        }
        Step::Done(())
    }

    /// True if it told of expunges.
    pub(super) fn has_told_expunges(&self) -> bool {
        self.told > 0
    }
}

/// After expunges: finding out which of the messages that `$` stands for are left, and the numbers they have
/// now (RFC 5182 §2.1).
struct Recount {
    each: EachMessage,
    left: Saved,
}

impl Recount {
    fn new(saved: Saved) -> Self {
        Self {
            each: EachMessage::new(saved.uids, true),
            left: Saved::default(),
        }
    }

    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Saved> {
        while let Some(message) = ready!(self.each.current(cx)) {
            self.left.insert(&message);
            self.each.advance_in_memory(cx, 1);
        }
        Step::Done(std::mem::take(&mut self.left))
    }
}

fn tell_before(updates: &Updates, occasion: Occasion, cx: &mut Cx<'_, '_>) {
    if updates.keywords_changed {
        tell_keywords(cx.core, cx.store);
    }
    let Some(view) = cx.core.view() else { return };
    let before = view.exists() + u32::try_from(updates.expunged.len()).unwrap_or(0);
    let bracketed = occasion == Occasion::Expunge && !updates.expunged.is_empty();
    if bracketed && cx.core.dialect.brackets_expunge_with_exists() {
        cx.core.encoder().exists(before);
    }
}

/// RFC 7162 §3.2.10.2: all at once. Returns how many expunges need not be told any more.
fn tell_vanished(updates: &Updates, cx: &mut Cx<'_, '_>) -> usize {
    if !cx.core.enabled.qresync || updates.expunged.is_empty() {
        return 0;
    }
    cx.core.encoder().vanished(&updates.vanished, false);
    updates.expunged.len()
}

fn has_pending_expunges(cx: &Cx<'_, '_>) -> bool {
    let view = cx.core.view();
    view.is_some_and(|view| cx.store.has_pending_expunges(view))
}

fn tell_counts(updates: &Updates, occasion: Occasion, cx: &mut Cx<'_, '_>) {
    let Some(view) = cx.core.view() else { return };
    let (exists, recent) = (view.exists(), view.recent());
    let dialect = cx.core.dialect;
    let always = match occasion {
        Occasion::Check => dialect.check_repeats_counts(),
        Occasion::Expunge => dialect.brackets_expunge_with_exists(),
        _ => false,
    };
    if always || updates.exists.is_some() {
        cx.core.encoder().exists(exists);
    }
    let recent_always = always && occasion == Occasion::Check;
    if recent_always || updates.exists.is_some() || updates.recent.is_some() {
        cx.core.encoder().recent(recent);
    }
}

fn tell_flags(number: u32, cx: &mut Cx<'_, '_>) {
    let Some(view) = cx.core.view() else { return };
    if let Some(message) = cx.store.message(view, number) {
        write_flags(cx, &message);
    }
}

/// A whole response with a message's flags: `* n FETCH (FLAGS (...))`.
pub(super) fn write_flags(cx: &mut Cx<'_, '_>, message: &MessageRef) {
    tell_new_keywords(cx);
    cx.core.encoder().begin_fetch(message.number);
    encode_flags(cx, message);
    encode_change(cx, message);
    cx.core.encoder().end_message_data();
}

/// RFC 7162 §3.2.4: who knows mod-sequences is told of a change with unique identifier and mod-sequence.
pub(super) fn encode_change(cx: &mut Cx<'_, '_>, message: &MessageRef) {
    if cx.core.enabled.condstore {
        cx.core.encoder().raw(" ");
        encode_uid(cx, message);
        cx.core.encoder().raw(" ");
        encode_modseq(cx, message);
    }
}

/// The item `FLAGS (...)`, in a response before which [`tell_new_keywords`] was called.
pub(super) fn encode_flags(cx: &mut Cx<'_, '_>, message: &MessageRef) {
    let Some(selected) = &cx.core.selected else {
        return;
    };
    let (flags, keywords) = cx.store.flags(&selected.view, message);
    let names = cx.store.mailbox(selected.view.handle()).keywords();
    let mut encoder = Encoder::new(cx.core.output.bytes(), cx.core.dialect);
    encoder
        .raw("FLAGS ")
        .flags(flags, keywords.iter().filter_map(|index| names.get(index)));
}

/// The item `UID n`.
pub(super) fn encode_uid(cx: &mut Cx<'_, '_>, message: &MessageRef) {
    cx.core
        .encoder()
        .raw("UID ")
        .number(message.uid.get().into());
}

/// Called before a response with flags: tells the keywords if there are some that the client has not been
/// told of. Old clients know the keywords of the last FLAGS line and no others.
pub(super) fn tell_new_keywords(cx: &mut Cx<'_, '_>) {
    let view = cx.core.view();
    if view.is_some_and(|view| cx.store.take_new_keywords(view)) {
        tell_keywords(cx.core, cx.store);
    }
}

/// `* FLAGS (...)` with the system flags and the mailbox's keywords (RFC 1064 p. 17), and what of them
/// can be changed where the dialect has a word for that.
pub(super) fn tell_keywords(core: &mut Core, store: &Store) {
    let Some(selected) = &core.selected else {
        return;
    };
    let table = store.mailbox(selected.view.handle()).keywords();
    let names: Vec<Keyword> = table.iter().map(|(_, name)| name.clone()).collect();
    let mut encoder = Encoder::new(core.output.bytes(), core.dialect);
    encoder.flags_line(&names);
    if core.dialect.sends_status_codes() {
        let code = match selected.view.access() {
            Access::ReadWrite => Code::PermanentFlags {
                system: Flags::PERMANENT,
                keywords: &names,
                more: names.len() < KeywordSet::MAX,
            },
            Access::ReadOnly => Code::PermanentFlags {
                system: Flags::NONE,
                keywords: &[],
                more: false,
            },
        };
        encoder.untagged(Status::Ok, Some(code), "Flags that are kept");
    }
}
