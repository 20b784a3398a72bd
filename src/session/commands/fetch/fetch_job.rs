//! The job that FETCH and PARTIAL share.

use std::rc::Rc;

use super::binary::BinaryContent;
use super::envelope::EnvelopeWriter;
use super::gather::Gathered;
use super::header_fields::HeaderFieldsWriter;
use super::item;
use super::message_source::MessageSource;
use super::response::Response;
use super::structure::StructureWriter;
use super::texts::TextContent;
use super::wanted::WantedItem;
use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::{Code, FetchItem};
use crate::session::commands::uid;
use crate::session::condstore::{self, encode_modseq};
use crate::session::each_message::EachMessage;
use crate::session::job::{Context, Job, Outcome};
use crate::session::long_responses::write_vanished;
use crate::session::message_data::{announce_new_keywords, encode_flags, encode_uid};
use crate::session::output::FileRange;
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
    items: Vec<WantedItem>,
    /// Octets of memory that the items take.
    items_memory: usize,
    /// Of PARTIAL: the first octet, counted from 0, and how many at most.
    partial: Option<(u32, u32)>,
    /// What is known of the current message.
    gathered: Option<Gathered>,
    retry: RenameRetry,
    /// Whether the current message was marked as seen, once that is decided.
    marked: Option<bool>,
    /// The rest of the response for the current message, once it has begun.
    response: Option<Response>,
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
        let items = WantedItem::list(items);
        Ok(Self {
            each: EachMessage::new(uid::resolve(uid, set, state)?, uid),
            uid,
            items_memory: WantedItem::memory(&items),
            items,
            partial: None,
            gathered: None,
            retry: RenameRetry::default(),
            marked: None,
            response: None,
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
        if self.wants(&FetchItem::ModSeq) {
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
            self.response = None;
            self.each.advance(cx, 1);
        }
        Step::Done(self.outcome())
    }

    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.each.memory()
            + self.items_memory
            + self.gathered.as_ref().map_or(0, Gathered::memory)
            + self.response.as_ref().map_or(0, Response::memory)
            + self.vanished.as_ref().map_or(0, NumberSet::memory)
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
            write_vanished(cx.state, vanished, true);
        }
    }

    /// True if the client asks for changed messages only, and the message is none.
    fn is_unchanged(&self, message: &MessageRef, cx: &Context<'_, '_>) -> bool {
        let (Some(since), Some(view)) = (self.changed_since, cx.state.view()) else {
            return false;
        };
        self.gathered.is_none() && cx.store.mod_sequence(view, message) <= since
    }

    fn wants(&self, item: &FetchItem) -> bool {
        self.items.iter().any(|wanted| wanted.item == *item)
    }

    /// Finds out what the items need, marks the message as seen if need be, and writes the
    /// response.
    fn fetch(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        if let Some(response) = &mut self.response {
            ready!(response.step(cx));
            return Step::Done(Ok(()));
        }
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
        let response = self.begin_response(message, cx);
        ready!(self.response.insert(response).step(cx));
        Step::Done(Ok(()))
    }

    /// Marks the message as seen if the client reads its text (RFC 1176 p. 15), unless the mailbox
    /// is open for reading only. True if that changed its flags.
    fn mark_seen(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<bool, StoreError>> {
        if !cx.state.may_write() || !self.items.iter().any(|wanted| wanted.item.sets_seen()) {
            return Step::Done(Ok(false));
        }
        let changed = ready!(self.retry.step_with_lock(cx, |store, view, lock, budget| {
            store.change_flags(view, message, &FlagChange::SEEN, lock, budget)
        }));
        if let Ok(true) = changed {
            cx.budget.spend(COST_SYSCALL);
        }
        Step::Done(changed)
    }

    /// Writes the response up to the first value that is written piece by piece. What has to be of
    /// one moment, such as the flags and their mod-sequence, is encoded now.
    ///
    /// Flags that the fetch itself has changed come last, after the text: a client that reads the
    /// octet count off the first line must not find flags there instead.
    fn begin_response(&mut self, message: &MessageRef, cx: &mut Context<'_, '_>) -> Response {
        let mut response = Response::default();
        let Some(gathered) = &mut self.gathered else {
            return response;
        };
        let mut texts = gathered.take_texts().into_iter();
        let wants_flags = self.wants(&FetchItem::Flags);
        let adds_flags = self.marked == Some(true) && !wants_flags;
        if wants_flags || adds_flags {
            announce_new_keywords(cx);
        }
        cx.state.encoder().begin_fetch(message.number);
        for (at, wanted) in self.items.iter().enumerate() {
            let text = texts.next().flatten();
            response.text(cx, |cx| {
                cx.state.encoder().raw(if at == 0 { "" } else { " " });
            });
            match &wanted.item {
                FetchItem::Flags => response.text(cx, |cx| encode_flags(cx, message)),
                FetchItem::ModSeq => response.text(cx, |cx| encode_modseq(cx, message)),
                FetchItem::Uid => response.text(cx, |cx| encode_uid(cx, message)),
                item => {
                    response.text(cx, |cx| {
                        cx.state.encoder().raw(item.name()).raw(" ");
                    });
                    self.begin_value(item, text, &mut response, cx);
                }
            }
        }
        if adds_flags {
            response.text(cx, |cx| {
                cx.state.encoder().raw(" ");
                encode_flags(cx, message);
            });
        }
        if self.marked == Some(true) && cx.state.enabled.condstore {
            response.text(cx, |cx| self.write_change(message, cx));
        }
        response.text(cx, |cx| {
            cx.state.encoder().end_message_data();
        });
        response
    }

    /// Begins the value of an item that is found in the file of the message.
    fn begin_value(
        &self,
        item: &FetchItem,
        text: Option<TextContent>,
        response: &mut Response,
        cx: &mut Context<'_, '_>,
    ) {
        let Some(gathered) = &self.gathered else {
            return;
        };
        match (item, gathered.source()) {
            (FetchItem::InternalDate, _) => response.text(cx, |cx| {
                cx.state.encoder().internal_date(gathered.date());
            }),
            (FetchItem::Rfc822Size, _) => response.text(cx, |cx| {
                cx.state.encoder().number(gathered.size());
            }),
            (FetchItem::Envelope, Some(source)) => {
                response.writer(EnvelopeWriter::new(source.header()));
            }
            (FetchItem::Body, Some(source)) => {
                response.writer(StructureWriter::new(Rc::clone(source), false));
            }
            (FetchItem::BodyStructure, Some(source)) => {
                response.writer(StructureWriter::new(Rc::clone(source), true));
            }
            (item, Some(source)) if item::is_text(item) => {
                begin_text(
                    item,
                    text.unwrap_or(TextContent::Missing),
                    source,
                    response,
                    cx,
                );
            }
            _ => response.text(cx, |cx| {
                cx.state.encoder().nil();
            }),
        }
    }

    /// Writes UID and MODSEQ for a change that the fetch itself has made (RFC 7162 §3.2.4), unless
    /// the client has asked for them anyway.
    fn write_change(&self, message: &MessageRef, cx: &mut Context<'_, '_>) {
        if !self.wants(&FetchItem::Uid) {
            cx.state.encoder().raw(" ");
            encode_uid(cx, message);
        }
        if !self.wants(&FetchItem::ModSeq) {
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

/// Begins the value of an item that is a text: as a literal, whatever is in it, because some
/// clients need the count; NIL for a part that does not exist.
fn begin_text(
    item: &FetchItem,
    text: TextContent,
    source: &Rc<MessageSource>,
    response: &mut Response,
    cx: &mut Context<'_, '_>,
) {
    let nul = cx.state.dialect.nul_in_literal();
    match text {
        TextContent::Missing if matches!(item, FetchItem::BinarySize(_)) => {
            response.text(cx, |cx| {
                cx.state.encoder().number(0);
            });
        }
        TextContent::Missing => response.text(cx, |cx| {
            cx.state.encoder().nil();
        }),
        TextContent::Empty | TextContent::Binary(BinaryContent::Empty) => {
            response.text(cx, |cx| {
                cx.state.encoder().literal(0);
            });
        }
        TextContent::Fields(extent, names, window) => {
            let source = Rc::clone(source);
            response.writer(HeaderFieldsWriter::new(source, extent, names, window));
        }
        TextContent::Range(range) => {
            response.text(cx, |cx| {
                cx.state.encoder().literal(range.window.octets);
            });
            response.range(cx, FileRange { nul, ..range });
        }
        TextContent::Binary(BinaryContent::Size(octets)) => response.text(cx, |cx| {
            cx.state.encoder().number(octets);
        }),
        TextContent::Binary(BinaryContent::Octets { range, has_nul }) => {
            response.text(cx, |cx| {
                // RFC 3516 §4.3: without the octet 0 it is a literal like any other.
                match has_nul {
                    true => cx.state.encoder().literal8(range.octets()),
                    false => cx.state.encoder().literal(range.octets()),
                };
            });
            response.decoded(cx, range);
        }
    }
}
