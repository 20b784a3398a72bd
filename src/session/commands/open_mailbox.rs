//! Opening a mailbox for SELECT, EXAMINE and BBOARD.
//!
//! The mailbox is opened and compared with the disk; then come its flags, EXISTS and RECENT. The
//! mailbox selected before is deselected first, even if the new one cannot be opened (RFC 3501
//! §6.3.1; RFC 1064 p. 10 by its order), and nothing is expunged by that.

use super::qresync::Resynchronization;
use crate::budget::Step;
use crate::protocol::{Code, SelectParameters, Status};
use crate::session::condstore;
use crate::session::job::{Context, Job, Outcome};
use crate::session::message_data::announce_keywords;
use crate::session::reply::Reply;
use crate::session::selected::Selected;
use crate::session::update_policy::UpdatePolicy;
use crate::store::{Access, MailboxHandle, SyncMailbox};
use crate::types::MailboxRef;
use crate::{ready, try_done, try_ready};

/// The opening of a mailbox, whose reply makes it the selected one.
pub(super) struct OpenMailboxJob {
    access: Access,
    parameters: SelectParameters,
    stage: OpenStage,
}

enum OpenStage {
    /// The mailbox that the client names, or why it cannot be selected.
    Begin(Result<MailboxRef, Reply>),
    /// The mailbox is being compared with the disk.
    Sync(MailboxRef, MailboxHandle, SyncMailbox),
    /// The mailbox is open, and what has changed since the client had it selected last is being
    /// written; then comes the reply.
    Resynchronize(Reply, Resynchronization),
}

impl OpenMailboxJob {
    /// Begins to open the mailbox `name`. An error in it is reported once the mailbox selected
    /// before is deselected.
    pub(super) fn begin(
        name: Result<MailboxRef, Reply>,
        access: Access,
        parameters: SelectParameters,
    ) -> Box<dyn Job> {
        Box::new(Self {
            access,
            parameters,
            stage: OpenStage::Begin(name),
        })
    }

    /// Deselects the mailbox selected before, and opens the new one.
    fn deselect_and_open(
        &mut self,
        name: Result<MailboxRef, Reply>,
        cx: &mut Context<'_, '_>,
    ) -> Result<OpenStage, Reply> {
        if self.parameters.qresync.is_some() && !cx.state.enabled.qresync {
            return Err(Reply::bad("QRESYNC has to be enabled first"));
        }
        condstore::announce_closed(cx.state);
        cx.state.selected = None;
        let opened = name.and_then(|name| self.open(name, cx));
        opened.map_err(|reply| reply.with_updates(UpdatePolicy::Nothing))
    }

    /// Opens the mailbox; for reading only, whatever the client has asked for, if nothing in it may
    /// be changed.
    fn open(&mut self, name: MailboxRef, cx: &mut Context<'_, '_>) -> Result<OpenStage, Reply> {
        let account = cx.state.account().ok_or_else(Reply::not_logged_in)?;
        let handle = cx.store.open(account, &name)?;
        if !cx.store.mailbox(&handle).is_writable() {
            self.access = Access::ReadOnly;
        }
        let sync = SyncMailbox::for_open(handle.clone(), self.access);
        Ok(OpenStage::Sync(name, handle, sync))
    }
}

impl Job for OpenMailboxJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let without_updates = |reply: Reply| reply.with_updates(UpdatePolicy::Nothing);
        loop {
            self.stage = match &mut self.stage {
                OpenStage::Begin(name) => {
                    let name = std::mem::replace(name, Err(Reply::no("Nothing was opened")));
                    try_done!(self.deselect_and_open(name, cx))
                }
                OpenStage::Sync(name, handle, sync) => {
                    let synced = sync.step(cx.store, cx.budget);
                    try_ready!(synced.map_err(|error| without_updates(error.into())));
                    let view = cx.store.view(handle, self.access);
                    // The messages are counted, and the first unseen one is looked for.
                    cx.budget.spend_pass(2 * view.exists() as usize);
                    let selected = Selected::new(name.clone(), view);
                    // RFC 7162 §3.1.8: with no mailbox selected yet there is no mod-sequence to
                    // announce.
                    cx.state.enabled.condstore |= self.parameters.condstore;
                    let reply = without_updates(announce(selected, cx));
                    let resync = self.parameters.qresync.take();
                    match resync.and_then(|resync| Resynchronization::new(&resync, cx)) {
                        Some(changes) => OpenStage::Resynchronize(reply, changes),
                        None => return Step::Done(Ok(reply)),
                    }
                }
                OpenStage::Resynchronize(reply, changes) => {
                    ready!(changes.step(cx));
                    return Step::Done(Ok(std::mem::replace(reply, Reply::ok(""))));
                }
            };
        }
    }

    fn memory(&self) -> usize {
        let qresync = self.parameters.qresync.as_ref();
        let changes = match &self.stage {
            OpenStage::Begin(_) => 0,
            OpenStage::Sync(_, _, sync) => sync.memory(),
            OpenStage::Resynchronize(_, changes) => changes.memory(),
        };
        qresync.map_or(0, |resync| resync.memory()) + changes
    }

    /// False once the mailbox is selected.
    fn may_fail(&self) -> bool {
        !matches!(self.stage, OpenStage::Resynchronize(..))
    }
}

/// Makes the mailbox the selected one, and writes its state.
fn announce(selected: Selected, cx: &mut Context<'_, '_>) -> Reply {
    let (exists, recent) = (selected.view.exists(), selected.view.recent());
    let access = selected.view.access();
    cx.state.selected = Some(selected);
    log::debug!("{}: selected, {exists} messages", cx.state.log_prefix());
    announce_keywords(cx.state, cx.store);
    cx.state.encoder().exists(exists);
    cx.state.encoder().recent(recent);
    if cx.state.dialect.sends_status_codes() {
        write_status_codes(cx);
    }
    // Old clients overwrite the twelfth octet of this text, so it must be longer than that.
    match access {
        Access::ReadWrite => Reply::ok("Mailbox selected").with_code(Code::ReadWrite),
        Access::ReadOnly => {
            Reply::ok("Mailbox selected, for reading only").with_code(Code::ReadOnly)
        }
    }
}

/// Writes UNSEEN, UIDVALIDITY, UIDNEXT (RFC 3501 §6.3.1), UIDNOTSTICKY (RFC 4315 §3) and
/// HIGHESTMODSEQ (RFC 7162 §3.1.2).
fn write_status_codes(cx: &mut Context<'_, '_>) {
    let Some(view) = cx.state.view() else { return };
    let mailbox = cx.store.mailbox(view.handle());
    let (validity, next) = (mailbox.uid_validity(), mailbox.uid_next());
    let is_sticky = mailbox.is_writable();
    let unseen = cx.store.first_unseen(view);
    let mut encoder = cx.state.encoder();
    let mut write = |status, code, text| {
        encoder.untagged(status, Some(code), text);
    };
    write(Status::Ok, Code::UidValidity(validity), "UIDs are valid");
    write(Status::Ok, Code::UidNext(next), "Predicted next UID");
    if !is_sticky {
        // New messages get UIDs that cannot be written to the disk (RFC 4315 §3).
        let text = "UIDs of new messages cannot be stored";
        write(Status::No, Code::UidNotSticky, text);
    }
    if let Some(number) = unseen {
        write(Status::Ok, Code::Unseen(number), "First unseen message");
    }
    if cx.state.enabled.condstore {
        condstore::announce_highest_modseq(cx);
    }
}
