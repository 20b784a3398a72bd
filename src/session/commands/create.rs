//! CREATE (RFC 3501 §6.3.3), also with USE, for a mailbox that is to have special uses (RFC 6154
//! §3).

use super::mailbox_argument;
use crate::budget::{COST_OPEN, Step, Why};
use crate::protocol::{Code, CreateArguments};
use crate::session::job::{Context, Job, Outcome};
use crate::session::reply::Reply;
use crate::session::special_use::UseCandidates;
use crate::session::state::SessionState;
use crate::store::{CreateMailbox, ListNames, StoreError};
use crate::types::{MailboxName, MailboxRef, SpecialUse};
use crate::{try_done, try_ready};

struct CreateJob {
    name: MailboxName,
    uses: Vec<SpecialUse>,
    /// The mailboxes that may have the special uses, and those that were not looked at yet.
    others: Option<(UseCandidates, ListNames)>,
    /// `None` before the special uses are checked.
    create: Option<CreateMailbox>,
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
        Some(uses) => Ok(Box::new(CreateJob {
            name,
            uses,
            others: None,
            create: None,
        })),
        None => Err(use_refused("The server does not know that special use")),
    }
}

impl Job for CreateJob {
    fn step(&mut self, cx: &mut Context<'_, '_>) -> Step<Outcome> {
        let create = match &mut self.create {
            Some(create) => create,
            None => {
                if !self.uses.is_empty() {
                    try_ready!(self.check_uses(cx));
                }
                let account = try_done!(cx.state.account().ok_or(StoreError::NotFound));
                let create = CreateMailbox::new(account.clone(), self.name.clone());
                self.create.insert(create)
            }
        };
        try_ready!(create.step(cx.store, cx.budget));
        Step::Done(Ok(Reply::ok("CREATE completed")))
    }

    fn may_fail(&self) -> bool {
        self.create.is_none()
    }
}

impl CreateJob {
    /// Fails if the new mailbox would not have the special uses (RFC 6154 §3).
    fn check_uses(&mut self, cx: &mut Context<'_, '_>) -> Step<Result<(), Reply>> {
        let special_uses = &cx.state.config.special_uses;
        let (candidates, names) = match &mut self.others {
            Some(others) => others,
            None => {
                let account = try_done!(cx.state.account().ok_or(StoreError::NotFound));
                let name = MailboxRef::Personal(self.name.clone());
                if cx.store.exists(account, &name) {
                    return Step::Done(Err(StoreError::Exists.into()));
                }
                let names = try_done!(ListNames::mailboxes(account));
                cx.budget.spend(2 * COST_OPEN);
                self.others.insert((UseCandidates::default(), names))
            }
        };
        while let Some(entry) = names.next(cx.budget) {
            if let Some(MailboxRef::Personal(name)) = try_done!(entry) {
                candidates.note(&name, special_uses);
            }
            if cx.budget.is_spent() {
                return Step::Yield(Why::Budget);
            }
        }
        let others = std::mem::take(candidates);
        let would_hold = special_uses.would_hold(&self.name, &self.uses, others);
        Step::Done(
            would_hold.then_some(()).ok_or_else(|| {
                use_refused("No mailbox of that name can have that special use now")
            }),
        )
    }
}

fn use_refused(text: &'static str) -> Reply {
    Reply::no(text).with_code(Code::UseAttr)
}
