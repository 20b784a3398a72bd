//! The way into the sandbox, for each mode.

use super::credentials::Credentials;
use super::user_sandbox::Sandbox;
use super::{policy, process};
use crate::options::{Mode, Options};

/// True if this process itself serves no client: it is root, and `--run-as` names no other user.
pub(crate) fn needs_fork_server(options: &Options) -> bool {
    options.mode == Mode::Wait && options.run_as.is_none() && process::is_root()
}

/// True if the process cannot open the option file any more after [`enter`], and reloads it.
pub(crate) fn hides_option_file(options: &Options) -> bool {
    match options.mode {
        Mode::Serve { .. } => true,
        Mode::Wait => !needs_fork_server(options),
        _ => false,
    }
}

/// Returns the faults that [`enter`] would find in the options, and changes nothing.
pub(crate) fn check(options: &Options) -> Result<(), String> {
    run_as(options).map(drop)
}

fn run_as(options: &Options) -> Result<Option<Credentials>, String> {
    let named = options
        .run_as
        .as_deref()
        .map(Credentials::named)
        .transpose();
    named.map_err(|error| format!("run-as: {error}"))
}

/// Restricts a process that has bound its ports as the options ask. Returns what it does when a
/// user logs in.
///
/// # Errors
/// Names the obstacle, for the operator. Then the process must not serve.
pub(crate) fn enter(options: &Options) -> Result<Sandbox, String> {
    process::require_one_thread()?;
    let run_as = run_as(options)?;
    match options.mode {
        Mode::Wait if needs_fork_server(options) => {
            process::forbid_core_dumps()?;
            Ok(Sandbox::ManyUsers)
        }
        Mode::Serve { .. } | Mode::Wait => {
            policy::become_daemon(options, run_as.as_ref())?;
            Ok(Sandbox::ManyUsers)
        }
        Mode::Inetd | Mode::Preauth(_) => {
            process::forbid_core_dumps()?;
            Ok(Sandbox::BeforeLogin {
                fallback: run_as,
                read_only: options.read_only,
            })
        }
        Mode::Demo { .. }
        | Mode::HashPassword(_)
        | Mode::CheckConfig
        | Mode::Help
        | Mode::Version => {
            process::forbid_core_dumps()?;
            process::renounce_privileges()?;
            Ok(Sandbox::ManyUsers)
        }
    }
}
