//! Processes: those that a test starts, and what the kernel reports about all.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::program::until;

/// A process that is killed when the value is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command whose standard output is not read.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Returns its process ID.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process is a child of the test");
    }

    /// Waits until it exits without being killed, and returns its exit status.
    pub(crate) fn end(&mut self, limit: Duration) -> ExitStatus {
        until("the end of the process", limit, || {
            self.0.try_wait().expect("a child can be waited for")
        })
    }
}

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may already have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns true if the test runs as root; otherwise reports that the test was not run because only
/// root can do `what` it does.
pub(crate) fn is_root_to(what: &str) -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        // This bypasses the capture of the test harness.
        let _ = writeln!(std::io::stderr(), "NOT RUN: only root can {what}");
    }
    is_root
}

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
