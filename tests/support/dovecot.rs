//! Debian's Dovecot on the same mail: its `imap` runs as a preauthenticated process on a socket
//! pair.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::imap::Client;
use super::program::Program;
use super::site::{Site, USER};

/// An installed Dovecot, configured for one site.
#[derive(Debug)]
pub(crate) struct Dovecot {
    imap: Program,
    agent: Program,
    configuration: PathBuf,
}

/// One session: a process that is killed when the value is dropped.
pub(crate) struct Session {
    /// The client side of the session.
    pub(crate) client: Client,
    child: Child,
    log: PathBuf,
}

impl Dovecot {
    /// Finds Dovecot and writes a configuration that contains only the site's mail.
    pub(crate) fn find(site: &Site) -> Option<Self> {
        let imap = Program::find("imap")?;
        let agent = Program::find("dovecot-lda")?;
        let configuration = site.path("dovecot.conf");
        let settings = format!(
            "base_dir = {run}\nstate_dir = {run}\nlog_path = /dev/stderr\nssl = no\n\
             stats_writer_socket_path =\nmail_location = maildir:{mail}\n\
             first_valid_uid = 1\nfirst_valid_gid = 0\n",
            run = site.path("run").display(),
            mail = site.maildir().path().display(),
        );
        fs::write(&configuration, settings).expect("a configuration file");
        Some(Self {
            imap,
            agent,
            configuration,
        })
    }

    /// Delivers a message to INBOX with Dovecot's delivery agent, which assigns its UID: the agent
    /// writes the UID list, under the lock.
    pub(crate) fn deliver(&self, site: &Site, message: &[u8]) {
        let (mut command, _) = self.command(&self.agent, site);
        let spawned = command.stdin(Stdio::piped()).spawn();
        let mut child = spawned.expect("the delivery agent starts");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(message).expect("the delivery agent reads");
        drop(input);
        assert!(child.wait().expect("its end").success());
    }

    /// Starts a session that is already logged in.
    pub(crate) fn session(&self, site: &Site) -> Session {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let theirs = OwnedFd::from(theirs);
        let (mut command, log) = self.command(&self.imap, site);
        command
            .stdin(Stdio::from(
                theirs.try_clone().expect("a second descriptor"),
            ))
            .stdout(Stdio::from(theirs));
        let child = command.spawn().expect("Dovecot starts");
        // The command holds our copies of the far end; while they are open, this end would not
        // notice that the process has exited.
        drop(command);
        Session {
            client: Client::over(ours),
            child,
            log,
        }
    }

    /// Returns a command that runs one of Dovecot's programs for the site's user, as the owner of
    /// the mail, and the path of its log.
    fn command(&self, program: &Program, site: &Site) -> (Command, PathBuf) {
        let log = site.path("dovecot.log");
        let opened = File::options().create(true).append(true).open(&log);
        let mut command = program.command();
        command
            .arg("-c")
            .arg(&self.configuration)
            .env("USER", USER)
            .env("HOME", site.home())
            .stderr(opened.expect("a log"));
        site.as_owner(&mut command);
        (command, log)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "--- Dovecot's log\n{}---",
                fs::read_to_string(&self.log).unwrap_or_default()
            );
        }
    }
}
