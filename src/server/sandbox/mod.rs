//! What the process may touch.
//!
//! A mail server parses octets from any host, and holds the mail of users who trust it. Should a
//! client ever make it run code of its own, this room and the kernel decide what that code can
//! reach:
//!
//! * **The user of the process.** A daemon becomes the user of `--run-as` once it has its ports,
//!   and does not serve as root. A process that serves one client, started by root from inetd,
//!   becomes the user who has logged in. Only the fork server (`--wait`) stays root. The change is
//!   final: [`Credentials::assume`](credentials::Credentials::assume).
//! * **The files it may open.** A daemon: the mail, the bulletin boards, and, to read, the
//!   certificates. A process that serves one client: that user's Maildir and the bulletin boards.
//!   Nothing else, whatever the permissions of the files say: [`Ruleset`](ruleset::Ruleset),
//!   enforced by Landlock. A process that never writes mail may not.
//! * **What it could still gain or give away.** No privileges by running a program, no core dump,
//!   no debugger, no capabilities: `process`.
//!
//! None of it can be undone, and all of it concerns the whole process: so only the program asks for
//! it ([`Server::enter_sandbox`](super::Server::enter_sandbox)), and a test suite that embeds a
//! server is left alone.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `enter` | the way into the sandbox, for each mode |
//! | `user_sandbox` | [`Sandbox`]: what the process does when a user has logged in |
//! | `policy` | the user and the files of each kind of process |
//! | `ruleset` | the directories that a process may open |
//! | `landlock` | the kernel's enforcement of a ruleset |
//! | `credentials` | the user, the group and the other groups of a process |
//! | `process` | privileges, capabilities, core dumps |
//! | `ownership` | whether a Maildir belongs to the user that a daemon runs as |
//! | `option_reader` | the process that reads the option file for a server in its sandbox |
//! | `auth_worker` | the sandbox of the process that checks passwords |

mod auth_worker;
mod credentials;
mod enter;
mod landlock;
mod option_reader;
mod ownership;
mod policy;
mod process;
mod ruleset;
mod user_sandbox;

pub(crate) use self::auth_worker::{AllowedFiles, enter_for_auth_worker};
pub(crate) use self::enter::{check, enter, hides_option_file, needs_fork_server};
pub(crate) use self::option_reader::{OptionReader, run_if_option_reader};
pub(crate) use self::process::{forbid_core_dumps, has_become_a_user, is_root};
pub(crate) use self::user_sandbox::Sandbox;
