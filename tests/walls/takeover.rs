//! How far somebody gets who makes the server's process do as they like: `src/server/takeover.rs`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::{OneClient, STRANGER, add_user, is_root};
use crate::support::imap::{Client, Status};
use crate::support::server::{self, TestServer};
use crate::support::site::{Site, USER};

/// What a client can do.
struct Intruder<'c>(&'c mut Client);

impl Intruder<'_> {
    fn tries(&mut self, deed: &str) -> String {
        self.0.send(format!("X-TAKEOVER {deed}\r\n").as_bytes());
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

/// A file outside of all that the server needs, which everybody may read and change.
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

/// A host with more users, whose mail nothing protects but the walls: all permissions are granted.
fn site() -> Site {
    let site = Site::new();
    add_user(&site, "ann", "", site.owner());
    let stranger = is_root().then_some(STRANGER);
    add_user(&site, "eve", "", stranger);
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

/// What nobody can who serves mail.
fn check_kept_in(intruder: &mut Intruder<'_>) {
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
    let server = TestServer::start(&site, &[]);
    let mut early = server.connect();
    check_kept_in(&mut Intruder(&mut early));
    let mut client = server.login();
    let mut intruder = Intruder(&mut client);
    check_kept_in(&mut intruder);
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

fn check_one_person(client: &mut Client, site: &Site) {
    let mut intruder = Intruder(client);
    check_kept_in(&mut intruder);
    intruder.cannot(&format!("read {}", site.users().display()));
    for other in ["ann", "eve"] {
        intruder.cannot(&format!("read {}", message_of(site, other)));
        intruder.cannot(&format!("remove {}", message_of(site, other)));
        intruder.cannot(&format!("list {}", site.path("mail").join(other).display()));
    }
    intruder.can(&format!("read {}", message_of(site, USER)));
    intruder.can(&format!("write {}-2", message_of(site, USER)));
}

/// Who was told never to write does not.
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
