//! CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.3-6.3.7; IMAP2bis with the words
//! MAILBOX and BBOARD after SUBSCRIBE, RFC 2061 p. 2).

use crate::budget::Step;
use crate::protocol::MailboxKind;
use crate::ready;
use crate::session::job::{Cx, Job, Reply};
use crate::store::{Delete, Rename, StoreError, Subscribe};
use crate::types::{MailboxName, MailboxRef};

/// Something the store does to the user's folders, in one step or more.
struct FolderJob {
    done: &'static str,
    work: Work,
}

enum Work {
    Create(MailboxName),
    Delete(MailboxName),
    Rename(MailboxName, MailboxName),
    Subscribe(MailboxRef, bool),
    Deleting(Delete),
    Renaming(Rename),
    Subscribing(Subscribe),
}

/// RFC 3501 §6.3.3. A trailing separator only announces names below this one.
pub(super) fn create(name: &[u8]) -> Box<dyn Job> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    on_mailbox(name, "CREATE completed", Work::Create)
}

/// RFC 3501 §6.3.4
pub(super) fn delete(name: &[u8]) -> Box<dyn Job> {
    on_mailbox(name, "DELETE completed", Work::Delete)
}

/// RFC 3501 §6.3.5
pub(super) fn rename(from: &[u8], to: &[u8]) -> Box<dyn Job> {
    match super::personal_argument(to) {
        Ok(to) => on_mailbox(from, "RENAME completed", |from| Work::Rename(from, to)),
        Err(reply) => super::answered(reply),
    }
}

fn on_mailbox(
    name: &[u8],
    done: &'static str,
    work: impl FnOnce(MailboxName) -> Work,
) -> Box<dyn Job> {
    match super::personal_argument(name) {
        Ok(name) => Box::new(FolderJob {
            done,
            work: work(name),
        }),
        Err(reply) => super::answered(reply),
    }
}

/// Adds a name to the list of subscriptions, or removes it. A name may be on the list without there
/// being such a mailbox (RFC 3501 §6.3.6).
pub(super) fn subscribe(kind: MailboxKind, name: &[u8], on: bool) -> Box<dyn Job> {
    let name = match kind {
        MailboxKind::Mailbox => super::mailbox_argument(name),
        MailboxKind::Bboard => super::board_argument(name),
    };
    let done = if on {
        "SUBSCRIBE completed"
    } else {
        "UNSUBSCRIBE completed"
    };
    match name {
        Ok(name) => Box::new(FolderJob {
            done,
            work: Work::Subscribe(name, on),
        }),
        Err(reply) => super::answered(reply),
    }
}

impl Job for FolderJob {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let result = ready!(self.work.step(cx));
        Step::Done(match result {
            Ok(()) => Reply::ok(self.done),
            Err(error) => Reply::refused(&error),
        })
    }
}

impl Work {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Result<(), StoreError>> {
        let Some(account) = cx.core.account() else {
            return Step::Done(Err(StoreError::NotFound));
        };
        let begun = match self {
            Self::Create(name) => {
                return Step::Done(cx.store.create(account, name));
            }
            Self::Delete(name) => Self::Deleting(Delete::new(account.clone(), name.clone())),
            Self::Rename(from, to) => {
                Self::Renaming(Rename::new(account.clone(), from.clone(), to.clone()))
            }
            Self::Subscribe(name, on) => {
                Self::Subscribing(Subscribe::new(account.clone(), name.clone(), *on))
            }
            Self::Deleting(work) => return work.step(cx.store, cx.budget),
            Self::Renaming(work) => return work.step(cx.store, cx.budget),
            Self::Subscribing(work) => return work.step(cx.store, cx.budget),
        };
        *self = begun;
        self.step(cx)
    }
}
