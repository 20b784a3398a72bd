//! A command that is being carried out: a value with a cursor, stepped until it has a reply.

use std::borrow::Cow;

use super::condstore;
use super::core::Core;
use super::output::HIGH_WATER;
use super::untagged::{Occasion, Teller};
use crate::budget::{Budget, RECORDS_PER_UNIT, Step, Why};
use crate::protocol::{Code, Status};
use crate::ready;
use crate::store::{Cursor, MessageRef, Store, StoreError, SyncMailbox, View};
use crate::types::NumberSet;

/// What a step works with.
pub(super) struct Cx<'a, 'c> {
    pub(super) core: &'a mut Core,
    pub(super) store: &'a mut Store,
    pub(super) budget: &'a mut Budget<'c>,
}

/// A command that takes more than one step, or less.
pub(super) trait Job {
    /// Does at least one unit of work. Yields between responses, never inside one.
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply>;
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: Status,
    pub(super) code: Option<Code<'static>>,
    pub(super) text: Cow<'static, str>,
    /// What is told of the selected mailbox before the tagged line.
    pub(super) occasion: Occasion,
    /// What the operator should know of it, and the client not.
    fault: Option<String>,
}

impl Reply {
    pub(super) fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Status::Ok,
            code: None,
            text: text.into(),
            occasion: Occasion::Changes,
            fault: None,
        }
    }

    pub(super) fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Status::No,
            ..Self::ok(text)
        }
    }

    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: Status::Bad,
            ..Self::ok(text)
        }
    }

    pub(super) fn with_code(self, code: Code<'static>) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    pub(super) fn on(self, occasion: Occasion) -> Self {
        Self { occasion, ..self }
    }

    /// The log is told of the error with the tagged line, and of whose it is.
    pub(super) fn with_fault(self, error: &StoreError) -> Self {
        Self {
            fault: Some(error.in_full()),
            ..self
        }
    }

    /// The one place where an error of the store becomes a reply.
    pub(super) fn refused(error: &StoreError) -> Self {
        let reply = Self::no(error.to_string());
        match error {
            StoreError::NotFound => reply.with_code(Code::NonExistent),
            StoreError::Exists => reply.with_code(Code::AlreadyExists),
            StoreError::InUse => reply.with_code(Code::InUse),
            StoreError::Limit(_) => reply.with_code(Code::Limit),
            StoreError::NoSpace => reply.with_code(Code::OverQuota),
            StoreError::Refused(_) => reply.with_code(Code::Cannot),
            StoreError::Io { .. } | StoreError::Denied(_) => reply.with_fault(error),
            _ => reply,
        }
    }
}

/// A reply that was known when the command was read.
impl Job for Option<Reply> {
    fn step(&mut self, _: &mut Cx<'_, '_>) -> Step<Reply> {
        Step::Done(
            self.take()
                .unwrap_or_else(|| Reply::bad("Command was already answered")),
        )
    }
}

/// One command from its job to its tagged line.
pub(super) struct Task {
    tag: Vec<u8>,
    stage: Stage,
}

enum Stage {
    Job(Box<dyn Job>),
    /// The reply waits until the mailbox has been compared with the disk.
    Sync(Reply, SyncMailbox),
    /// The reply waits until the changes are told.
    Tell(Reply, Teller),
}

impl Task {
    pub(super) fn new(tag: Vec<u8>, job: Box<dyn Job>) -> Self {
        Self {
            tag,
            stage: Stage::Job(job),
        }
    }

    /// A command that is answered at once.
    pub(super) fn reply(tag: Vec<u8>, reply: Reply) -> Self {
        Self::new(tag, Box::new(Some(reply)))
    }

    pub(super) fn step(
        &mut self,
        core: &mut Core,
        store: &mut Store,
        budget: &mut Budget<'_>,
    ) -> Step<()> {
        let cx = &mut Cx {
            core,
            store,
            budget,
        };
        loop {
            match &mut self.stage {
                Stage::Job(job) => {
                    let reply = ready!(job.step(cx));
                    match sync_before(&reply, cx) {
                        Some(sync) => self.stage = Stage::Sync(reply, sync),
                        None => {
                            end(&self.tag, &reply, cx);
                            return Step::Done(());
                        }
                    }
                }
                Stage::Sync(reply, sync) => {
                    if let Err(error) = ready!(sync.step(cx.store, cx.budget)) {
                        if matches!(error, StoreError::Invalidated) {
                            end(&self.tag, reply, cx);
                            leave(cx);
                            return Step::Done(());
                        }
                        log::warn!("{}: {}", cx.core.whose(), error.in_full());
                    }
                    let teller = Teller::new(reply.occasion);
                    let reply = std::mem::replace(reply, Reply::ok(""));
                    self.stage = Stage::Tell(reply, teller);
                }
                Stage::Tell(reply, teller) => {
                    ready!(teller.step(cx));
                    if cx.core.enabled.condstore && teller.has_told_expunges() {
                        add_highest(reply, cx);
                    }
                    end(&self.tag, reply, cx);
                    return Step::Done(());
                }
            }
        }
    }
}

/// The look at the disk that comes before a reply, if anything is to be told with it.
fn sync_before(reply: &Reply, cx: &Cx<'_, '_>) -> Option<SyncMailbox> {
    let view = cx
        .core
        .view()
        .filter(|_| reply.occasion != Occasion::Nothing)?;
    Some(SyncMailbox::new(view.handle().clone()))
}

