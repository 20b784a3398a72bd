//! FETCH, UID FETCH and PARTIAL (RFC 1064 p. 11-12, RFC 2062 p. 3, RFC 3501 §6.4.5).
//!
//! For each message the job first gathers, in as many steps as it takes: the file's status or an open
//! file, and one pass over the file as deep as the items need (`ScanDepth`). Only when nothing is missing
//! any more is the response written, whole and at once, with message texts queued as ranges of the file.
//!
//! A literal is announced with the count of octets it has on the wire, CRLF for every line end, and that
//! count is found by that pass, never taken from a file name.

mod binary;
mod gather;
mod structure;

use self::binary::Binary;
use self::gather::{Content, Gathered};
use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::{Code, FetchArguments, FetchItem, PartialArguments};
use crate::ready;
use crate::session::condstore::{self, encode_modseq};
use crate::session::core::Core;
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::output::replace_nul;
use crate::session::untagged::{Occasion, encode_flags, encode_uid, tell_new_keywords};
use crate::store::{FlagChange, MessageRef, StoreError};
use crate::types::{MessageSet, NumberSet, SetEnd};

/// The numbers that a sequence set means. Message numbers beyond the last one are an error, `*` in an empty
/// mailbox included (RFC 3501 §9 `seq-number`; imap2-bis servers refused them too), unique identifiers that do
/// not exist are not (§6.4.8), and what a search has saved may be empty (RFC 5182 §2.1).
pub(super) fn numbers(uid: bool, set: &MessageSet, core: &Core) -> Result<NumberSet, Reply> {
    let Some(view) = core.view() else {
        return Err(Reply::bad("Select a mailbox first"));
    };
    if set.is_saved() {
        return Ok(core.saved(uid));
    }
    if uid {
        return Ok(set.resolve(view.last_uid()));
    }
    let is_beyond = set.greatest_number() > view.exists();
    if is_beyond || set.has_last() && view.exists() == 0 {
        return Err(no_such_message());
    }
    Ok(set.resolve(view.exists()))
}

pub(super) fn no_such_message() -> Reply {
    Reply::bad("There is no message with that number").on(Occasion::NumbersInUse)
}

struct Fetch {
    each: EachMessage,
    uid: bool,
    items: Vec<FetchItem>,
    /// PARTIAL: the first octet, counted from 0, and how many at most.
    partial: Option<(u32, u32)>,
    gathered: Option<Gathered>,
    retry: Retry,
    marked: Option<bool>,
    /// Only messages with a greater mod-sequence.
    changed_since: Option<u64>,
    /// Before all else, those of these messages are told that were expunged since.
    vanished: Option<NumberSet>,
    /// Why some message could not be sent.
    failed: Option<StoreError>,
}

/// Sends items of a set of messages.
pub(super) fn job(arguments: FetchArguments, core: &Core) -> Box<dyn Job> {
    let FetchArguments {
        uid,
        set,
        mut items,
        modifiers,
    } = arguments;
    if uid && !items.contains(&FetchItem::Uid) {
        // RFC 3501 §6.4.8: the answer to a UID command says the UID.
        items.insert(0, FetchItem::Uid);
    }
    if modifiers.changed_since.is_some() && !items.contains(&FetchItem::ModSeq) {
        // RFC 7162 §3.1.4.1: who asks for changes wants to know when they were.
        items.push(FetchItem::ModSeq);
    }
    if modifiers.vanished && !(uid && core.enabled.qresync) {
        let text = "VANISHED goes with UID FETCH, after ENABLE QRESYNC";
        return super::answered(Reply::bad(text));
    }
    match fetch(uid, &set, items, None, core) {
        Ok(fetch) => Box::new(Fetch {
            changed_since: modifiers.changed_since,
            vanished: modifiers.vanished.then(|| set.resolve(u32::MAX)),
            ..fetch
        }),
        Err(reply) => super::answered(reply),
    }
}

