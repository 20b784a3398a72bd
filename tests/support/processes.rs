//! What the kernel reports about processes.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Returns the children of a process and their names (`argv[0]`), the oldest first.
pub(crate) fn children(parent: u32) -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").expect("the processes");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found: Vec<u32> = numbers
        .filter(|&pid| parent_of(pid) == Some(parent))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|pid| (pid, name(pid))).collect()
}

/// Reads the fourth field of `stat`, after a name in parentheses that may contain any octet.
/// Returns `None` if the process has exited.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    fields.next()?.parse().ok().filter(|_| state != "Z")
}

fn name(pid: u32) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let name = command.split(|&octet| octet == 0).next();
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

/// Sends a signal to a process found by [`children`].
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), signal).expect("it is there");
}
