//! CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.3-6.3.7; IMAP2bis with the words
//! MAILBOX and BBOARD after SUBSCRIBE, RFC 2061 p. 2).

use crate::budget::Step;
use crate::protocol::{MailboxKind, RenameArguments, SubscribeArguments};
use crate::ready;
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::store::{DeleteMailbox, RenameMailbox, StoreError, SubscribeMailbox};
use crate::types::{MailboxName, MailboxRef, mutf7};

/// Something the store does to the user's folders, in one step or more.
struct FolderJob {
    done: &'static str,
    work: Work,
    /// The mailbox that is no longer there under that name when it is done.
    takes_away: Option<MailboxName>,
}

enum Work {
    Create(MailboxName),
    Delete(MailboxName),
    Rename(MailboxName, MailboxName),
    Subscribe(MailboxRef, bool),
    Deleting(DeleteMailbox),
    Renaming(Box<RenameMailbox>),
    Subscribing(SubscribeMailbox),
}

/// RFC 3501 §6.3.3
pub(super) fn create(name: &[u8], core: &Core) -> Box<dyn Job> {
    match created(name, core) {
        Ok(name) => Box::new(FolderJob {
            done: "CREATE completed",
            work: Work::Create(name),
            takes_away: None,
        }),
        Err(reply) => super::answered(reply),
    }
}

/// The name that an argument of CREATE stands for: a trailing separator only announces names below it.
pub(super) fn created(name: &[u8], core: &Core) -> Result<MailboxName, Reply> {
    new_name(name.strip_suffix(b".").unwrap_or(name), core)
}

/// A name that a mailbox is to have. One that is there already may hide control characters and line breaks in
/// modified UTF-7; a new one may not (RFC 6855 §3).
fn new_name(name: &[u8], core: &Core) -> Result<MailboxName, Reply> {
    let is_unfit = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let name = super::personal_argument(name, core)?;
    match mutf7::decode(name.as_str().as_bytes()) {
        Some(text) if text.contains(is_unfit) => Err(Reply::no(
            "A mailbox name must not contain control characters",
        )),
        _ => Ok(name),
    }
}

/// RFC 3501 §6.3.4
pub(super) fn delete(name: &[u8], core: &Core) -> Box<dyn Job> {
    on_mailbox(name, core, "DELETE completed", Work::Delete)
}

/// RFC 3501 §6.3.5
pub(super) fn rename(arguments: &RenameArguments, core: &Core) -> Box<dyn Job> {
    match new_name(&arguments.to, core) {
        Ok(to) => on_mailbox(&arguments.from, core, "RENAME completed", |from| {
            Work::Rename(from, to)
        }),
        Err(reply) => super::answered(reply),
    }
}

fn on_mailbox(
    name: &[u8],
    core: &Core,
    done: &'static str,
    work: impl FnOnce(MailboxName) -> Work,
) -> Box<dyn Job> {
    match super::personal_argument(name, core) {
        Ok(name) => Box::new(FolderJob {
            done,
            // INBOX is still there when its messages are gone to another name (RFC 3501 §6.3.5).
            takes_away: (!name.is_inbox()).then(|| name.clone()),
            work: work(name),
        }),
        Err(reply) => super::answered(reply),
    }
}

/// Adds a name to the list of subscriptions, or removes it. A name may be on the list without there
/// being such a mailbox (RFC 3501 §6.3.6).
pub(super) fn subscribe(arguments: &SubscribeArguments, on: bool, core: &Core) -> Box<dyn Job> {
    let name = &arguments.name;
    let name = match arguments.kind {
        MailboxKind::Mailbox => super::mailbox_argument(name, core),
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
            takes_away: None,
        }),
        Err(reply) => super::answered(reply),
    }
}

impl Job for FolderJob {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let result = ready!(self.work.step(cx));
        Step::Done(match result {
            Ok(()) => {
                self.deselect(cx.core);
                Reply::ok(self.done)
            }
            Err(error) => Reply::refused(&error),
        })
    }
}

impl FolderJob {
    /// A client that takes away the mailbox it has selected knows that it is gone: it is not to lose its
    /// connection over that, as others do who have it selected.
    fn deselect(&mut self, core: &mut Core) {
        let gone = self.takes_away.take().map(MailboxRef::Personal);
        if core.selected.as_ref().map(|selected| &selected.name) == gone.as_ref() {
            core.selected = None;
        }
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
            Self::Delete(name) => Self::Deleting(DeleteMailbox::new(account.clone(), name.clone())),
            Self::Rename(from, to) => {
                let rename = RenameMailbox::new(account.clone(), from.clone(), to.clone());
                Self::Renaming(Box::new(rename))
            }
            Self::Subscribe(name, on) => {
                Self::Subscribing(SubscribeMailbox::new(account.clone(), name.clone(), *on))
            }
            Self::Deleting(work) => return work.step(cx.store, cx.budget),
            Self::Renaming(work) => return work.step(cx.store, cx.budget),
            Self::Subscribing(work) => return work.step(cx.store, cx.budget),
        };
        *self = begun;
        self.step(cx)
    }
}
