//! STATUS (RFC 3501 §6.3.10; APPENDLIMIT of RFC 7889, SIZE of RFC 8438, DELETED of RFC 9051 §6.3.11):
//! the counts of a mailbox without selecting it.

use super::size::Size;
use crate::budget::Step;
use crate::protocol::{StatusArguments, StatusItem};
use crate::ready;
use crate::session::condstore;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::store::{Access, MailboxHandle, StoreError, SyncMailbox, View};
use crate::types::MailboxRef;

struct Status {
    name: MailboxRef,
    facts: Facts,
}

/// Looks at the mailbox that the argument names.
pub(super) fn job(arguments: StatusArguments, core: &Core) -> Box<dyn Job> {
    match super::mailbox_argument(&arguments.mailbox, core) {
        Ok(name) => Box::new(Status {
            facts: Facts::new(name.clone(), arguments.items),
            name,
        }),
        Err(reply) => super::answered(reply),
    }
}

impl Job for Status {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        Step::Done(match ready!(self.facts.step(cx)) {
            Ok(facts) => {
                let name = super::name_on_wire(&self.name, cx.core);
                cx.core.encoder().status_line(&name, &facts);
                Reply::ok("STATUS completed")
            }
            Err(error) => Reply::refused(&error),
        })
    }
}

/// Finding out the facts of one mailbox: it is compared with the disk, counted and, if need be, measured.
pub(super) struct Facts {
    name: MailboxRef,
    items: Vec<StatusItem>,
    stage: Stage,
}

enum Stage {
    Unopened,
    Syncing(MailboxHandle, SyncMailbox),
    Measuring(View, Box<Size>),
}

impl Facts {
    pub(super) fn new(name: MailboxRef, items: Vec<StatusItem>) -> Self {
        Self {
            name,
            items,
            stage: Stage::Unopened,
        }
    }

    /// To be stepped until done.
    pub(super) fn step(
        &mut self,
        cx: &mut Cx<'_, '_>,
    ) -> Step<Result<Vec<(StatusItem, u64)>, StoreError>> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Unopened => match open(&self.name, &self.items, cx) {
                    Ok(handle) => {
                        let sync = SyncMailbox::for_open(handle.clone(), Access::ReadOnly);
                        Stage::Syncing(handle, sync)
                    }
                    Err(error) => return Step::Done(Err(error)),
                },
                Stage::Syncing(handle, sync) => match ready!(sync.step(cx.store, cx.budget)) {
                    Ok(()) => {
                        Stage::Measuring(cx.store.view(handle, Access::ReadOnly), Box::default())
                    }
                    Err(error) => return Step::Done(Err(error)),
                },
                Stage::Measuring(view, size) => {
                    let octets = match self.items.contains(&StatusItem::Size) {
                        true => ready!(size.step(view, cx)),
                        false => 0,
                    };
                    let fact = |&item| (item, value(item, view, octets, cx));
                    return Step::Done(Ok(self.items.iter().map(fact).collect()));
                }
            }
        }
    }
}

fn open(
    name: &MailboxRef,
    items: &[StatusItem],
    cx: &mut Cx<'_, '_>,
) -> Result<MailboxHandle, StoreError> {
    if items.contains(&StatusItem::HighestModSeq) {
        condstore::enable(cx);
    }
    let account = cx.core.account().ok_or(StoreError::NotFound)?;
    cx.store.open(account, name)
}

/// One fact, as the view has it, which was opened a moment ago.
fn value(item: StatusItem, view: &View, octets: u64, cx: &Cx<'_, '_>) -> u64 {
    let mailbox = cx.store.mailbox(view.handle());
    let count = match item {
        StatusItem::AppendLimit => cx.core.config.append_limit(),
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

/// Messages that are recent to nobody yet, and in the selected mailbox those that are so to this session:
/// it has claimed them (RFC 3501 §2.3.2).
fn recent(view: &View, cx: &Cx<'_, '_>) -> u32 {
    let selected = cx.core.view().filter(|own| own.handle() == view.handle());
    selected.map_or_else(|| view.recent(), |own| cx.store.count_recent(view, own))
}
