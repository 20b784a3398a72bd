//! SELECT, EXAMINE and BBOARD (RFC 1064 p. 9-10, RFC 1176 p. 11, RFC 3501 §6.3.1-6.3.2), and their
//! opposite, UNSELECT (RFC 3691).
//!
//! The first three open a mailbox, compare it with the disk, and tell the flags, the count and the recent
//! count. Whatever was selected before is deselected first, even if the new mailbox cannot be opened
//! (RFC 3501 §6.3.1; RFC 1064 p. 10 by its order), and nothing is expunged by that.

use super::resync::Returning;
use crate::budget::Step;
use crate::protocol::{Code, SelectArguments, SelectParameters, Status};
use crate::ready;
use crate::session::condstore;
use crate::session::core::{Core, Selected};
use crate::session::job::{Cx, Job, Reply};
use crate::session::untagged::{Occasion, tell_keywords};
use crate::store::{Access, MailboxHandle, SyncMailbox};
use crate::types::MailboxRef;

/// Opens a mailbox for reading and writing.
pub(super) fn select(arguments: SelectArguments, core: &Core) -> Box<dyn Job> {
    let name = super::mailbox_argument(&arguments.mailbox, core);
    job(name, Access::ReadWrite, arguments.parameters)
}

/// Opens a mailbox for reading.
pub(super) fn examine(arguments: SelectArguments, core: &Core) -> Box<dyn Job> {
    let name = super::mailbox_argument(&arguments.mailbox, core);
    job(name, Access::ReadOnly, arguments.parameters)
}

/// Opens a bulletin board: SELECT with a name from another name space (RFC 1176 p. 11).
pub(super) fn bboard(name: &[u8]) -> Box<dyn Job> {
    let parameters = SelectParameters::default();
    job(super::board_argument(name), Access::ReadWrite, parameters)
}

fn job(
    name: Result<MailboxRef, Reply>,
    access: Access,
    parameters: SelectParameters,
) -> Box<dyn Job> {
    Box::new(Select {
        name: Some(name),
        access,
        parameters,
        opening: None,
        returning: None,
    })
}

struct Select {
    name: Option<Result<MailboxRef, Reply>>,
    access: Access,
    parameters: SelectParameters,
    opening: Option<(MailboxRef, MailboxHandle, SyncMailbox)>,
    /// The mailbox is open, and the client is told what has changed since it was here.
    returning: Option<(Reply, Returning)>,
}

impl Job for Select {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        if let Some((reply, returning)) = &mut self.returning {
            ready!(returning.step(cx));
            let reply = std::mem::replace(reply, Reply::ok(""));
            return Step::Done(reply.on(Occasion::Nothing));
        }
        if let Some(name) = self.name.take() {
            if self.parameters.qresync.is_some() && !cx.core.enabled.qresync {
                return Step::Done(Reply::bad("QRESYNC has to be enabled first"));
            }
            condstore::tell_closed(cx.core);
            cx.core.selected = None;
            match name.and_then(|name| self.open(name, cx)) {
                Ok(opening) => self.opening = Some(opening),
                Err(reply) => return Step::Done(reply.on(Occasion::Nothing)),
            }
        }
        let Some((_, _, sync)) = &mut self.opening else {
            return Step::Done(Reply::no("Nothing was opened"));
        };
        if let Err(error) = ready!(sync.step(cx.store, cx.budget)) {
            return Step::Done(Reply::refused(&error).on(Occasion::Nothing));
        }
        let Some((name, handle, _)) = self.opening.take() else {
            return Step::Done(Reply::no("Nothing was opened"));
        };
        let view = cx.store.view(&handle, self.access);
        // With no mailbox selected yet it goes without saying (RFC 7162 §3.1.8).
        cx.core.enabled.condstore |= self.parameters.condstore;
        let reply = announce(Selected::new(name, view), cx);
        let resync = self.parameters.qresync.take();
        match resync.and_then(|resync| Returning::new(&resync, cx)) {
            Some(returning) => {
                self.returning = Some((reply, returning));
                self.step(cx)
            }
            None => Step::Done(reply.on(Occasion::Nothing)),
        }
    }
}

impl Select {
    /// A mailbox in which nothing may be changed is opened for reading, whatever was asked for.
    fn open(
        &mut self,
        name: MailboxRef,
        cx: &mut Cx<'_, '_>,
    ) -> Result<(MailboxRef, MailboxHandle, SyncMailbox), Reply> {
        let Some(account) = cx.core.account() else {
            return Err(Reply::bad("Log in first"));
        };
        let handle = cx
            .store
            .open(account, &name)
            .map_err(|error| Reply::refused(&error))?;
        if !cx.store.mailbox(&handle).is_writable() {
            self.access = Access::ReadOnly;
        }
        let sync = SyncMailbox::for_open(handle.clone(), self.access);
        Ok((name, handle, sync))
    }
}

/// Leaves the mailbox as CLOSE does, except that nothing is removed (RFC 3691 §2).
pub(super) struct Unselect;

impl Job for Unselect {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        cx.core.selected = None;
        Step::Done(Reply::ok("UNSELECT completed").on(Occasion::Nothing))
    }
}

/// Tells the state of the mailbox and makes it the selected one.
fn announce(selected: Selected, cx: &mut Cx<'_, '_>) -> Reply {
    let (exists, recent) = (selected.view.exists(), selected.view.recent());
    let access = selected.view.access();
    log::debug!(
        "{}: selected {} ({exists} messages)",
        cx.core.peer.name,
        selected.name
    );
    cx.core.selected = Some(selected);
    tell_keywords(cx.core, cx.store);
    cx.core.encoder().exists(exists);
    cx.core.encoder().recent(recent);
    if cx.core.dialect.sends_status_codes() {
        tell_codes(cx);
    }
    // Old clients overwrite the twelfth octet of this text, so it must be longer than that.
    match access {
        Access::ReadWrite => Reply::ok("Mailbox selected").with_code(Code::ReadWrite),
        Access::ReadOnly => {
            Reply::ok("Mailbox selected, for reading only").with_code(Code::ReadOnly)
        }
    }
}

/// RFC 3501 §6.3.1: UNSEEN, UIDVALIDITY, UIDNEXT; RFC 4315 §3: UIDNOTSTICKY; RFC 7162 §3.1.2: HIGHESTMODSEQ.
fn tell_codes(cx: &mut Cx<'_, '_>) {
    let Some(view) = cx.core.view() else { return };
    let mailbox = cx.store.mailbox(view.handle());
    let (validity, next) = (mailbox.uid_validity(), mailbox.uid_next());
    let is_sticky = mailbox.is_writable();
    let unseen = cx.store.first_unseen(view);
    let mut encoder = cx.core.encoder();
    encoder.untagged(
        Status::Ok,
        Some(Code::UidValidity(validity)),
        "UIDs are valid",
    );
    encoder.untagged(Status::Ok, Some(Code::UidNext(next)), "The next UID");
    if !is_sticky {
        // New messages get UIDs that cannot be written down (RFC 4315 §3).
        let text = "UIDs of new messages are not kept";
        encoder.untagged(Status::No, Some(Code::UidNotSticky), text);
    }
    if let Some(number) = unseen {
        encoder.untagged(
            Status::Ok,
            Some(Code::Unseen(number)),
            "The first message not seen",
        );
    }
    if cx.core.enabled.condstore {
        condstore::tell_highest(cx);
    }
}
