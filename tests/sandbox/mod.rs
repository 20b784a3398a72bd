//! What a server process may do: the user it becomes, the mail it serves, and what the kernel lets
//! it open.

#[cfg(feature = "test-backdoor")]
mod test_backdoor;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::imap::{Client, Status};
use crate::support::maildir::message;
use crate::support::processes::is_root_to;
use crate::support::program::{run, until};
use crate::support::server::{self, TestServer};
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

/// The UID of another unprivileged user, who is not in the passwd-file.
const OTHER_UID: u32 = 61_234;

/// The test backdoor needs a build of its own, which the other tests must not use.
#[cfg(not(feature = "test-backdoor"))]
#[test]
fn the_test_backdoor_reaches_nothing() {
    use std::io::Write as _;
    let _ = writeln!(
        std::io::stderr(),
        "NOT RUN: needs cargo test --features test-backdoor"
    );
}

fn is_root() -> bool {
    is_root_to("become another user")
}

/// A server of one client, and that client.
struct OneClient {
    child: Child,
    client: Client,
}

impl OneClient {
    fn start(command: &mut Command) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let theirs = OwnedFd::from(theirs);
        let child = command
            .stdin(theirs.try_clone().expect("a descriptor"))
            .stdout(theirs)
            .spawn()
            .expect("the server");
        // Otherwise the command would keep the far end open.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let client = Client::over(ours);
        Self { child, client }
    }

    fn inetd(site: &Site, arguments: &[&str]) -> Self {
        Self::start(server::command(site).arg("--inetd").args(arguments))
    }

    fn login(&mut self, user: &str) -> (Status, String) {
        let reply = self.client.command(&format!("LOGIN {user} {PASSWORD}"));
        (reply.status, reply.text)
    }
}

impl Drop for OneClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Adds a user to the passwd-file, and a Maildir that belongs to `owner`.
fn add_user(site: &Site, user: &str, id: &str, owner: Option<u32>) {
    let mut list = fs::read_to_string(site.users()).expect("the passwd-file");
    list.push_str(&format!("{user}:{{PLAIN}}{PASSWORD}:{id}:{id}\n"));
    fs::write(site.users(), list).expect("the passwd-file");
    let maildir = site.maildir_at(&format!("mail/{user}"));
    maildir.deliver(&message("Hello", user, "For them alone.\n"));
    give_away(maildir.path(), owner);
}

/// Changes the owner of a directory and everything in it.
fn give_away(path: &Path, owner: Option<u32>) {
    chown(path, owner, owner).expect("root may give files away");
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a directory").flatten();
        entries.for_each(|entry| give_away(&entry.path(), owner));
    }
}

/// Returns one line of `/proc/PID/status`, such as `Uid`.
fn status(process: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = text.lines().find_map(|line| {
        line.strip_prefix(name)?
            .strip_prefix(':')
            .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn check_unprivileged(process: u32) {
    assert_eq!(status(process, "NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(process, set), "0000000000000000", "{set}");
    }
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).expect("it runs");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let numbers: Vec<&str> = core.expect(&limits).split_whitespace().skip(4).collect();
    assert_eq!(numbers[..2], ["0", "0"], "{limits}");
    // The files in `/proc/PID` of a process that cannot be dumped belong to root, whatever its user
    // (proc(5)).
    let environment = fs::metadata(format!("/proc/{process}/environ")).expect("it runs");
    assert_eq!(environment.uid(), 0, "dumpable");
}

fn check_is(process: u32, id: u32) {
    let four = format!("{id} {id} {id} {id}");
    assert_eq!(
        (status(process, "Uid"), status(process, "Gid")),
        (four.clone(), four)
    );
    assert_eq!(status(process, "Groups"), id.to_string());
    check_unprivileged(process);
}

#[test]
fn root_does_not_serve() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let listen = ["--listen", "127.0.0.1:0"];
    let refused = |more: &[&str]| {
        let finished = run(server::command(&site).args(listen).args(more), LIMIT);
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        finished.errors
    };
    let reason = refused(&[]);
    assert!(reason.contains("--run-as"), "{reason}");
    for root in ["root", "0", "0:0"] {
        let reason = refused(&["--run-as", root]);
        assert!(reason.contains("it would be root"), "{reason}");
    }
    let reason = refused(&["--run-as", "nobody-of-that-name"]);
    assert!(reason.contains("there is no user"), "{reason}");
}

#[test]
fn a_daemon_becomes_the_user_of_run_as() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    check_unprivileged(server.pid());
    if is_root() {
        check_is(server.pid(), site.owner().expect("root gives it away"));
    }
    let log = server.log();
    assert!(log.contains("Landlock"), "{log}");
}

#[test]
fn a_daemon_serves_the_mail_of_its_own_user_only() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let other_uid = OTHER_UID.to_string();
    add_user(&site, "eve", "", Some(OTHER_UID));
    add_user(&site, "ann", &other_uid, site.owner());
    let server = TestServer::start(&site, &[]);
    for user in ["eve", "ann"] {
        let reply = server
            .connect()
            .command(&format!("LOGIN {user} {PASSWORD}"));
        assert_eq!(reply.status, Status::No, "{user}");
        assert!(reply.text.contains("not possible"), "{reply:?}");
    }
    for reason in [
        format!("eve is owned by uid {OTHER_UID}"),
        format!("the mail is owned by uid {OTHER_UID}"),
    ] {
        let logged = || server.log().contains(&reason).then_some(());
        until(&reason, LIMIT, logged);
    }
    server.login();
}