fn fetch(
    uid: bool,
    set: &MessageSet,
    items: Vec<FetchItem>,
    partial: Option<(u32, u32)>,
    core: &Core,
) -> Result<Fetch, Reply> {
    Ok(Fetch {
        each: EachMessage::new(numbers(uid, set, core)?, uid),
        uid,
        items,
        partial,
        gathered: None,
        retry: Retry::default(),
        marked: None,
        changed_since: None,
        vanished: None,
        failed: None,
    })
}

/// A piece of one item of one message (RFC 2062 p. 3). The first octet has the number 1.
pub(super) fn partial(arguments: PartialArguments, core: &Core) -> Box<dyn Job> {
    let PartialArguments {
        number,
        item,
        start,
        count,
    } = arguments;
    let set = MessageSet(vec![(SetEnd::Number(number), SetEnd::Number(number))]);
    match fetch(false, &set, vec![item], Some((start - 1, count)), core) {
        Ok(fetch) => Box::new(fetch),
        Err(reply) => super::answered(reply),
    }
}

impl Job for Fetch {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if self.items.contains(&FetchItem::ModSeq) {
            condstore::enable(cx);
        }
        self.tell_vanished(cx);
        while let Some(message) = ready!(self.each.current(cx)) {
            if self.is_old(&message, cx) {
                self.each.advance_in_memory(cx, 1);
                continue;
            }
            match ready!(self.fetch(&message, cx)) {
                Ok(()) => {}
                Err(error @ (StoreError::Invalidated | StoreError::InUse)) => {
                    return Step::Done(Reply::refused(&error).on(Occasion::NumbersInUse));
                }
                // A message that is gone or cannot be read costs that message, not those behind it.
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
            self.gathered = None;
            self.marked = None;
            self.each.advance(cx, 1);
        }
        Step::Done(self.reply())
    }
}

impl Fetch {
    /// RFC 7162 §3.2.6: VANISHED comes before the first FETCH.
    fn tell_vanished(&mut self, cx: &mut Cx<'_, '_>) {
        let (Some(known), Some(view)) = (self.vanished.take(), cx.core.view()) else {
            return;
        };
        let since = self.changed_since.unwrap_or(0);
        let vanished = cx.store.vanished(view, since, &known);
        if !vanished.is_empty() {
            cx.core.encoder().vanished(&vanished, true);
        }
    }

    /// True if the message has not changed since then.
    fn is_old(&self, message: &MessageRef, cx: &Cx<'_, '_>) -> bool {
        let (Some(since), Some(view)) = (self.changed_since, cx.core.view()) else {
            return false;
        };
        self.gathered.is_none() && cx.store.mod_sequence(view, message) <= since
    }

    fn fetch(&mut self, message: &MessageRef, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        let items = &self.items;
        let gathered = self.gathered.get_or_insert_with(|| Gathered::new(items));
        if let Err(error) = ready!(gathered.step(message, items, self.partial, &mut self.retry, cx))
        {
            return Step::Done(Err(error));
        }
        if self.marked.is_none() {
            self.marked = Some(match ready!(self.mark_seen(message, cx)) {
                Ok(changed) => changed,
                Err(StoreError::Gone) => return Step::Done(Err(StoreError::Gone)),
                Err(error) => {
                    // On a disk that is full mail can still be read.
                    log::warn!(
                        "{}: not marked as read: {}",
                        cx.core.whose(),
                        error.in_full()
                    );
                    false
                }
            });
        }
        self.write(message, cx);
        Step::Done(Ok(()))
    }

