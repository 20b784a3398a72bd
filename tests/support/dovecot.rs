//! Debian's Dovecot over the same mail: its `imap` as a preauthenticated process on a socket pair.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::imap::Client;
use super::program::Program;
use super::site::{Site, USER};

/// An installed Dovecot, configured for one site.
#[derive(Debug)]
pub(crate) struct Dovecot {
    imap: Program,
    configuration: PathBuf,
}

/// One session: a process that ends with the value.
pub(crate) struct Session {
    /// The conversation with it.
    pub(crate) client: Client,
    child: Child,
    log: PathBuf,
}

impl Dovecot {
    /// Finds Dovecot and writes a configuration that knows nothing but the site's mail.
    pub(crate) fn find(site: &Site) -> Option<Self> {
        let imap = Program::find("imap")?;
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
            configuration,
        })
    }

    /// Starts a session that is logged in.
    pub(crate) fn session(&self, site: &Site) -> Session {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let theirs = OwnedFd::from(theirs);
        let log = site.path("dovecot.log");
        let errors = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log");
        let mut command = self.imap.command();
        command
            .arg("-c")
            .arg(&self.configuration)
            .env("USER", USER)
            .env("HOME", site.home())
            .stdin(Stdio::from(
                theirs.try_clone().expect("a second descriptor"),
            ))
            .stdout(Stdio::from(theirs))
            .stderr(errors);
        site.as_owner(&mut command);
        let child = command.spawn().expect("Dovecot starts");
        // The command holds our copies of the far end, which would hide that the process has gone.
        drop(command);
        Session {
            client: Client::over(ours),
            child,
            log,
        }
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
