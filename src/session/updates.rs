//! The untagged responses for what has changed in the selected mailbox. This is the only place
//! where message sequence numbers change.
//!
//! Between a job's last response and its tagged response, the changes since the last command are
//! written: keywords first, since later lines use them; then expunges, each with the number that
//! the message has at that moment (RFC 1064 p. 10); then EXISTS and RECENT, in that order, because
//! a client refuses a RECENT above the count of messages that it knows; then flags that other
//! sessions or programs have changed.
//!
//! EXISTS is never lower than what the EXPUNGE lines have led to: old clients take that for a fatal
//! error, and RFC 3501 §7.3.1 forbids it.

use super::condstore;
use super::each_message::EachMessage;
use super::job::Context;
use super::long_responses::write_vanished;
use super::message_data::{announce_keywords, write_flags};
use super::output::HIGH_WATER;
use super::selected::SavedResult;
use super::update_policy::UpdatePolicy;
use crate::budget::{Step, Why};
use crate::ready;
use crate::store::Updates;

/// Writing a line takes as long as visiting this many records.
const RECORDS_PER_LINE: usize = 8;

/// Writes the changes of the selected mailbox.
pub(super) struct UpdateWriter {
    policy: UpdatePolicy,
    /// The changes, once they were taken from the mailbox.
    updates: Option<Box<Updates>>,
    /// The saved search result is being corrected after expunges.
    correction: Option<Box<SavedResultCorrection>>,
    /// Expunges that were written.
    expunges: usize,
    /// Whether EXISTS and RECENT were written.
    has_written_counts: bool,
    /// The least message sequence number whose changed flags are not written yet.
    next_changed: u32,
}

impl UpdateWriter {
    /// Begins to write the changes that `policy` allows.
    pub(super) fn new(policy: UpdatePolicy) -> Self {
        Self {
            policy,
            updates: None,
            correction: None,
            expunges: 0,
            has_written_counts: false,
            next_changed: 0,
        }
    }

    /// Returns the octets of memory that the changes take.
    pub(super) fn memory(&self) -> usize {
        let updates = self.updates.as_ref().map_or(0, |updates| updates.memory());
        let correction = self.correction.as_ref();
        updates + correction.map_or(0, |correction| correction.memory())
    }

    /// Writes on; done when all changes are written.
    pub(super) fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<()> {
        let Some(selected) = &mut cx.state.selected else {
            return Step::Done(());
        };
        let view = &selected.view;
        if self.updates.is_none() {
            let may_expunge = self.policy != UpdatePolicy::WithoutExpunges;
            let mut updates = cx.store.updates(view, may_expunge);
            if !updates.expunged.is_empty() && !selected.saved.is_empty() {
                let saved = std::mem::take(&mut selected.saved);
                self.correction = Some(Box::new(SavedResultCorrection::new(saved)));
            }
            write_first(&updates, self.policy, cx);
            self.expunges = write_all_vanished(&mut updates, cx);
            cx.budget.spend_pass(updates.expunged.len());
            self.updates = Some(Box::new(updates));
        }
        if let Some(correction) = &mut self.correction {
            let saved = ready!(correction.step(cx));
            cx.state.save(saved);
            self.correction = None;
        }
        let Some(updates) = &self.updates else {
            return Step::Done(());
        };
        while let Some(&number) = updates.expunged.get(self.expunges) {
            if cx.state.output.unsent() >= HIGH_WATER {
                return Step::Yield(Why::OutputFull);
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            cx.state.encoder().expunge(number);
            cx.budget.spend_records(RECORDS_PER_LINE);
            self.expunges += 1;
        }
        if !self.has_written_counts {
            write_counts(updates, self.policy, cx);
            self.has_written_counts = true;
        }
        while let Some(number) = updates.flags_changed.next_from(self.next_changed) {
            if cx.state.output.unsent() >= HIGH_WATER {
                return Step::Yield(Why::OutputFull);
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
            write_changed_flags(number, cx);
            cx.budget.spend_records(RECORDS_PER_LINE);
            self.next_changed = number + 1;
        }
        if cx.state.enabled.condstore && has_pending_expunges(cx) {
            condstore::announce_highest_modseq(cx);
        }
        Step::Done(())
    }

    /// True if it has written expunges.
    pub(super) fn has_written_expunges(&self) -> bool {
        self.expunges > 0
    }
}

/// Finds out, after expunges, which messages of the saved search result are left, and their new
/// message sequence numbers (RFC 5182 §2.1).
struct SavedResultCorrection {
    each: EachMessage,
    left: SavedResult,
}

impl SavedResultCorrection {
    fn new(saved: SavedResult) -> Self {
        Self {
            each: EachMessage::new(saved.uids, true),
            left: SavedResult::default(),
        }
    }

    fn memory(&self) -> usize {
        self.each.memory() + self.left.memory()
    }

    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<SavedResult> {
        while let Some(message) = ready!(self.each.current(cx)) {
            self.left.insert(&message);
            self.each.advance_in_memory(cx, 1);
        }
        Step::Done(std::mem::take(&mut self.left))
    }
}

/// Writes new keywords, and the EXISTS that goes before the expunges of an EXPUNGE command.
fn write_first(updates: &Updates, policy: UpdatePolicy, cx: &mut Context<'_, '_>) {
    if updates.keywords_changed {
        announce_keywords(cx.state, cx.store);
    }
    let Some(view) = cx.state.view() else { return };
    let before = view.exists() + u32::try_from(updates.expunged.len()).unwrap_or(0);
    let is_bracketed = policy == UpdatePolicy::Expunge && !updates.expunged.is_empty();
    if is_bracketed && cx.state.dialect.brackets_expunge_with_exists() {
        cx.state.encoder().exists(before);
    }
}

/// Writes all expunges in one VANISHED response (RFC 7162 §3.2.10.2), if the client has enabled
/// QRESYNC. Returns how many it has written.
fn write_all_vanished(updates: &mut Updates, cx: &mut Context<'_, '_>) -> usize {
    if !cx.state.enabled.qresync || updates.expunged.is_empty() {
        return 0;
    }
    let uids = std::mem::take(&mut updates.vanished);
    write_vanished(cx.state, uids, false);
    updates.expunged.len()
}

/// True if there are expunges that this client does not know of yet.
fn has_pending_expunges(cx: &Context<'_, '_>) -> bool {
    let view = cx.state.view();
    view.is_some_and(|view| cx.store.has_pending_expunges(view))
}

fn write_counts(updates: &Updates, policy: UpdatePolicy, cx: &mut Context<'_, '_>) {
    let Some(view) = cx.state.view() else { return };
    let (exists, recent) = (view.exists(), view.recent());
    let dialect = cx.state.dialect;
    let always = match policy {
        UpdatePolicy::Check => dialect.check_repeats_counts(),
        UpdatePolicy::Expunge => dialect.brackets_expunge_with_exists(),
        _ => false,
    };
    if always || updates.exists.is_some() {
        cx.state.encoder().exists(exists);
    }
    let always_recent = always && policy == UpdatePolicy::Check;
    if always_recent || updates.exists.is_some() || updates.recent.is_some() {
        cx.state.encoder().recent(recent);
    }
}

fn write_changed_flags(number: u32, cx: &mut Context<'_, '_>) {
    let Some(view) = cx.state.view() else { return };
    if let Some(message) = cx.store.message(view, number) {
        write_flags(cx, &message);
    }
}
