//! What each command does, one file per family. A command becomes a [`Job`]; what is known at once is a
//! job that is done already.

mod any_state;
pub(super) mod append;
mod authenticate;
mod copy;
mod enable;
mod expunge;
mod fetch;
mod find;
mod folders;
mod idle;
mod login;
mod moving;
mod resync;
mod search;
mod select;
mod status;
mod store;

use super::core::Core;
use super::job::{Job, Reply};
use crate::protocol::Credentials;
use crate::protocol::command::Command;
use crate::store::layout;
use crate::types::mailbox_name::SEPARATOR;
use crate::types::{MailboxName, MailboxRef};

/// What a bulletin board's name begins with where names of both kinds can stand.
const BBOARD_PREFIX: &str = "#bboard.";

/// The job of a command that is legal in this state.
pub(super) fn job(command: Command, core: &mut Core) -> Box<dyn Job> {
    match command {
        Command::Authenticate { mechanism, initial } => authenticate::job(mechanism, initial, core),
        Command::Bboard { name } => select::bboard(&name),
        Command::Capability => answered(any_state::capability(core)),
        Command::Check => answered(any_state::check()),
        Command::Close => Box::new(expunge::Close::default()),
        Command::Copy { uid, set, mailbox } => copy::job(uid, &set, &mailbox, core),
        Command::Create { mailbox } => folders::create(&mailbox),
        Command::Delete { mailbox } => folders::delete(&mailbox),
        Command::Enable { extensions } => enable::job(extensions),
        Command::Examine {
            mailbox,
            parameters,
        } => select::examine(&mailbox, parameters),
        Command::Expunge { uids } => expunge::job(uids.as_ref(), core),
        Command::Fetch {
            uid,
            set,
            items,
            modifiers,
        } => fetch::job(uid, &set, items, modifiers, core),
        Command::Find { what, all, pattern } => find::job(find::Find { what, all, pattern }),
        Command::Idle => Box::new(idle::Idle::default()),
        Command::List {
            subscribed,
            reference,
            pattern,
        } => find::job(find::List {
            subscribed,
            reference,
            pattern,
        }),
        Command::Login { user, password } => login::job(Credentials { user, password }, core),
        Command::Logout => Box::new(any_state::Logout),
        Command::Move { uid, set, mailbox } => moving::job(uid, &set, &mailbox, core),
        Command::Noop => answered(Reply::ok("NOOP completed")),
        Command::Partial {
            number,
            item,
            start,
            count,
        } => fetch::partial(number, item, start, count, core),
        Command::Rename { from, to } => folders::rename(&from, &to),
        Command::Search { uid, charset, keys } => search::job(uid, charset.as_deref(), keys, core),
        Command::Select {
            mailbox,
            parameters,
        } => select::select(&mailbox, parameters),
        Command::Status { mailbox, items } => status::job(&mailbox, items),
        Command::Store {
            uid,
            set,
            operation,
            silent,
            flags,
            unchanged_since,
        } => store::job(
            store::Arguments {
                uid,
                set,
                operation,
                silent,
                flags,
                unchanged_since,
            },
            core,
        ),
        Command::Subscribe { what, name, on } => folders::subscribe(what, &name, on),
        Command::Unselect => Box::new(select::Unselect),
    }
}

/// The job of a command whose reply is known.
fn answered(reply: Reply) -> Box<dyn Job> {
    Box::new(Some(reply))
}

/// The mailbox that an argument names, of either kind.
fn mailbox_argument(name: &[u8]) -> Result<MailboxRef, Reply> {
    let prefix = name.split_at_checked(BBOARD_PREFIX.len());
    match prefix.filter(|(start, _)| start.eq_ignore_ascii_case(BBOARD_PREFIX.as_bytes())) {
        Some((_, board)) => board_argument(board),
        None if is_above_boards(name) => Err(Reply::no("That is where the bulletin boards are")),
        None => layout::mailbox_name(name)
            .map(MailboxRef::Personal)
            .map_err(Reply::no),
    }
}

/// True for what is above the bulletin boards: a mailbox of that name could not have others below it.
fn is_above_boards(name: &[u8]) -> bool {
    let above = BBOARD_PREFIX.trim_end_matches(SEPARATOR);
    name.eq_ignore_ascii_case(above.as_bytes())
}

/// The bulletin board that an argument names, where nothing else can stand.
fn board_argument(name: &[u8]) -> Result<MailboxRef, Reply> {
    layout::bboard_name(name)
        .map(MailboxRef::Bboard)
        .map_err(Reply::no)
}

/// The name under which a mailbox of either kind can be selected.
fn name_on_wire(name: &MailboxRef) -> String {
    match name {
        MailboxRef::Personal(name) => name.to_string(),
        MailboxRef::Bboard(name) => format!("{BBOARD_PREFIX}{name}"),
    }
}

/// The user's own mailbox that an argument names.
fn personal_argument(name: &[u8]) -> Result<MailboxName, Reply> {
    match mailbox_argument(name)? {
        MailboxRef::Personal(name) => Ok(name),
        MailboxRef::Bboard(_) => Err(Reply::no("Bulletin boards are kept by the operator")),
    }
}
