//! The commands, one file (or folder) for each, named as the command. A file turns the arguments of
//! its command into a [`Job`], or refuses the command with a [`Reply`].
//!
//! What several commands share is beside them:
//!
//! | file | what it contains |
//! | --- | --- |
//! | `mailbox_argument` | names of clients to mailboxes, and back |
//! | `mailbox_names` | the names that exist and that are subscribed to: FIND, LIST, LSUB |
//! | `mailbox_size` | the octets of all messages of a mailbox: STATUS, LIST |
//! | `uid` | sets of message sequence numbers and of UIDs |
//! | `uid_collector` | the UIDs of the messages of a set: COPY, MOVE |
//! | `destination` | the mailbox that takes messages: APPEND, COPY, MOVE |
//! | `open_mailbox` | opening a mailbox: SELECT, EXAMINE, BBOARD |
//! | `qresync` | what changed since the client was here last: SELECT, EXAMINE |
//! | `capabilities`, `mechanisms` | the capabilities; the SASL mechanisms among them |
//! | `login_verdict` | asking the server for a verdict: LOGIN, AUTHENTICATE |
//! | `sasl_response` | the client's lines in a SASL exchange: AUTHENTICATE |
//! | `scram` | SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: AUTHENTICATE |

pub(super) mod append;
mod authenticate;
mod bboard;
mod capabilities;
mod capability;
mod check;
mod close;
mod copy;
mod create;
mod delete;
mod destination;
mod enable;
mod examine;
mod expunge;
mod fetch;
mod find;
mod id;
mod idle;
mod list;
mod login;
mod login_verdict;
mod logout;
mod lsub;
mod mailbox_argument;
mod mailbox_names;
mod mailbox_size;
mod mechanisms;
mod move_;
mod namespace;
mod noop;
mod open_mailbox;
mod partial;
mod qresync;
mod rename;
mod sasl_response;
mod scram;
mod search;
mod select;
mod sort;
mod starttls;
mod status;
mod store;
mod subscribe;
mod thread;
mod uid;
mod uid_collector;
mod unselect;
mod unsubscribe;

use super::job::{Answered, Job};
use super::reply::Reply;
use super::state::SessionState;
use crate::protocol::{Command, ListKind};

/// Returns the job of a command that is legal in the state of the session. Fails with the reply to
/// a command that is refused.
pub(super) fn job(command: Command, state: &mut SessionState) -> Result<Box<dyn Job>, Reply> {
    match command {
        // APPEND does not come here: `input` streams its message (see `append`).
        Command::Authenticate(arguments) => authenticate::job(arguments, state),
        Command::Bboard(name) => Ok(bboard::job(&name)),
        Command::Capability => answered(capability::reply(state)),
        Command::Check => answered(check::reply()),
        Command::Close => Ok(close::job()),
        Command::Copy(arguments) => copy::job(&arguments, state),
        Command::Create(arguments) => create::job(&arguments, state),
        Command::Delete(mailbox) => delete::job(&mailbox, state),
        Command::Enable(extensions) => Ok(enable::job(extensions)),
        Command::Examine(arguments) => Ok(examine::job(arguments, state)),
        Command::Expunge(uids) => expunge::job(uids.as_ref(), state),
        Command::Fetch(arguments) => fetch::job(arguments, state),
        Command::Find(arguments) => Ok(find::job(&arguments)),
        Command::Id(fields) => answered(id::reply(&fields, state)),
        Command::Idle => Ok(idle::job()),
        Command::List(arguments) => Ok(match arguments.kind {
            ListKind::List => list::job(arguments),
            ListKind::Lsub => lsub::job(arguments),
        }),
        Command::Login(credentials) => login::job(credentials, state),
        Command::Logout => Ok(logout::job()),
        Command::Move(arguments) => move_::job(&arguments, state),
        Command::Namespace => answered(namespace::reply(state)),
        Command::Noop => answered(noop::reply()),
        Command::Partial(arguments) => partial::job(arguments, state),
        Command::Rename(arguments) => rename::job(&arguments, state),
        Command::Search(arguments) => search::job(arguments, state),
        Command::Select(arguments) => Ok(select::job(arguments, state)),
        Command::Sort(arguments) => sort::job(arguments, state),
        Command::StartTls => answered(starttls::reply(state)),
        Command::Status(arguments) => status::job(arguments, state),
        Command::Store(arguments) => store::job(arguments, state),
        Command::Subscribe(arguments) => subscribe::job(&arguments, state),
        Command::Thread(arguments) => thread::job(arguments, state),
        Command::Unselect => Ok(unselect::job()),
        Command::Unsubscribe(arguments) => unsubscribe::job(&arguments, state),
    }
}

/// Returns the job of a command whose reply is known at once.
fn answered(reply: Reply) -> Result<Box<dyn Job>, Reply> {
    Ok(Answered::job(reply))
}
