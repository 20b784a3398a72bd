//! Programs of other projects. A test that needs one reports if it is absent, and always runs it
//! with a time limit.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable that is set to `required` where an absent program must fail the test
/// run, as in CI.
const OBLIGATION: &str = "IMAP2D_REAL_CLIENTS";

/// Where Debian keeps Dovecot's internal programs, which are not on the search path, and where
/// `.ci/run` unpacks xinetd, which cannot be installed beside another inetd.
const OUTSIDE_THE_PATH: [&str; 2] = [
    "/usr/lib/dovecot",
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/xinetd/usr/sbin"),
];

/// An installed program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// Finds a program. `None` means that it is absent and that the test has been reported as not
    /// run.
    ///
    /// # Panics
    ///
    /// If it is absent and the environment variable requires it.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .chain(OUTSIDE_THE_PATH.map(PathBuf::from))
            .map(|directory| directory.join(name))
            .find(|candidate| candidate.is_file());
        if found.is_none() {
            not_run(name);
        }
        found.map(|path| Self { path })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a command with the program's path and, of the environment, only the search path, so
    /// that the configuration of the user who runs the tests does not affect it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        command
    }
}

/// Reports that a test was not run because a program is absent.
///
/// # Panics
///
/// If the environment variable requires it.
pub(crate) fn not_run(absent: &str) {
    let obligatory = std::env::var(OBLIGATION).is_ok_and(|value| value == "required");
    assert!(!obligatory, "{absent} is absent, and {OBLIGATION}=required");
    // This bypasses the capture of the test harness: a test that did nothing must not look
    // successful.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {absent} is not installed");
}

/// The result of a program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// Its standard output.
    pub(crate) output: Vec<u8>,
    /// Its standard error.
    pub(crate) errors: String,
}

impl Finished {
    /// Returns the standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Returns the standard output as text.
    ///
    /// # Panics
    ///
    /// If the program failed.
    pub(crate) fn success(&self) -> String {
        assert!(self.status.success(), "it failed: {self}");
        self.text()
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\n--- output\n{}\n--- errors\n{}",
            self.status,
            self.text(),
            self.errors
        )
    }
}

/// Runs a command to its end, with an empty standard input.
///
/// # Panics
///
/// If it cannot be started, or has not ended within `limit`; it is killed then.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let output = drain(child.stdout.take());
    let errors = drain(child.stderr.take());
    let status = wait(&mut child, limit);
    let finished = Finished {
        status: status.unwrap_or_default(),
        output: output.join().expect("the reader does not panic"),
        errors: String::from_utf8_lossy(&errors.join().expect("the reader does not panic")).into(),
    };
    assert!(
        status.is_some(),
        "{command:?} took longer than {limit:?}: {finished}"
    );
    finished
}

/// Waits for a child, and kills it if it does not end within `limit`.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Reads a pipe to its end in a thread, while the program fills it.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Calls `ask` again and again until it returns a value.
///
/// # Panics
///
/// If it returns none within `limit`; the message says `what` was expected.
pub(crate) fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
