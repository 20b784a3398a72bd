//! STATUS (RFC 3501 §6.3.10; APPENDLIMIT of RFC 7889, SIZE of RFC 8438, DELETED of RFC 9051
//! §6.3.11): the counts of a mailbox without selecting it.

use super::mailbox_argument;
use super::mailbox_size::MailboxSize;
use crate::budget::Step;
use crate::protocol::{StatusArguments, StatusItem};
use crate::session::condstore;
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::{Access, MailboxHandle, StoreError, SyncMailbox, View};
use crate::types::MailboxRef;
use crate::{ready, try_done, try_ready};

struct StatusJob {
    name: MailboxRef,
    status: MailboxStatus,
}

/// Finds out the status of the mailbox that the argument names.
pub(super) fn job(arguments: StatusArguments, state: &SessionState) -> Result<Box<dyn Job>, Reply> {
    let name = mailbox_argument::any(&arguments.mailbox, state)?;
    Ok(Box::new(StatusJob {
        status: MailboxStatus::new(name.clone(), arguments.items),
        name,
    }))
}

impl Job for StatusJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let values = try_ready!(self.status.step(cx));
        let name = mailbox_argument::shown(&self.name, cx.state);
        cx.state.encoder().status_line(&name, &values);
        Step::Done(Ok(Reply::ok("STATUS completed")))
    }

    fn memory(&self) -> usize {
        self.status.memory()
    }
}

/// The status of one mailbox, which STATUS and LIST with RETURN (STATUS) find out. The mailbox is
/// compared with the disk, counted and, if the client asks for its size, measured.
pub(super) struct MailboxStatus {
    name: MailboxRef,
    items: Vec<StatusItem>,
    stage: StatusStage,
}

enum StatusStage {
    Begin,
    Sync(MailboxHandle, SyncMailbox),
    Measure(View, Box<MailboxSize>),
}

impl MailboxStatus {
    /// Begins to find out `items` of the mailbox.
    pub(super) fn new(name: MailboxRef, items: Vec<StatusItem>) -> Self {
        Self {
            name,
            items,
            stage: StatusStage::Begin,
        }
    }

    /// Returns the octets of memory that measuring a message takes.
    pub(super) fn memory(&self) -> usize {
        match &self.stage {
            StatusStage::Begin => 0,
            StatusStage::Sync(_, sync) => sync.memory(),
            StatusStage::Measure(_, size) => size.memory(),
        }
    }

    /// Goes on; done with the items and their values.
    pub(super) fn step(
        &mut self,
        cx: &mut Context<'_, '_>,
    ) -> Step<Result<Vec<(StatusItem, u64)>, StoreError>> {
        loop {
            self.stage = match &mut self.stage {
                StatusStage::Begin => {
                    let handle = try_done!(open(&self.name, &self.items, cx));
                    let sync = SyncMailbox::for_open(handle.clone(), Access::ReadOnly);
                    StatusStage::Sync(handle, sync)
                }
                StatusStage::Sync(handle, sync) => {
                    try_ready!(sync.step(cx.store, cx.budget));
                    let view = cx.store.view(handle, Access::ReadOnly);
                    // The messages are counted here, and again for most items.
                    cx.budget
                        .spend_pass(view.exists() as usize * (self.items.len() + 1));
                    StatusStage::Measure(view, Box::new(MailboxSize::new()))
                }
                StatusStage::Measure(view, size) => {
                    let octets = match self.items.contains(&StatusItem::Size) {
                        true => ready!(size.step(view, cx)),
                        false => 0,
                    };
                    let valued = |&item| (item, value(item, view, octets, cx));
                    return Step::Done(Ok(self.items.iter().map(valued).collect()));
                }
            }
        }
    }
}

fn open(
    name: &MailboxRef,
    items: &[StatusItem],
    cx: &mut Context<'_, '_>,
) -> Result<MailboxHandle, StoreError> {
    if items.contains(&StatusItem::HighestModSeq) {
        condstore::enable(cx);
    }
    let account = cx.state.account().ok_or(StoreError::NotFound)?;
    cx.store.open(account, name)
}

/// Returns the value of an item. `octets` is the size of the mailbox, if the client asks for it.
fn value(item: StatusItem, view: &View, octets: u64, cx: &Context<'_, '_>) -> u64 {
    let mailbox = cx.store.mailbox(view.handle());
    let count = match item {
        StatusItem::AppendLimit => cx.state.config.append_limit(),
        StatusItem::Deleted => cx.store.count_deleted(view),
        StatusItem::HighestModSeq => return cx.store.announced_mod_sequence(view),
        StatusItem::Messages => view.exists(),
        StatusItem::Recent => recent(view, cx),
        StatusItem::Size => return octets,
        StatusItem::UidNext => mailbox.uid_next(),
        StatusItem::UidValidity => mailbox.uid_validity().get(),
        StatusItem::Unseen => cx.store.count_unseen(view),
    };
    count.into()
}

/// Returns the count of messages that no session has claimed as recent yet. In the selected mailbox
/// they are those that this session has claimed (RFC 3501 §2.3.2).
fn recent(view: &View, cx: &Context<'_, '_>) -> u32 {
    let selected = cx.state.view().filter(|own| own.handle() == view.handle());
    selected.map_or_else(|| view.recent(), |own| cx.store.count_recent(view, own))
}
