//! STORE and UID STORE (RFC 1064 p. 12-13, RFC 3501 §6.4.6).
//!
//! Each message is answered by its new flags, since a client learns of them only that way: as STORE data
//! where RFC 1064 is spoken, as FETCH data from IMAP2bis up.

use crate::budget::{COST_SYSCALL, Step};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::untagged::{Occasion, encode_flags, encode_uid, tell_new_keywords};
use crate::store::{DefineKeywords, FlagChange, MessageRef, StoreError};
use crate::types::{FlagList, FlagOperation, Keyword, KeywordSet, MessageSet};

/// What the command says.
pub(super) struct Arguments {
    pub(super) uid: bool,
    pub(super) set: MessageSet,
    pub(super) operation: FlagOperation,
    pub(super) silent: bool,
    pub(super) flags: FlagList,
}

struct Store {
    each: EachMessage,
    uid: bool,
    silent: bool,
    change: FlagChange,
    names: Vec<Keyword>,
    define: Option<DefineKeywords>,
    retry: Retry,
    gone: bool,
}

/// Changes the flags of a set of messages.
pub(super) fn job(arguments: Arguments, core: &Core) -> Box<dyn Job> {
    let Arguments {
        uid,
        set,
        operation,
        silent,
        flags,
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
        gone: false,
    })
}

impl Job for Store {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if let Err(error) = ready!(self.know_keywords(cx)) {
            return Step::Done(Reply::refused(&error));
        }
        while let Some(message) = ready!(self.each.current(cx)) {
            match ready!(self.store(&message, cx)) {
                Ok(()) => {}
                Err(StoreError::Gone) => self.gone = true,
                Err(error) => return Step::Done(Reply::refused(&error).on(Occasion::NumbersInUse)),
            }
            self.each.advance(cx, COST_SYSCALL);
        }
        Step::Done(self.reply())
    }
}

impl Store {
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
        let (change, hidden) = (self.change, cx.core.dialect.hidden_flags());
        let changed = ready!(self.retry.step(cx, |store, view, budget| {
            let mut change = change;
            if change.operation == FlagOperation::Replace {
                // A client that is not shown a flag cannot mean to take it away.
                let (flags, _) = store.flags(view, message);
                change.system = change.system.with(flags.intersection(hidden));
            }
            store.change_flags(view, message, &change, budget)
        }));
        if changed.is_ok() && !self.silent {
            self.answer(message, cx);
        }
        Step::Done(changed.map(|_| ()))
    }

    fn answer(&self, message: &MessageRef, cx: &mut Cx<'_, '_>) {
        tell_new_keywords(cx);
        cx.core.encoder().begin_store(message.number);
        encode_flags(cx, message);
        if self.uid {
            // RFC 3501 §6.4.8: the answer to a UID command says the UID.
            cx.core.encoder().raw(" ");
            encode_uid(cx, message);
        }
        cx.core.encoder().end_message_data();
    }

    fn reply(&self) -> Reply {
        let reply = match self.gone {
            true => Reply::no("Some of the messages no longer exist"),
            false => Reply::ok("STORE completed"),
        };
        reply.on(Occasion::after(self.uid))
    }
}
