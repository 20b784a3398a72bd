//! CREATE (RFC 3501 §6.3.3), also with USE, for a mailbox that is to have special uses (RFC 6154
//! §3).

use super::mailbox_argument;
use crate::budget::{COST_SYNC, Step};
use crate::protocol::{Code, CreateArguments};
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::state::SessionState;
use crate::store::StoreError;
use crate::types::{MailboxName, SpecialUse};

struct CreateJob {
    name: MailboxName,
    uses: Vec<SpecialUse>,
}

/// Creates a mailbox. A separator at the end of the name only announces names below it.
pub(super) fn job(
    arguments: &CreateArguments,
    state: &SessionState,
) -> Result<Box<dyn Job>, Reply> {
    let name = &arguments.mailbox[..];
    let name = mailbox_argument::new(name.strip_suffix(b".").unwrap_or(name), state)?;
    let known = |attribute: &Vec<u8>| SpecialUse::from_attribute(attribute);
    match arguments.uses.iter().map(known).collect() {
        Some(uses) => Ok(Box::new(CreateJob { name, uses })),
        None => Err(use_refused("The server does not know that special use")),
    }
}

impl Job for CreateJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let created = self.create(cx);
        cx.budget.spend(COST_SYNC);
        Step::Done(created.map(|()| Reply::ok("CREATE completed")))
    }
}

impl CreateJob {
    /// Creates the mailbox, unless it would not have the special uses (RFC 6154 §3).
    fn create(&self, cx: &mut Context<'_, '_>) -> Result<(), Reply> {
        let account = cx.state.account().ok_or(StoreError::NotFound)?;
        if !self.uses.is_empty() {
            let others = cx.store.list(account)?;
            if others.contains(&self.name) {
                return Err(StoreError::Exists.into());
            }
            let special_uses = &cx.state.config.special_uses;
            if !special_uses.would_hold(&self.name, &self.uses, &others) {
                let text = "No mailbox of that name can have that special use now";
                return Err(use_refused(text));
            }
        }
        Ok(cx.store.create(account, &self.name)?)
    }
}

fn use_refused(text: &'static str) -> Reply {
    Reply::no(text).with_code(Code::UseAttr)
}
