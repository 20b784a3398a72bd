//! STORE and UID STORE (RFC 1064 p. 12-13, RFC 3501 §6.4.6).
//!
//! Each message is answered with its new flags, since a client learns them only that way: as STORE
//! data in the dialect of RFC 1064, as FETCH data from IMAP2bis up.

use super::uid;
use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::{Code, StoreArguments};
use crate::session::condstore::{self, encode_modseq};
use crate::session::each_message::EachMessage;
use crate::session::job::{Context, Job, Outcome};
use crate::session::message_data::{
    announce_new_keywords, encode_change, encode_flags, encode_uid,
};
use crate::session::rename_retry::RenameRetry;
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::session::update_policy::UpdatePolicy;
use crate::store::{DefineKeywords, FlagChange, MessageRef, StoreError, SyncMailbox};
use crate::types::{FlagOperation, Keyword, KeywordSet, NumberSet};
use crate::{ready, try_ready};

struct StoreJob {
    each: EachMessage,
    uid: bool,
    silent: bool,
    change: FlagChange,
    /// The keywords of the change, until they are bits of the mailbox.
    names: Vec<Keyword>,
    define: Option<DefineKeywords>,
    retry: RenameRetry,
    /// The error of the first message that could not be changed; the others are changed all the
    /// same.
    failed: Option<StoreError>,
    /// The comparison with the disk before a conditional STORE.
    sync: Option<SyncMailbox>,
    /// Changes only messages with no greater mod-sequence (RFC 7162 §3.1.3).
    unchanged_since: Option<u64>,
    /// The messages that had a greater one, as message sequence numbers or UIDs, as the client
    /// named them.
    modified: NumberSet,
}

/// Changes the flags of a set of messages.
pub(super) fn job(arguments: StoreArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let StoreArguments {
        uid,
        set,
        operation,
        silent,
        flags,
        unchanged_since,
    } = arguments;
    if !state.may_write() {
        return Err(Reply::no("STORE is not allowed: the mailbox is read-only"));
    }
    let set = uid::resolve(uid, &set, state)?;
    Ok(Box::new(StoreJob {
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
        retry: RenameRetry::default(),
        failed: None,
        sync: state
            .view()
            .filter(|_| unchanged_since.is_some())
            .map(|view| SyncMailbox::new(view.handle().clone())),
        unchanged_since,
        modified: NumberSet::new(),
    }))
}

impl Job for StoreJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        try_ready!(self.sync(cx));
        try_ready!(self.define_keywords(cx));
        while let Some(message) = ready!(self.each.current(cx)) {
            match ready!(self.store(&message, cx)) {
                Ok(()) => {}
                Err(error @ (StoreError::Gone | StoreError::Limit(_))) => {
                    self.failed.get_or_insert(error);
                }
                Err(error) => {
                    let reply = Reply::refused(&error);
                    return Step::Done(Err(reply.with_updates(UpdatePolicy::WithoutExpunges)));
                }
            }
            self.each.advance(cx, COST_SYSCALL);
        }
        Step::Done(self.outcome())
    }

    fn memory(&self) -> usize {
        self.each.memory() + self.modified.memory()
    }
}

impl StoreJob {
    /// Compares the mailbox with the disk: a condition holds for the messages as they are now,
    /// whichever program has changed them (RFC 7162 §3.1.3).
    fn sync(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<(), StoreError>> {
        let Some(sync) = &mut self.sync else {
            return Step::Done(Ok(()));
        };
        condstore::enable(cx);
        let synced = ready!(sync.step(cx.store, cx.budget));
        self.sync = None;
        Step::Done(synced)
    }

    /// Turns the keywords into bits of the mailbox, and defines those that are new. A keyword that
    /// is to be removed need not be defined.
    fn define_keywords(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<(), StoreError>> {
        if self.names.is_empty() && self.define.is_none() {
            return Step::Done(Ok(()));
        }
        let Some(view) = cx.state.view() else {
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

    /// Changes the flags of one message, and writes its answer.
    fn store(
        &mut self,
        message: &MessageRef,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<(), StoreError>> {
        let (change, unchanged_since) = (self.change, self.unchanged_since);
        let hidden = cx.state.dialect.hidden_flags();
        let stored = try_ready!(self.retry.step_with_lock(cx, |store, view, lock, budget| {
            if unchanged_since.is_some_and(|since| store.mod_sequence(view, message) > since) {
                return Ok(StoreResult::Modified);
            }
            let mut change = change;
            if change.operation == FlagOperation::Replace {
                // A client that is not shown a flag cannot mean to remove it.
                let (flags, _) = store.flags(view, message);
                change.system = change.system.with(flags.intersection(hidden));
            }
            let changed = store.change_flags(view, message, &change, lock, budget);
            changed.map(|_| StoreResult::Stored)
        }));
        match stored {
            StoreResult::Modified => self.modified.insert(uid::number(self.uid, message)),
            StoreResult::Stored if self.silent => answer_silently(message, cx),
            StoreResult::Stored => self.answer(message, cx),
        }
        Step::Done(Ok(()))
    }

    /// Writes the new flags of a message.
    fn answer(&self, message: &MessageRef, cx: &mut Context<'_, '_>) {
        announce_new_keywords(cx);
        cx.state.encoder().begin_store(message.number);
        encode_flags(cx, message);
        if cx.state.enabled.condstore {
            encode_change(cx, message);
        } else if self.uid {
            // RFC 3501 §6.4.8: the answer to a UID command has the UID.
            cx.state.encoder().raw(" ");
            encode_uid(cx, message);
        }
        cx.state.encoder().end_message_data();
    }

    fn outcome(&self) -> Outcome {
        let finish = |reply: Reply| {
            let reply = match self.modified.is_empty() {
                true => reply,
                false => reply.with_code(Code::Modified(self.modified.clone())),
            };
            reply.with_updates(UpdatePolicy::after(self.uid))
        };
        match &self.failed {
            Some(StoreError::Gone) => {
                Err(finish(Reply::no("Some of the messages no longer exist")))
            }
            Some(error) => Err(finish(Reply::refused(error))),
            None if self.modified.is_empty() => Ok(finish(Reply::ok("STORE completed"))),
            None => Ok(finish(Reply::ok("Some of the messages had changed"))),
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy)]
enum StoreResult {
    /// Its flags are those that the client wants.
    Stored,
    /// It was changed since the client looked at it, and is left as it is.
    Modified,
}

/// Writes the new mod-sequence of a message, which the client gets even if it does not want the new
/// flags (RFC 7162 §3.1.3).
fn answer_silently(message: &MessageRef, cx: &mut Context<'_, '_>) {
    if cx.state.enabled.condstore {
        cx.state.encoder().begin_fetch(message.number);
        encode_uid(cx, message);
        cx.state.encoder().raw(" ");
        encode_modseq(cx, message);
        cx.state.encoder().end_message_data();
    }
}
