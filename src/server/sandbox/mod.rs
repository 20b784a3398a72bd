//! What the process may touch.

mod auth_worker;
mod credentials;
mod enter;
mod landlock;
mod option_reader;
mod ownership;
mod policy;
mod process;
mod ruleset;

pub(crate) use self::auth_worker::{AllowedFiles, enter_for_auth_worker};
pub(crate) use self::enter::{Sandbox, check, confine, needs_fork_server, will_be_closed};
pub(crate) use self::option_reader::{OptionReader, read_if_asked};
pub(crate) use self::process::{is_root, is_somebodys, leave_no_traces, set_short_name};
