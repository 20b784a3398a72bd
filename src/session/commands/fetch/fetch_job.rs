//! The job that FETCH and PARTIAL share.

use super::binary::BinaryContent;
use super::gather::{Content, Gathered};
use super::item;
use super::merge::merge;
use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::{Code, FetchItem};
use crate::session::commands::uid;
use crate::session::condstore::{self, encode_modseq};
use crate::session::each_message::EachMessage;
use crate::session::job::{Context, Job, Outcome};
use crate::session::message_data::{announce_new_keywords, encode_flags, encode_uid};
use crate::session::output::replace_nul;
use crate::session::rename_retry::RenameRetry;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::{FlagChange, MessageRef, StoreError};
use crate::types::{NumberSet, SequenceSet};
use crate::{ready, try_ready};

/// A FETCH or PARTIAL in progress.
pub(in crate::session::commands) struct FetchJob {
    each: EachMessage,
    uid: bool,
    items: Vec<FetchItem>,
    /// Of PARTIAL: the first octet, counted from 0, and how many at most.
    partial: Option<(u32, u32)>,
    /// What is known of the current message.
    gathered: Option<Gathered>,
    retry: RenameRetry,
    /// Whether the current message was marked as seen, once that is decided.
    marked: Option<bool>,
    /// Sends only messages with a greater mod-sequence.
    changed_since: Option<u64>,
    /// The UIDs of which those expunged since are sent first, until they are.
    vanished: Option<NumberSet>,
    /// The error of the first message that could not be sent.
    failed: Option<StoreError>,
}

impl FetchJob {
    /// Begins to send items of a set of messages.
    pub(in crate::session::commands) fn new(
        uid: bool,
        set: &SequenceSet,
        items: Vec<FetchItem>,
        state: &SessionState,
    ) -> Result<Self, Reply> {
        Ok(Self {
            each: EachMessage::new(uid::resolve(uid, set, state)?, uid),
            uid,
            items: merge(items),
            partial: None,
            gathered: None,
            retry: RenameRetry::default(),
            marked: None,
            changed_since: None,
            vanished: None,
            failed: None,
        })
    }

    /// Sends only part of every text: at most `count` octets from number `first` on, counted from
    /// 0.
    pub(in crate::session::commands) fn with_partial(self, first: u32, count: u32) -> Self {
        Self {
            partial: Some((first, count)),
            ..self
        }
    }

    /// Sends only messages with a greater mod-sequence than `since`, and first those of `known`
    /// that were expunged since, if that is given.
    pub(super) fn with_changes(self, since: u64, known: Option<NumberSet>) -> Self {
        Self {
            changed_since: Some(since),
            vanished: known,
            ..self
        }
    }
}

impl Job for FetchJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        if self.items.contains(&FetchItem::ModSeq) {
            condstore::enable(cx);
        }
        self.write_vanished(cx);
        while let Some(message) = ready!(self.each.current(cx)) {
            if self.is_unchanged(&message, cx) {
                self.each.advance_in_memory(cx, 1);
                continue;
            }
            match ready!(self.fetch(&message, cx)) {
                Ok(()) => {}
                Err(error @ (StoreError::Invalidated | StoreError::InUse)) => {
                    let reply = Reply::refused(&error);
                    return Step::Done(Err(reply.with_updates(UpdatePolicy::WithoutExpunges)));
                }
                // A message that is gone or cannot be read does not stop those behind it.
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
            self.gathered = None;
            self.marked = None;
            self.each.advance(cx, 1);
        }
        Step::Done(self.outcome())
    }
}

impl FetchJob {
    /// Writes VANISHED, which goes before the first FETCH response (RFC 7162 §3.2.6).
    fn write_vanished(&mut self, cx: &mut Context<'_, '_>) {
        let (Some(known), Some(view)) = (self.vanished.take(), cx.state.view()) else {
            return;
        };
        let since = self.changed_since.unwrap_or(0);
        let vanished = cx.store.vanished(view, since, &known);
        if !vanished.is_empty() {
            cx.state.encoder().vanished(&vanished, true);
        }
    }

    /// True if the client asks for changed messages only, and the message is none.
    fn is_unchanged(&self, message: &MessageRef, cx: &Context<'_, '_>) -> bool {
        let (Some(since), Some(view)) = (self.changed_since, cx.state.view()) else {
            return false;
        };
        self.gathered.is_none() && cx.store.mod_sequence(view, message) <= since
    }

    /// Finds out what the items need, marks the message as seen if need be, and writes the
    /// response.
    fn fetch(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        let items = &self.items;
        let gathered = self.gathered.get_or_insert_with(|| Gathered::new(items));
        try_ready!(gathered.step(message, items, self.partial, &mut self.retry, cx));
        if self.marked.is_none() {
            self.marked = Some(match ready!(self.mark_seen(message, cx)) {
                Ok(changed) => changed,
                Err(StoreError::Gone) => return Step::Done(Err(StoreError::Gone)),
                Err(error) => {
                    // On a full disk mail can still be read.
                    log::warn!(
                        "{}: FETCH could not mark message {} as seen: {}",
                        cx.state.log_prefix(),
                        message.uid.get(),
                        error.in_full()
                    );
                    false
                }
            });
        }
        self.write(message, cx);
        Step::Done(Ok(()))
    }

