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
mod id;
mod idle;
mod list;
mod login;
mod moving;
mod names;
mod namespace;
mod resync;
mod scram;
mod search;
mod select;
mod size;
mod special_use;
mod starttls;
mod status;
mod store;

use super::core::Core;
use super::job::{Job, Reply};
use super::utf8;
use crate::protocol::Command;
use crate::store::layout;
use crate::types::mailbox_name::{BBOARD_PREFIX, NameError, SEPARATOR};
use crate::types::{MailboxName, MailboxRef};

/// The job of a command that is legal in this state.
pub(super) fn job(command: Command, core: &mut Core) -> Box<dyn Job> {
    match command {
        Command::Authenticate(arguments) => authenticate::job(arguments, core),
        Command::Bboard(name) => select::bboard(&name),
        Command::Capability => answered(any_state::capability(core)),
        Command::Check => answered(any_state::check()),
        Command::Close => Box::new(expunge::Close::default()),
        Command::Copy(arguments) => copy::job(&arguments, core),
        Command::Create(arguments) if arguments.uses.is_empty() => {
            folders::create(&arguments.mailbox, core)
        }
        Command::Create(arguments) => special_use::create(&arguments, core),
        Command::Delete(mailbox) => folders::delete(&mailbox, core),
        Command::Enable(extensions) => enable::job(extensions),
        Command::Examine(arguments) => select::examine(arguments, core),
        Command::Expunge(uids) => expunge::job(uids.as_ref(), core),
        Command::Fetch(arguments) => fetch::job(arguments, core),
        Command::Find(arguments) => find::job(&arguments),
        Command::Id(fields) => answered(id::id(&fields, core)),
        Command::Idle => Box::new(idle::Idle::default()),
        Command::List(arguments) => list::job(arguments),
        Command::Login(credentials) => login::job(credentials, core),
        Command::Logout => Box::new(any_state::Logout),
        Command::Move(arguments) => moving::job(&arguments, core),
        Command::Namespace => answered(namespace::namespace(core)),
        Command::Noop => answered(Reply::ok("NOOP completed")),
        Command::Partial(arguments) => fetch::partial(arguments, core),
        Command::Rename(arguments) => folders::rename(&arguments, core),
        Command::Search(arguments) => search::search(arguments, core),
        Command::Select(arguments) => select::select(arguments, core),
        Command::Sort(arguments) => search::sort(arguments, core),
        Command::StartTls => answered(starttls::starttls(core)),
        Command::Status(arguments) => status::job(arguments, core),
        Command::Store(arguments) => store::job(arguments, core),
        Command::Subscribe(arguments) => folders::subscribe(&arguments, true, core),
        Command::Thread(arguments) => search::thread(arguments, core),
        Command::Unselect => Box::new(select::Unselect),
        Command::Unsubscribe(arguments) => folders::subscribe(&arguments, false, core),
    }
}

/// The job of a command whose reply is known.
fn answered(reply: Reply) -> Box<dyn Job> {
    Box::new(Some(reply))
}

/// The mailbox that an argument names, of either kind. The one place where a name in UTF-8 becomes what it
/// is everywhere else; on its way out it does so in [`Encoder::name`](crate::protocol::Encoder::name).
fn mailbox_argument(name: &[u8], core: &Core) -> Result<MailboxRef, Reply> {
    let name = &*utf8::name(name, core);
    let prefix = name.split_at_checked(BBOARD_PREFIX.len());
    match prefix.filter(|(start, _)| start.eq_ignore_ascii_case(BBOARD_PREFIX.as_bytes())) {
        Some((_, board)) => board_argument(board),
        None if is_above_boards(name) => Err(Reply::no("That is where the bulletin boards are")),
        None => own_name(name, core.config.namespace_prefix)
            .and_then(layout::mailbox_name)
            .map(MailboxRef::Personal)
            .map_err(Reply::no),
    }
}

/// The name that a mailbox of the user has on disk: what is left without the prefix that all of them have
/// but INBOX.
fn own_name<'n>(name: &'n [u8], prefix: &str) -> Result<&'n [u8], NameError> {
    const INBOX: &[u8] = b"INBOX";
    if prefix.is_empty() || name.eq_ignore_ascii_case(INBOX) {
        return Ok(name);
    }
    match name.split_at_checked(prefix.len()) {
        Some((start, own)) if start.eq_ignore_ascii_case(prefix.as_bytes()) => {
            match own.eq_ignore_ascii_case(INBOX) {
                true => Err("there is only one INBOX"),
                false => Ok(own),
            }
        }
        _ => Err("the names of all mailboxes but INBOX begin with \"INBOX.\""),
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
fn name_on_wire(name: &MailboxRef, core: &Core) -> String {
    match name {
        MailboxRef::Personal(own) if !own.is_inbox() => {
            format!("{}{own}", core.config.namespace_prefix)
        }
        _ => name.to_string(),
    }
}

/// The user's own mailbox that an argument names.
fn personal_argument(name: &[u8], core: &Core) -> Result<MailboxName, Reply> {
    match mailbox_argument(name, core)? {
        MailboxRef::Personal(name) => Ok(name),
        MailboxRef::Bboard(_) => Err(Reply::no("Bulletin boards are kept by the operator")),
    }
}
