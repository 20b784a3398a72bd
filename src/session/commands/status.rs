//! STATUS (RFC 3501 §6.3.10): the counts of a mailbox without selecting it.

use crate::budget::Step;
use crate::protocol::StatusItem;
use crate::ready;
use crate::session::condstore;
use crate::session::job::{Cx, Job, Reply};
use crate::store::{Access, MailboxHandle, Sync};
use crate::types::MailboxRef;

struct Status {
    name: MailboxRef,
    items: Vec<StatusItem>,
    opening: Option<(MailboxHandle, Sync)>,
}

/// Looks at the mailbox that the argument names.
pub(super) fn job(name: &[u8], items: Vec<StatusItem>) -> Box<dyn Job> {
    match super::mailbox_argument(name) {
        Ok(name) => Box::new(Status {
            name,
            items,
            opening: None,
        }),
        Err(reply) => super::answered(reply),
    }
}

impl Job for Status {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let (handle, sync) = match &mut self.opening {
            Some(opening) => opening,
            None => {
                let Some(account) = cx.core.account() else {
                    return Step::Done(Reply::bad("Log in first"));
                };
                match cx.store.open(account, &self.name) {
                    Ok(handle) => {
                        let sync = Sync::for_open(handle.clone(), Access::ReadOnly);
                        self.opening.insert((handle, sync))
                    }
                    Err(error) => return Step::Done(Reply::refused(&error)),
                }
            }
        };
        if self.items.contains(&StatusItem::HighestModSeq) {
            condstore::enable(cx);
        }
        if let Err(error) = ready!(sync.step(cx.store, cx.budget)) {
            return Step::Done(Reply::refused(&error));
        }
        let view = &cx.store.view(handle, Access::ReadOnly);
        let mailbox = cx.store.mailbox(view.handle());
        let value = |item| match item {
            StatusItem::HighestModSeq => cx.store.told_modseq(view),
            StatusItem::Messages => view.exists().into(),
            StatusItem::Recent => view.recent().into(),
            StatusItem::UidNext => mailbox.uid_next().into(),
            StatusItem::UidValidity => mailbox.uid_validity().get().into(),
            StatusItem::Unseen => cx.store.count_unseen(view).into(),
        };
        let facts: Vec<(StatusItem, u64)> =
            self.items.iter().map(|&item| (item, value(item))).collect();
        cx.core
            .encoder()
            .status_line(&super::name_on_wire(&self.name), &facts);
        Step::Done(Reply::ok("STATUS completed"))
    }
}
