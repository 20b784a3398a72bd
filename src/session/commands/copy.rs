//! COPY and UID COPY (RFC 1064 p. 11, RFC 3501 §6.4.7, RFC 4315 §3).
//!
//! All messages are copied or none. The older the dialect, the more it does besides: RFC 1064 makes the
//! mailbox if it is missing, sends a COPY line for each message, and marks the originals `\Seen`; the
//! flags of a copy are those its original had before.

use crate::budget::{COST_SYSCALL, Step};
use crate::protocol::{Code, CopyArguments, Status};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, EachMessage, Job, Reply, Retry};
use crate::session::untagged::write_flags;
use crate::store::{CopyMessages, FlagChange, MailboxHandle, MessageRef, Store, StoreError};
use crate::types::{MailboxRef, NumberSet, Uid};

struct CopyJob {
    uid: bool,
    set: NumberSet,
    to: MailboxRef,
    stage: Stage,
}

enum Stage {
    Collect(Collect),
    Copy(CopyMessages, MailboxHandle),
    /// Telling of each copy, and marking the original as read.
    Mark(EachMessage, Retry, Reply),
}

/// Finding out which messages are meant.
pub(super) struct Collect {
    each: EachMessage,
    uids: NumberSet,
}

impl Collect {
    /// By message numbers, or by unique identifiers.
    pub(super) fn new(set: NumberSet, by_uid: bool) -> Self {
        Self {
            each: EachMessage::new(set, by_uid),
            uids: NumberSet::new(),
        }
    }

    /// Ends with the unique identifiers of those that there are.
    pub(super) fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<NumberSet> {
        while let Some(message) = ready!(self.each.current(cx)) {
            self.uids.insert(message.uid.get());
            self.each.advance(cx, 1);
        }
        Step::Done(std::mem::take(&mut self.uids))
    }
}

/// Copies a set of messages.
pub(super) fn job(arguments: &CopyArguments, core: &Core) -> Box<dyn Job> {
    let &CopyArguments { uid, ref set, .. } = arguments;
    let to = match super::mailbox_argument(&arguments.mailbox, core) {
        Ok(to) => to,
        Err(reply) => return super::answered(reply),
    };
    match super::fetch::numbers(uid, set, core) {
        Ok(set) => {
            let stage = Stage::Collect(Collect::new(set.clone(), uid));
            Box::new(CopyJob {
                uid,
                set,
                to,
                stage,
            })
        }
        Err(reply) => super::answered(reply),
    }
}

impl Job for CopyJob {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        loop {
            match &mut self.stage {
                Stage::Collect(collect) => {
                    let uids = ready!(collect.step(cx));
                    match self.begin(uids, cx) {
                        Ok((copy, to)) => self.stage = Stage::Copy(copy, to),
                        Err(reply) => return Step::Done(reply),
                    }
                }
                Stage::Copy(copy, to) => {
                    let copied = match ready!(copy.step(cx.store, cx.budget)) {
                        Ok(copied) => copied,
                        Err(error) => return Step::Done(Reply::refused(&error)),
                    };
                    let mut reply = Reply::ok("COPY completed");
                    reply.code = copy_uid(&copied, to, cx.store);
                    let each = EachMessage::new(self.set.clone(), self.uid);
                    self.stage = Stage::Mark(each, Retry::default(), reply);
                }
                Stage::Mark(each, retry, reply) => {
                    while let Some(message) = ready!(each.current(cx)) {
                        ready!(mark(&message, retry, cx));
                        each.advance(cx, COST_SYSCALL);
                    }
                    return Step::Done(std::mem::replace(reply, Reply::ok("")));
                }
            }
        }
    }
}

impl CopyJob {
    fn begin(
        &self,
        uids: NumberSet,
        cx: &mut Cx<'_, '_>,
    ) -> Result<(CopyMessages, MailboxHandle), Reply> {
        let handle = open_or_create(&self.to, cx.core.dialect.copy_creates_mailbox(), cx)?;
        let Some(view) = cx.core.view() else {
            return Err(Reply::bad("Select a mailbox first"));
        };
        Ok((CopyMessages::new(view, uids, handle.clone()), handle))
    }
}

/// RFC 4315 §3: which copy is of which message, as both sets ascend. Nothing if nothing was copied.
pub(super) fn copy_uid(
    copied: &[(Uid, Uid)],
    to: &MailboxHandle,
    store: &Store,
) -> Option<Code<'static>> {
    let range = |uid: Uid| (uid.get(), uid.get());
    let sources = copied.iter().map(|&(uid, _)| range(uid)).collect();
    let copies = copied.iter().map(|&(_, uid)| range(uid)).collect();
    let validity = store.mailbox(to).uid_validity();
    (!copied.is_empty()).then_some(Code::CopyUid(validity, sources, copies))
}

/// Opens the mailbox that is to take messages. One that is missing is made, or else the client is told
/// that it may make it: by a code in the tagged NO (RFC 3501 §6.4.7), to IMAP2bis clients by an untagged
/// OK as well (RFC 1732 p. 4).
pub(super) fn open_or_create(
    name: &MailboxRef,
    create: bool,
    cx: &mut Cx<'_, '_>,
) -> Result<MailboxHandle, Reply> {
    let Some(account) = cx.core.account() else {
        return Err(Reply::bad("Log in first"));
    };
    let mut opened = cx.store.open(account, name);
    if let (Err(StoreError::NotFound), true, MailboxRef::Personal(own)) = (&opened, create, name) {
        opened = cx
            .store
            .create(account, own)
            .and_then(|()| cx.store.open(account, name));
    }
    opened.map_err(|error| match (error, name) {
        // Boards cannot be created, and so it is not said that they can (RFC 3501 §6.3.11).
        (StoreError::NotFound, MailboxRef::Personal(_)) => try_create(cx.core),
        (error, _) => Reply::refused(&error),
    })
}

fn try_create(core: &mut Core) -> Reply {
    let text = "There is no such mailbox; it may be created";
    if core.dialect.tells_trycreate_untagged() {
        core.encoder()
            .untagged(Status::Ok, Some(Code::TryCreate), text);
    }
    Reply::no(text).with_code(Code::TryCreate)
}

/// RFC 1064 p. 11: a COPY line, and `\Seen` on the original if the mailbox may be changed.
fn mark(message: &MessageRef, retry: &mut Retry, cx: &mut Cx<'_, '_>) -> Step<()> {
    if cx.core.dialect.copy_marks_seen() && cx.core.may_write() {
        let changed = ready!(retry.step(cx, |store, view, budget| {
            store.change_flags(view, message, &FlagChange::SEEN, budget)
        }));
        match changed {
            Ok(true) => write_flags(cx, message),
            Ok(false) | Err(StoreError::Gone) => {}
            Err(error) => log::warn!(
                "{}: a copied message was not marked: {}",
                cx.core.whose(),
                error.in_full()
            ),
        }
    }
    if cx.core.dialect.reports_copy() {
        cx.core.encoder().copied(message.number);
    }
    Step::Done(())
}
