//! Other people's programs: found or loudly missed, and always run against a time limit.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Set to `required` where a missing program has to fail the test run, as in CI.
const OBLIGATION: &str = "IMAP2D_REAL_CLIENTS";

/// Where Debian keeps Dovecot's inner programs, which are not for the search path; and where `.ci/run`
/// unpacks xinetd, which cannot be installed beside another inetd.
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
    /// Looks for a program; `None` means that the test has been reported as not run.
    ///
    /// # Panics
    /// When it is absent and the environment makes real programs obligatory.
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

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The program's path and nothing else of our environment but the search path: no configuration
    /// of whoever runs the tests may show through.
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

/// Reports that a test was not run because something that is not ours is absent.
///
/// # Panics
/// When the environment makes it obligatory.
pub(crate) fn not_run(absent: &str) {
    let obligatory = std::env::var(OBLIGATION).is_ok_and(|value| value == "required");
    assert!(!obligatory, "{absent} is absent, and {OBLIGATION}=required");
    // Past the capture of the test harness: a test that did nothing must not look green.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {absent} is absent");
}

/// What a finished program left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it wrote to its standard output.
    pub(crate) output: Vec<u8>,
    /// What it wrote to its standard error.
    pub(crate) errors: String,
}

impl Finished {
    /// The standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// The standard output as text, of a program that must have succeeded.
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

/// Runs a command to its end with nothing to read.
///
/// # Panics
/// When it cannot be started or has not ended within `limit`; it is killed then.
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

/// A program that runs beside the test; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Background(Child);

/// Starts a command that neither reads nor has anything to say.
///
/// # Panics
/// When it cannot be started.
pub(crate) fn start(command: &mut Command) -> Background {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Background(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a child, or kills it.
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

/// Reads a pipe to its end beside the program that fills it.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// With `what` when there is none within `limit`.
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
