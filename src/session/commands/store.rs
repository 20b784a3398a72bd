//! STORE and UID STORE (RFC 1064 p. 12-13, RFC 3501 §6.4.6).
//!
//! Each message is answered by its new flags, since a client learns of them only that way: as STORE data
//! where RFC 1064 is spoken, as FETCH data from IMAP2bis up.

use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::{Code, StoreArguments};
use crate::ready;
use crate::session::condstore::{self, encode_modseq};
use crate::session::core::Core;
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::untagged::{
    Occasion, encode_change, encode_flags, encode_uid, tell_new_keywords,
};
use crate::store::{DefineKeywords, FlagChange, MessageRef, StoreError, SyncMailbox};
use crate::types::{FlagOperation, Keyword, KeywordSet, NumberSet};

struct Store {
    each: EachMessage,
    uid: bool,
    silent: bool,
    change: FlagChange,
    names: Vec<Keyword>,
    define: Option<DefineKeywords>,
    retry: Retry,
    /// What the first message failed with that could not be changed; the others are changed all the same.
    failed: Option<StoreError>,
    sync: Option<SyncMailbox>,
    /// Only messages with no greater mod-sequence (RFC 7162 §3.1.3).
    unchanged_since: Option<u64>,
    /// The messages, by number or by UID as they were named, that had a greater one.
    modified: NumberSet,
}

/// Changes the flags of a set of messages.
pub(super) fn job(arguments: StoreArguments, core: &Core) -> Box<dyn Job> {
    let StoreArguments {
        uid,
        set,
        operation,
        silent,
        flags,
        unchanged_since,
    } = arguments;
    if !core.may_write() {
        return super::answered(Reply::no("STORE is not allowed: the mailbox is read-only"));
    }
    let set = match super::fetch::numbers(uid, &set, core) {
        Ok(set) => set,
        Err(reply) => return super::answered(reply),
    };
    Box::new(Store {
        each: EachMessage::new(set, uid),
        uid,
        silent,
        names: flags.keywords,
        change: FlagChange {
            operation,
            system: flags.system,
            keywords: KeywordSet::NONE,
        },
        define: None,
        retry: Retry::default(),
        failed: None,
        sync: core
            .view()
            .filter(|_| unchanged_since.is_some())
            .map(|view| SyncMailbox::new(view.handle().clone())),
        unchanged_since,
        modified: NumberSet::new(),
    })
}

impl Job for Store {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if let Err(error) = ready!(self.look(cx)) {
            return Step::Done(Reply::refused(&error));
        }
        if let Err(error) = ready!(self.know_keywords(cx)) {
            return Step::Done(Reply::refused(&error));
        }
        while let Some(message) = ready!(self.each.current(cx)) {
            match ready!(self.store(&message, cx)) {
                Ok(()) => {}
                Err(error @ (StoreError::Gone | StoreError::Limit(_))) => {
                    self.failed.get_or_insert(error);
                }
                Err(error) => return Step::Done(Reply::refused(&error).on(Occasion::NumbersInUse)),
            }
            self.each.advance(cx, COST_SYSCALL);
        }
        Step::Done(self.reply())
    }
}

impl Store {
    /// A condition holds for the messages as they are now, whoever changed them (RFC 7162 §3.1.3).
    fn look(&mut self, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        let Some(sync) = &mut self.sync else {
            return Step::Done(Ok(()));
        };
        condstore::enable(cx);
        let synced = ready!(sync.step(cx.store, cx.budget));
        self.sync = None;
        Step::Done(synced)
    }

    /// Turns the names into bits of the mailbox. A keyword that is to be removed need not become known.
    fn know_keywords(&mut self, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        if self.names.is_empty() && self.define.is_none() {
            return Step::Done(Ok(()));
        }
        let Some(view) = cx.core.view() else {
            return Step::Done(Err(StoreError::Gone));
        };
        let mut names = std::mem::take(&mut self.names);
        if self.change.operation == FlagOperation::Remove {
            let known = cx.store.mailbox(view.handle()).keywords();
            names.retain(|name| known.index_of(name).is_some());
        }
        let define = self
            .define
            .get_or_insert_with(|| DefineKeywords::new(view.handle().clone(), names));
        let keywords = ready!(define.step(cx.store, cx.budget));
        self.define = None;
        Step::Done(keywords.map(|keywords| self.change.keywords = keywords))
    }

    fn store(&mut self, message: &MessageRef, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        let (change, unchanged_since) = (self.change, self.unchanged_since);
        let hidden = cx.core.dialect.hidden_flags();
        let changed = ready!(self.retry.step(cx, |store, view, budget| {
            if unchanged_since.is_some_and(|since| store.mod_sequence(view, message) > since) {
                return Ok(Outcome::Modified);
            }
            let mut change = change;
            if change.operation == FlagOperation::Replace {
                // A client that is not shown a flag cannot mean to take it away.
                let (flags, _) = store.flags(view, message);
                change.system = change.system.with(flags.intersection(hidden));
            }
            let changed = store.change_flags(view, message, &change, budget);
            changed.map(|_| Outcome::Stored)
        }));
        match changed {
            Ok(Outcome::Modified) => {
                self.modified.insert(match self.uid {
                    true => message.uid.get(),
                    false => message.number,
                });
            }
            Ok(Outcome::Stored) if self.silent => answer_silently(message, cx),
            Ok(Outcome::Stored) => self.answer(message, cx),
            Err(_) => {}
        }
        Step::Done(changed.map(|_| ()))
    }

    fn answer(&self, message: &MessageRef, cx: &mut Cx<'_, '_>) {
        tell_new_keywords(cx);
        cx.core.encoder().begin_store(message.number);
        encode_flags(cx, message);
        if cx.core.enabled.condstore {
            encode_change(cx, message);
        } else if self.uid {
            // RFC 3501 §6.4.8: the answer to a UID command says the UID.
            cx.core.encoder().raw(" ");
            encode_uid(cx, message);
        }
        cx.core.encoder().end_message_data();
    }

    fn reply(&self) -> Reply {
        let reply = match &self.failed {
            Some(StoreError::Gone) => Reply::no("Some of the messages no longer exist"),
            Some(error) => Reply::refused(error),
            None if self.modified.is_empty() => Reply::ok("STORE completed"),
            None => Reply::ok("Some of the messages had changed"),
        };
        let reply = match self.modified.is_empty() {
            true => reply,
            false => reply.with_code(Code::Modified(self.modified.clone())),
        };
        reply.on(Occasion::after(self.uid))
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Stored,
    /// It has changed since, so it is left alone.
    Modified,
}

/// RFC 7162 §3.1.3: the new mod-sequence is told even where the new flags are not wanted.
fn answer_silently(message: &MessageRef, cx: &mut Cx<'_, '_>) {
    if cx.core.enabled.condstore {
        cx.core.encoder().begin_fetch(message.number);
        encode_uid(cx, message);
        cx.core.encoder().raw(" ");
        encode_modseq(cx, message);
        cx.core.encoder().end_message_data();
    }
}
