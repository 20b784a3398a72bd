//! Processes that the server starts beside itself: the same program, started again.
//!
//! The program is started by way of `/proc/self/exe`, so that it is the same one even if a newer
//! version has been installed meanwhile. A helper is recognised by the name it is started under
//! (`argv[0]`): so no option is needed, and a list of processes shows which one does what.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The file that this process runs, even if another file has its name meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Returns a command that starts this program again. The service manager gets notifications from
/// the server only, so the new process does not know its socket.
pub(super) fn this_program() -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    command.env_remove("NOTIFY_SOCKET");
    command
}

/// Returns a command that starts this program as the helper of that name. It has no output but its
/// log.
pub(super) fn helper(name: &str) -> Command {
    let mut command = this_program();
    command.arg0(name).stdout(Stdio::null());
    command
}

/// Prepares this process, which is a helper: shows its name where only a short one is shown (`ps`,
/// `top`), and ignores the signals that are meant for the server. An operator who sends them by
/// name, or to all processes of a service, means the server; a helper ends when the server has
/// ended.
pub(super) fn prepare_helper(name: &str) -> io::Result<()> {
    set_short_name(name);
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// Sets the name that tools show where only a short one fits. Without this the short name would be
/// `exe`, after the path by which the helper was started.
fn set_short_name(name: &str) {
    // Where /proc is not mounted, no program shows it.
    let _ = std::fs::write("/proc/self/comm", name);
}
