//! CREATE with USE (RFC 6154 §3): a mailbox that is to have a special use, or not to be.

use crate::budget::{COST_SYNC, Step};
use crate::protocol::{Code, CreateArguments};
use crate::session::core::Core;
use crate::session::job::{Cx, Job, Reply};
use crate::store::StoreError;
use crate::types::{MailboxName, SpecialUse};

struct CreateFor {
    name: MailboxName,
    /// `None` if one was asked for that there is not.
    uses: Option<Vec<SpecialUse>>,
}

/// Creates a mailbox for some uses, given as attributes.
pub(super) fn create(arguments: &CreateArguments, core: &Core) -> Box<dyn Job> {
    let known = |attribute: &Vec<u8>| SpecialUse::from_attribute(attribute);
    match super::folders::created(&arguments.mailbox, core) {
        Ok(name) => Box::new(CreateFor {
            name,
            uses: arguments.uses.iter().map(known).collect(),
        }),
        Err(reply) => super::answered(reply),
    }
}

impl Job for CreateFor {
    fn step(&mut self, cx: &mut Cx<'_, '_>) -> Step<Reply> {
        let result = match &self.uses {
            None => return Step::Done(refused("There is no such special use here")),
            Some(uses) => create_for(&self.name, uses, cx),
        };
        cx.budget.spend(COST_SYNC);
        Step::Done(match result {
            Ok(true) => Reply::ok("CREATE completed"),
            Ok(false) => refused("No mailbox of that name can have that special use now"),
            Err(error) => Reply::refused(&error),
        })
    }
}

/// False if it would not have those uses: then it is not created either (RFC 6154 §3).
fn create_for(
    name: &MailboxName,
    uses: &[SpecialUse],
    cx: &mut Cx<'_, '_>,
) -> Result<bool, StoreError> {
    let account = cx.core.account().ok_or(StoreError::NotFound)?;
    let others = cx.store.list(account)?;
    if others.contains(name) {
        return Err(StoreError::Exists);
    }
    if !cx.core.config.special_uses.would_hold(name, uses, &others) {
        return Ok(false);
    }
    cx.store.create(account, name).map(|()| true)
}

fn refused(text: &'static str) -> Reply {
    Reply::no(text).with_code(Code::UseAttr)
}