    /// Reading the text of a message marks it as read (RFC 1176 p. 15), unless the mailbox is open for
    /// reading only. True if that changed its flags.
    fn mark_seen(
        &mut self,
        message: &MessageRef,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<bool, StoreError>> {
        if !cx.core.may_write() || !self.items.iter().any(FetchItem::sets_seen) {
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

    /// The whole response. Flags that the fetch itself changed come last, after the text: a client that
    /// reads the octet count off the first line must not find flags there instead.
    fn write(&mut self, message: &MessageRef, cx: &mut Cx<'_, '_>) {
        let Some(gathered) = &mut self.gathered else {
            return;
        };
        let mut contents = gathered.take_contents().into_iter();
        let tells_flags = self.items.contains(&FetchItem::Flags);
        let marked = self.marked == Some(true) && !tells_flags;
        if tells_flags || marked {
            tell_new_keywords(cx);
        }
        cx.core.encoder().begin_fetch(message.number);
        for (at, item) in self.items.iter().enumerate() {
            cx.core.encoder().raw(if at == 0 { "" } else { " " });
            match item {
                FetchItem::Flags => encode_flags(cx, message),
                FetchItem::ModSeq => encode_modseq(cx, message),
                FetchItem::Uid => encode_uid(cx, message),
                item if gather::is_text(item) => {
                    write_text(item, contents.next().unwrap_or(Content::Nothing), cx);
                }
                item => gathered.encode(item, &mut cx.core.encoder()),
            }
        }
        if marked {
            cx.core.encoder().raw(" ");
            encode_flags(cx, message);
        }
        if self.marked == Some(true) && cx.core.enabled.condstore {
            self.write_change(message, cx);
        }
        cx.core.encoder().end_message_data();
    }

    /// What the client must know of a change that the fetch made, and has not asked for (RFC 7162 §3.2.4).
    fn write_change(&self, message: &MessageRef, cx: &mut Cx<'_, '_>) {
        if !self.items.contains(&FetchItem::Uid) {
            cx.core.encoder().raw(" ");
            encode_uid(cx, message);
        }
        if !self.items.contains(&FetchItem::ModSeq) {
            cx.core.encoder().raw(" ");
            encode_modseq(cx, message);
        }
    }

    fn reply(&self) -> Reply {
        let reply = match &self.failed {
            None if self.partial.is_some() => Reply::ok("PARTIAL completed"),
            None => Reply::ok("FETCH completed"),
            // RFC 3516 §4.3
            Some(error @ StoreError::Refused(_)) => {
                Reply::no(error.to_string()).with_code(Code::UnknownCte)
            }
            Some(StoreError::Gone) => Reply::no("Some of the messages no longer exist"),
            Some(error) => Reply::no("Some of the messages cannot be read").with_fault(error),
        };
        reply.on(Occasion::after(self.uid))
    }
}

/// A text is a literal, whatever is in it: some clients need the count. A part that is not there is NIL.
fn write_text(item: &FetchItem, content: Content, cx: &mut Cx<'_, '_>) {
    let mut encoder = cx.core.encoder();
    encoder.raw(item.name()).raw(" ");
    match content {
        Content::Nothing if matches!(item, FetchItem::BinarySize(_)) => {
            encoder.number(0);
        }
        Content::Nothing => {
            encoder.nil();
        }
        Content::Bytes(mut bytes) => {
            replace_nul(&mut bytes, encoder.dialect().nul_in_literal());
            encoder.literal(bytes.len() as u64).raw(bytes);
        }
        Content::Binary(Binary::Size(octets)) => {
            encoder.number(octets);
        }
        Content::Binary(Binary::Octets(None)) => {
            encoder.literal(0);
        }
        Content::Binary(Binary::Octets(Some((cut, has_nul)))) => {
            // RFC 3516 §4.3: without the octet 0 it is a literal like any other.
            match has_nul {
                true => encoder.literal8(cut.octets()),
                false => encoder.literal(cut.octets()),
            };
            cx.core.output.decoded(cut);
        }
        Content::Range(mut range) => {
            range.nul = encoder.dialect().nul_in_literal();
            encoder.literal(range.octets);
            cx.core.output.file_range(range);
        }
    }
}
