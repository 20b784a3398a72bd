//! The server under test, as a process of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::imap::Client;
use super::program::until;
use super::site::{PASSWORD, Site, USER};

/// The environment variable that names a binary to test in place of the one that Cargo has built.
const OTHER_BINARY: &str = "IMAP2D_TEST_BINARY";

/// The text before the address in the log line of a listener.
const LISTENING: &str = "listening on ";

/// How long a server may take to listen, on a machine that runs all tests at once.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running server. When the value is dropped, the server is killed, and its log is shown if the
/// test has failed.
#[derive(Debug)]
pub(crate) struct TestServer {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl TestServer {
    /// Starts a server for the site's mail on a free port of the loopback interface.
    ///
    /// # Panics
    ///
    /// If the server does not listen in time.
    pub(crate) fn start(site: &Site, arguments: &[&str]) -> Self {
        Self::start_command(command(site), site, arguments)
    }

    /// Does the same with a command that already has the options for mail and users.
    ///
    /// # Panics
    ///
    /// If the server does not listen in time.
    pub(crate) fn start_command(mut command: Command, site: &Site, arguments: &[&str]) -> Self {
        let level = match arguments.contains(&"--log-level") {
            true => &[][..],
            false => &["--log-level", "info"],
        };
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(site.run_as())
            .args(arguments)
            .args(level)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("it is piped");
        let heard = listen_to(stderr, Arc::clone(&log));
        let Ok(address) = heard.recv_timeout(START_LIMIT) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{command:?} does not listen; its log:\n{}",
                log.lock().expect("log")
            );
        };
        Self {
            child,
            address,
            log,
        }
    }

    /// Sends SIGTERM and waits until the server has exited.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        self.end(START_LIMIT);
    }

    /// Returns the address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the port of [`Self::address`].
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns its process ID.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it is ours");
    }

    /// Waits until it exits without being killed, and returns its exit status.
    pub(crate) fn end(&mut self, limit: Duration) -> ExitStatus {
        until("the end of the server", limit, || {
            self.child.try_wait().expect("a child can be waited for")
        })
    }

    /// Returns what it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log
            .lock()
            .expect("the log reader does not panic")
            .clone()
    }

    /// Opens a connection and reads the greeting.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// Opens a connection and logs in.
    pub(crate) fn login(&self) -> Client {
        let mut client = self.connect();
        client.ok(&format!("LOGIN {USER} {PASSWORD}"));
        client
    }

    /// Opens a connection, logs in and climbs to IMAP4rev1.
    pub(crate) fn login_imap4(&self) -> Client {
        let mut client = self.connect();
        client.ok("CAPABILITY");
        client.ok(&format!("LOGIN {USER} {PASSWORD}"));
        client
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's log\n{}---", self.log());
        }
    }
}

/// Returns a command that runs the binary with the options that every server for this site has.
pub(crate) fn command(site: &Site) -> Command {
    with_options(Command::new(binary()), site)
}

/// Does the same for a server that runs as the owner of the mail from the start.
pub(crate) fn command_of_owner(site: &Site) -> Command {
    let mut command = Command::new(site.runnable(&binary()));
    site.as_owner(&mut command);
    with_options(command, site)
}

/// Returns an address of the loopback interface with a port that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// Returns a command that runs the binary without options.
pub(crate) fn bare_command() -> Command {
    let mut command = Command::new(binary());
    command.env("TZ", "UTC");
    command
}

fn binary() -> PathBuf {
    let cargos = || OsString::from(env!("CARGO_BIN_EXE_imap2d"));
    std::env::var_os(OTHER_BINARY).unwrap_or_else(cargos).into()
}

fn with_options(mut command: Command, site: &Site) -> Command {
    command
        .arg("--users")
        .arg(site.users())
        .arg("--mail")
        .arg(site.path("mail/%u"));
    command.env("TZ", "UTC");
    // Tests that run at the same time must not count failed logins together.
    command.env("RUNTIME_DIRECTORY", site.path("run"));
    command
}

/// Collects the log, and sends the first listening address in it.
fn listen_to(stderr: ChildStderr, log: Arc<Mutex<String>>) -> Receiver<SocketAddr> {
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || collect(stderr, &log, &tell));
    heard
}

fn collect(stderr: ChildStderr, log: &Mutex<String>, tell: &Sender<SocketAddr>) {
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(address) = listening_on(&line) {
            // There is no receiver any more for the second listener's line.
            let _ = tell.send(address);
        }
        let mut log = log
            .lock()
            .expect("no thread panics while it holds the lock");
        log.push_str(&line);
        log.push('\n');
    }
}

fn listening_on(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(LISTENING)?;
    rest.split_whitespace().next()?.parse().ok()
}
