//! Privileges, capabilities and core dumps of this process.

use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io;

/// Checks that this process has one thread. Everything here, and Landlock too, applies to one
/// thread only: others would stay outside the sandbox.
pub(super) fn require_one_thread() -> Result<(), String> {
    // Where /proc is not mounted the number is unknown; this program has started no other thread.
    match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(count) if count > 1 => Err(format!("this process has {count} threads, not one")),
        _ => Ok(()),
    }
}

/// True if this process is root, or could be again.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root() || rustix::process::getuid().is_root()
}

/// Marks this process, for the fork server that has started it, as one that has become a user: it
/// leads a process group, which other processes can see however much else is hidden, and which
/// nothing else depends on.
pub(super) fn mark_as_a_users() {
    // It fails if the process leads a group already.
    let _ = rustix::process::setpgid(None, None);
}

/// True if that child process has called [`mark_as_a_users`].
pub(crate) fn has_become_a_user(process: Pid) -> bool {
    rustix::process::getpgid(Some(process)) == Ok(process)
}

/// Makes the kernel write no core dump of this process, and let no process but root's read its
/// memory. Changing the user undoes the second, so the caller changes the user first.
pub(crate) fn forbid_core_dumps() -> Result<(), String> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let done = rustix::process::setrlimit(Resource::Core, none)
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable));
    done.map_err(failed("forbid core dumps"))
}

/// Drops all rights beyond those of the user. No program that this process runs can gain others.
pub(super) fn renounce_privileges() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true).map_err(failed("renounce new privileges"))?;
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    if let Err(error) = keep_capabilities(CapabilitySet::empty()) {
        // A filter of system calls may forbid it. They are fewer than root's, and the operator gave
        // them.
        log::warn!("cannot drop capabilities: {error}");
    }
    Ok(())
}

/// Drops all of root's rights but that to read files, in this process and in all programs that it
/// runs.
pub(super) fn keep_reading_only() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true).map_err(failed("renounce new privileges"))?;
    keep_capabilities(CapabilitySet::DAC_READ_SEARCH).map_err(failed("drop capabilities"))
}

/// Drops all other capabilities. A process that is not root may have some, for example to listen on
/// a port below 1024.
fn keep_capabilities(kept: CapabilitySet) -> rustix::io::Result<()> {
    // Kernels that were built without capabilities have no ambient ones.
    let _ = rustix::thread::clear_ambient_capability_set();
    let before = rustix::thread::capabilities(None)?;
    let after = CapabilitySets {
        effective: before.effective & kept,
        permitted: before.permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    if before == after {
        return Ok(());
    }
    rustix::thread::set_capabilities(None, after)
}

fn failed(doing: &'static str) -> impl FnOnce(rustix::io::Errno) -> String {
    move |error| format!("cannot {doing}: {}", io::Error::from(error))
}