/// The server creates the Maildir of a user who has none, although it may not write beside it.
#[test]
fn a_missing_maildir_is_created() {
    let site = Site::new();
    let maildir = site.maildir();
    let make = |client: &mut Client| {
        client.append_ok("INBOX", "", &message("First", "one", "There.\n"));
        let made = fs::metadata(maildir.path()).expect("it was made");
        let owner = site
            .owner()
            .unwrap_or_else(|| rustix::process::geteuid().as_raw());
        assert_eq!((made.uid(), made.mode() & 0o777), (owner, 0o700));
        assert_eq!(maildir.entries().len(), 1);
    };
    fs::remove_dir_all(maildir.path()).expect("removed");
    let server = TestServer::start(&site, &[]);
    make(&mut server.login());
    fs::remove_dir_all(maildir.path()).expect("removed");
    let mut inetd = OneClient::inetd(&site, &[]);
    assert_eq!(inetd.login(USER).0, Status::Ok);
    make(&mut inetd.client);
}

/// A user's mail is elsewhere than the others': the passwd-file names the place, and the server
/// reads it before it enters the sandbox.
#[test]
fn a_daemon_finds_mail_that_is_elsewhere() {
    let site = Site::new();
    let home = site.maildir_at("home-of-joe");
    let list = format!(
        "{USER}:{{PLAIN}}{PASSWORD}::::{}::userdb_mail=~/Maildir\n",
        home.path().display()
    );
    fs::write(site.users(), list).expect("the passwd-file");
    let server = TestServer::start(&site, &[]);
    server
        .login()
        .append_ok("INBOX", "", &message("First", "one", "There.\n"));
    assert!(home.path().join("Maildir/new").is_dir());
}

#[test]
fn a_process_of_one_client_becomes_that_client() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    add_user(&site, "eve", &OTHER_UID.to_string(), Some(OTHER_UID));
    for (user, id) in [(USER, site.owner().expect("not root")), ("eve", OTHER_UID)] {
        let mut inetd = OneClient::inetd(&site, &["--log-level=error"]);
        let process = inetd.child.id();
        assert_eq!(inetd.login(user).0, Status::Ok, "{user}");
        check_is(process, id);
        let text = message("Hers", "two", "Whose file is it?\n");
        inetd.client.append_ok("INBOX", "", &text);
        let maildir = site.path("mail").join(user);
        let new = fs::read_dir(maildir.join("new")).expect("listed").flatten();
        for file in new {
            assert_eq!(file.metadata().expect("there").uid(), id);
        }
    }
}

/// A user who takes over their process must not be able to clear the counts of failed logins.
#[test]
fn the_process_of_a_user_has_closed_the_counts_of_failed_logins() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let mut inetd = OneClient::inetd(&site, &["--log-level=error"]);
    let descriptors = format!("/proc/{}/fd", inetd.child.id());
    let counts = site.path("run/failed-logins");
    let has_it_open = || {
        let open = fs::read_dir(&descriptors).expect("listed").flatten();
        open.filter_map(|one| fs::read_link(one.path()).ok())
            .any(|target| target == counts)
    };
    inetd.client.ok("NOOP");
    assert!(has_it_open(), "before the login");
    assert_eq!(inetd.login(USER).0, Status::Ok);
    assert!(!has_it_open());
    let status = fs::metadata(&counts).expect("it is there");
    assert_eq!((status.uid(), status.mode() & 0o777), (0, 0o600));
}

#[test]
fn no_session_becomes_root() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    add_user(&site, "zero", "0", Some(0));
    add_user(&site, "root", "", Some(0));
    for user in ["zero", "root"] {
        let mut inetd = OneClient::inetd(&site, &["--log-level=off"]);
        let (status, text) = inetd.login(user);
        assert_eq!(status, Status::No, "{user}");
        assert!(text.contains("not possible"), "{text}");
        let finished = run(
            server::command(&site).arg(format!("--preauth={user}")),
            LIMIT,
        );
        assert_eq!(finished.text(), "", "{user}");
        assert!(
            finished.errors.contains("it would be root"),
            "{}",
            finished.errors
        );
    }
}

/// `--run-as` applies to users without a UID in the passwd-file.
#[test]
fn users_without_uid_are_served_as_run_as() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    add_user(&site, "eve", "", Some(OTHER_UID));
    let arguments = [
        &format!("--run-as={OTHER_UID}:{OTHER_UID}"),
        "--log-level=error",
    ];
    let mut inetd = OneClient::inetd(&site, &arguments);
    assert_eq!(inetd.login("eve").0, Status::Ok);
    check_is(inetd.child.id(), OTHER_UID);
    assert_eq!(inetd.client.ok("SELECT INBOX").exists(), Some(1));
}

/// The worker that checks passwords can open one file; the next worker opens the file that has
/// replaced it.
#[test]
fn the_list_of_users_may_be_replaced() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    server.login();
    let list = fs::read_to_string(site.users()).expect("the passwd-file");
    for password in ["first", "second"] {
        let changed = list.replace(PASSWORD, password);
        fs::write(site.path("edited"), changed).expect("written");
        fs::rename(site.path("edited"), site.users()).expect("renamed");
        server.connect().ok(&format!("LOGIN {USER} {password}"));
    }
    let log = server.log();
    assert!(!log.contains("the auth worker"), "{log}");
}