fn end(tag: &[u8], reply: &Reply, cx: &mut Cx<'_, '_>) {
    cx.core.last_was_bad = reply.status == Status::Bad;
    if let Some(fault) = &reply.fault {
        log::error!("{}: {fault}", cx.core.whose());
    }
    let text = sentence(&reply.text);
    cx.core
        .encoder()
        .tagged(tag, reply.status, reply.code.clone(), &text);
}

/// RFC 7162 §3.2.7: after expunges, the mod-sequence that counts them in; in the tagged line if that has
/// room for it.
fn add_highest(reply: &mut Reply, cx: &mut Cx<'_, '_>) {
    if reply.status == Status::Ok && reply.code.is_none() {
        reply.code = condstore::highest(cx);
    } else {
        condstore::tell_highest(cx);
    }
}

/// Texts come from several rooms; to the client they are sentences.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// The mailbox is no longer the one that was selected: its numbers mean nothing any more. What the last
/// command came to was told, since it was done while they did.
fn leave(cx: &mut Cx<'_, '_>) {
    let text = "The selected mailbox was deleted or replaced";
    cx.core.encoder().untagged(Status::Bye, None, text);
    cx.core.finish();
}

/// The cursor that FETCH, STORE, SEARCH and COPY share: message after message of a set, stopping
/// between two of them when the budget is spent or the output is full.
pub(super) struct EachMessage {
    cursor: Cursor,
    current: Option<MessageRef>,
    /// Looks in memory that are not charged yet.
    looks: u32,
}

impl EachMessage {
    /// Over message numbers, or over unique identifiers.
    pub(super) fn new(set: NumberSet, by_uid: bool) -> Self {
        let cursor = if by_uid {
            Cursor::over_uids(set)
        } else {
            Cursor::over_numbers(set)
        };
        Self {
            cursor,
            current: None,
            looks: 0,
        }
    }

    /// Goes on with other messages, by their numbers.
    pub(super) fn go_on(&mut self, set: NumberSet) {
        self.cursor = Cursor::over_numbers(set);
    }

    /// The message to work on, until [`Self::advance`]; `None` when there are no more.
    pub(super) fn current(&mut self, cx: &Cx<'_, '_>) -> Step<Option<MessageRef>> {
        if self.current.is_some() {
            return Step::Done(self.current);
        }
        if cx.budget.is_spent() {
            return Step::Yield(Why::Budget);
        }
        if cx.core.output.unsent() >= HIGH_WATER {
            return Step::Yield(Why::OutputFull);
        }
        let Some(view) = cx.core.view() else {
            return Step::Done(None);
        };
        self.current = self.cursor.next(cx.store.mailbox(view.handle()), view);
        Step::Done(self.current)
    }

    /// Done with the current message, at that cost.
    pub(super) fn advance(&mut self, cx: &mut Cx<'_, '_>, cost: u32) {
        self.current = None;
        cx.budget.spend(cost);
    }

    /// Done with the current message, for which so many records or keys were looked at in memory. They
    /// are too cheap to be charged one by one.
    pub(super) fn advance_in_memory(&mut self, cx: &mut Cx<'_, '_>, looks: u32) {
        self.looks += looks;
        self.advance(cx, self.looks / RECORDS_PER_UNIT);
        self.looks %= RECORDS_PER_UNIT;
    }
}

/// Does something to a message's file, and does it again after a look at the disk if somebody else has
/// renamed it meanwhile ([`StoreError::Gone`]).
#[derive(Default)]
pub(super) struct Retry {
    sync: Option<SyncMailbox>,
    retried: bool,
}

impl Retry {
    /// Runs `attempt` on a message of the selected mailbox. `Done(Err(Gone))` means that the message is
    /// really gone.
    pub(super) fn step<T>(
        &mut self,
        cx: &mut Cx<'_, '_>,
        attempt: impl FnMut(&mut Store, &View, &mut Budget<'_>) -> Result<T, StoreError>,
    ) -> Step<Result<T, StoreError>> {
        match cx.core.view() {
            Some(view) => self.step_in(view, cx.store, cx.budget, attempt),
            None => Step::Done(Err(StoreError::Gone)),
        }
    }

    /// The same with a message of any mailbox.
    pub(super) fn step_in<T>(
        &mut self,
        view: &View,
        store: &mut Store,
        budget: &mut Budget<'_>,
        mut attempt: impl FnMut(&mut Store, &View, &mut Budget<'_>) -> Result<T, StoreError>,
    ) -> Step<Result<T, StoreError>> {
        loop {
            if let Some(sync) = &mut self.sync {
                let synced = ready!(sync.step(store, budget));
                self.sync = None;
                if let Err(error) = synced {
                    *self = Self::default();
                    return Step::Done(Err(error));
                }
            }
            match attempt(store, view, budget) {
                Err(StoreError::Busy(at)) => return Step::Yield(Why::Until(at)),
                Err(StoreError::Gone) if !self.retried => {
                    self.retried = true;
                    self.sync = Some(SyncMailbox::new(view.handle().clone()));
                }
                result => {
                    *self = Self::default();
                    return Step::Done(result);
                }
            }
        }
    }
}
