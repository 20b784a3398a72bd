//! What a process could still gain, or leave behind.

use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io;

/// What shows as the name of this process where only a short one does: else it would be `exe`, the way it was
/// started.
pub(crate) fn set_short_name(name: &str) {
    // Where /proc is not mounted, nobody sees it.
    let _ = std::fs::write("/proc/self/comm", name);
}

/// Everything here, and Landlock too, is done to one thread. The others would go on without walls.
pub(super) fn require_one_thread() -> Result<(), String> {
    // Where /proc is not mounted nobody can be asked, and nobody has started any.
    match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(count) if count > 1 => Err(format!("this process has {count} threads, not one")),
        _ => Ok(()),
    }
}

/// True if this process is root, or could be again.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root() || rustix::process::getuid().is_root()
}

/// Shows whoever has started this process that it is somebody's now: by leading a group of processes, which can be
/// seen from outside however much else is hidden, and which nothing else depends on.
pub(super) fn show_to_be_somebodys() {
    // It fails where the process does so already.
    let _ = rustix::process::setpgid(None, None);
}

/// True if that process of ours has called [`show_to_be_somebodys`].
pub(crate) fn is_somebodys(process: Pid) -> bool {
    rustix::process::getpgid(Some(process)) == Ok(process)
}

/// From now on no core dump is written of what is in memory here, and nobody but root may look at it.
/// Changing the user undoes the second, so this comes after it.
pub(crate) fn leave_no_traces() -> Result<(), String> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let done = rustix::process::setrlimit(Resource::Core, none)
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable));
    done.map_err(failed("forbid core dumps"))
}

/// From now on no program that this process runs has more rights than it, and it has none beyond those of
/// its user.
pub(super) fn renounce_privileges() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true).map_err(failed("renounce new privileges"))?;
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    if let Err(error) = keep_capabilities(CapabilitySet::empty()) {
        // A filter of system calls may stand in the way. They are fewer than root's, and were given.
        log::warn!("cannot drop capabilities: {error}");
    }
    Ok(())
}

/// From now on this process, though it may be root, has none of root's rights but to read files. Nor has any
/// program it runs.
pub(super) fn keep_reading_only() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true).map_err(failed("renounce new privileges"))?;
    keep_capabilities(CapabilitySet::DAC_READ_SEARCH).map_err(failed("drop capabilities"))
}

/// Drops all others. Somebody who is not root may have been given some, to listen on a port below 1024 for
/// example.
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