    /// Marks the message as seen if the client reads its text (RFC 1176 p. 15), unless the mailbox
    /// is open for reading only. True if that changed its flags.
    fn mark_seen(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<bool, StoreError>> {
        if !cx.state.may_write() || !self.items.iter().any(FetchItem::sets_seen) {
            return Step::Done(Ok(false));
        }
        let changed = ready!(self.retry.step(cx, |store, view, budget| {
            store.change_flags(view, message, &FlagChange::SEEN, budget)
        }));
        if let Ok(true) = changed {
            cx.budget.spend(COST_SYSCALL);
        }
        Step::Done(changed)
    }

    /// Writes the whole response. Flags that the fetch itself has changed come last, after the
    /// text: a client that reads the octet count off the first line must not find flags there
    /// instead.
    fn write(&mut self, message: &MessageRef, cx: &mut Context<'_, '_>) {
        let Some(gathered) = &mut self.gathered else {
            return;
        };
        let mut contents = gathered.take_contents().into_iter();
        let wants_flags = self.items.contains(&FetchItem::Flags);
        let adds_flags = self.marked == Some(true) && !wants_flags;
        if wants_flags || adds_flags {
            announce_new_keywords(cx);
        }
        cx.state.encoder().begin_fetch(message.number);
        for (at, item) in self.items.iter().enumerate() {
            cx.state.encoder().raw(if at == 0 { "" } else { " " });
            match item {
                FetchItem::Flags => encode_flags(cx, message),
                FetchItem::ModSeq => encode_modseq(cx, message),
                FetchItem::Uid => encode_uid(cx, message),
                item if item::is_text(item) => {
                    write_text(item, contents.next().unwrap_or(Content::Missing), cx);
                }
                item => gathered.encode(item, &mut cx.state.encoder()),
            }
        }
        if adds_flags {
            cx.state.encoder().raw(" ");
            encode_flags(cx, message);
        }
        if self.marked == Some(true) && cx.state.enabled.condstore {
            self.write_change(message, cx);
        }
        cx.state.encoder().end_message_data();
    }

    /// Writes UID and MODSEQ for a change that the fetch itself has made (RFC 7162 §3.2.4), unless
    /// the client has asked for them anyway.
    fn write_change(&self, message: &MessageRef, cx: &mut Context<'_, '_>) {
        if !self.items.contains(&FetchItem::Uid) {
            cx.state.encoder().raw(" ");
            encode_uid(cx, message);
        }
        if !self.items.contains(&FetchItem::ModSeq) {
            cx.state.encoder().raw(" ");
            encode_modseq(cx, message);
        }
    }

    fn outcome(&self) -> Outcome {
        let policy = UpdatePolicy::after(self.uid);
        let failure = match &self.failed {
            None => {
                let text = match self.partial {
                    Some(_) => "PARTIAL completed",
                    None => "FETCH completed",
                };
                return Ok(Reply::ok(text).with_updates(policy));
            }
            // RFC 3516 §4.3
            Some(error @ StoreError::Refused(_)) => {
                Reply::no(error.to_string()).with_code(Code::UnknownCte)
            }
            Some(StoreError::Gone) => Reply::no("Some of the messages no longer exist"),
            Some(error) => Reply::no("Some of the messages cannot be read").with_fault(error),
        };
        Err(failure.with_updates(policy))
    }
}

/// Writes an item that is a text: as a literal, whatever is in it, because some clients need the
/// count; NIL for a part that does not exist.
fn write_text(item: &FetchItem, content: Content, cx: &mut Context<'_, '_>) {
    let mut encoder = cx.state.encoder();
    encoder.raw(item.name()).raw(" ");
    match content {
        Content::Missing if matches!(item, FetchItem::BinarySize(_)) => {
            encoder.number(0);
        }
        Content::Missing => {
            encoder.nil();
        }
        Content::Bytes(mut bytes) => {
            replace_nul(&mut bytes, encoder.dialect().nul_in_literal());
            encoder.literal(bytes.len() as u64).raw(bytes);
        }
        Content::Binary(BinaryContent::Size(octets)) => {
            encoder.number(octets);
        }
        Content::Binary(BinaryContent::Empty) => {
            encoder.literal(0);
        }
        Content::Binary(BinaryContent::Octets { range, has_nul }) => {
            // RFC 3516 §4.3: without the octet 0 it is a literal like any other.
            match has_nul {
                true => encoder.literal8(range.octets()),
                false => encoder.literal(range.octets()),
            };
            cx.state.output.decoded(range);
        }
        Content::Range(mut range) => {
            range.nul = encoder.dialect().nul_in_literal();
            encoder.literal(range.window.octets);
            cx.state.output.file_range(range);
        }
    }
}
