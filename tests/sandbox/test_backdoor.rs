//! What an attacker can do who has taken over a server process: `src/server/test_backdoor.rs`.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use super::{OTHER_UID, OneClient, add_user, is_root};
use crate::support::imap::{Client, Status};
use crate::support::program::until;
use crate::support::server::{self, TestServer};
use crate::support::site::{PASSWORD, Site, USER};

/// A client that tells the server process what to do.
struct Intruder<'c>(&'c mut Client);

impl Intruder<'_> {
    fn tries(&mut self, deed: &str) -> String {
        self.0.send(format!("X-BACKDOOR {deed}\r\n").as_bytes());
        String::from_utf8(self.0.response()).expect("a report")
    }

    fn can(&mut self, deed: &str) {
        let report = self.tries(deed);
        assert_eq!(report, "* DONE", "{deed}");
    }

    fn cannot(&mut self, deed: &str) {
        let report = self.tries(deed);
        let denied = ["denied", "not permitted"];
        let kept_out = denied.iter().any(|reason| report.contains(reason));
        assert!(kept_out, "{deed}: {report}");
    }
}

/// A file outside of all that the server needs, which every user may read and change.
struct Elsewhere {
    directory: TempDir,
}

impl Elsewhere {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("secret"), "secret").expect("a file");
        open_to_all(directory.path());
        open_to_all(&directory.path().join("secret"));
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }
}

/// Creates a host with more users, whose mail only the sandbox protects: all users have all
/// permissions.
fn site() -> Site {
    let site = Site::new();
    add_user(&site, "ann", "", site.owner());
    let other_uid = is_root().then_some(OTHER_UID);
    add_user(&site, "eve", "", other_uid);
    for user in [USER, "ann", "eve"] {
        for directory in ["", "cur", "new", "tmp"] {
            open_to_all(&site.path("mail").join(user).join(directory));
        }
        fs::write(message_of(&site, user), "text").expect("a file");
        open_to_all(Path::new(&message_of(&site, user)));
    }
    site
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("chmod");
}

fn message_of(site: &Site, user: &str) -> String {
    let path = site.path("mail").join(user).join("new/message");
    path.display().to_string()
}

/// Asserts what no process that serves mail can do.
fn check_confined(intruder: &mut Intruder<'_>) {
    let elsewhere = Elsewhere::new();
    for deed in [
        "read /etc/passwd",
        "read /proc/self/environ",
        "list /",
        "list /etc",
        "run /bin/true",
        "become 0",
    ] {
        intruder.cannot(deed);
    }
    for deed in ["read", "write", "remove"] {
        intruder.cannot(&format!("{deed} {}", elsewhere.path("secret")));
    }
    intruder.cannot(&format!("write {}", elsewhere.path("new")));
    intruder.cannot(&format!("list {}", elsewhere.path("")));
    intruder.cannot(&format!("signal {}", std::process::id()));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    intruder.cannot(&format!("connect {address}"));
}

#[test]
fn a_daemon_opens_nothing_but_mail() {
    let site = site();
    let config = site.path("imap2d.conf").display().to_string();
    fs::write(&config, "").expect("the option file");
    let server = TestServer::start(&site, &["--config", &config]);
    let mut early = server.connect();
    check_confined(&mut Intruder(&mut early));
    let mut client = server.login();
    let mut intruder = Intruder(&mut client);
    check_confined(&mut intruder);
    intruder.cannot(&format!("read {config}"));
    intruder.cannot(&format!("read {}", site.users().display()));
    intruder.can(&format!("read {}", message_of(&site, USER)));
    intruder.can(&format!("write {}-2", message_of(&site, USER)));
}

#[test]
fn a_process_of_one_client_opens_nothing_but_their_mail() {
    let site = site();
    let mut inetd = OneClient::inetd(&site, &["--log-level=error"]);
    assert_eq!(inetd.login(USER).0, Status::Ok);
    check_one_person(&mut inetd.client, &site);
    let mut command = server::command(&site);
    command.arg(format!("--preauth={USER}"));
    check_one_person(&mut OneClient::start(&mut command).client, &site);
}

/// `--wait` as root: a process for each client, started by one that stays root.
#[test]
fn a_process_of_the_fork_server_opens_nothing_but_its_mail() {
    if !is_root() {
        return;
    }
    let site = site();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let mut command = server::command(&site);
    command.args(["--wait", "--log-level=error"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let mut fork_server = command.spawn().expect("the server");
    let mut client = Client::connect(address);
    client.ok(&format!("LOGIN {USER} {PASSWORD}"));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| check_one_person(&mut client, &site)));
    fork_server.kill().expect("it is ours");
    fork_server.wait().expect("its end");
    outcome.expect("kept in");
}

/// The auth worker receives its orders as the name of a user, and reports in the log.
#[test]
fn the_auth_worker_opens_the_passwd_file_only() {
    let site = site();
    let server = TestServer::start(&site, &[]);
    let elsewhere = Elsewhere::new();
    let process = std::process::id();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let tries = |deed: &str| {
        // One connection each: after some failures the server would close it.
        let reply = server
            .connect()
            .command(&format!("LOGIN \"X-BACKDOOR {deed}\" x"));
        assert_eq!(reply.status, Status::No, "{deed}");
        // The log cuts a long name.
        let name: String = format!("\"X-BACKDOOR {deed}\"").chars().take(60).collect();
        until("a report", Duration::from_secs(10), || {
            let log = server.log();
            let reported = log.lines().rev().find(|line| line.contains(&name));
            reported.map(str::to_string)
        })
    };
    for deed in [
        "read /etc/shadow".to_string(),
        "read /proc/self/environ".to_string(),
        "list /etc".to_string(),
        format!("read {}", message_of(&site, USER)),
        format!("write {}", site.users().display()),
        format!("write {}", elsewhere.path("secret")),
        format!("read {}", elsewhere.path("secret")),
        format!("connect {address}"),
        "run /bin/true".to_string(),
        format!("become {OTHER_UID}"),
        format!("signal {process}"),
    ] {
        let report = tries(&deed);
        let kept_out = report.contains("denied") || report.contains("not permitted");
        assert!(kept_out, "{deed}: {report}");
    }
    let report = tries(&format!("read {}", site.users().display()));
    assert!(report.contains("DONE"), "{report}");
}

fn check_one_person(client: &mut Client, site: &Site) {
    let mut intruder = Intruder(client);
    check_confined(&mut intruder);
    intruder.cannot(&format!("read {}", site.users().display()));
    for other in ["ann", "eve"] {
        intruder.cannot(&format!("read {}", message_of(site, other)));
        intruder.cannot(&format!("remove {}", message_of(site, other)));
        intruder.cannot(&format!("list {}", site.path("mail").join(other).display()));
    }
    intruder.can(&format!("read {}", message_of(site, USER)));
    intruder.can(&format!("write {}-2", message_of(site, USER)));
}

/// With `--read-only` the server can write nothing.
#[test]
fn with_read_only_nothing_can_be_written() {
    let site = site();
    let mut inetd = OneClient::inetd(&site, &["--read-only", "--log-level=error"]);
    assert_eq!(inetd.login(USER).0, Status::Ok);
    let server = TestServer::start(&site, &["--read-only"]);
    for client in [&mut inetd.client, &mut server.login()] {
        let mut intruder = Intruder(client);
        intruder.can(&format!("read {}", message_of(&site, USER)));
        intruder.cannot(&format!("write {}", message_of(&site, USER)));
        intruder.cannot(&format!("write {}-2", message_of(&site, USER)));
        intruder.cannot(&format!("remove {}", message_of(&site, USER)));
    }
}
