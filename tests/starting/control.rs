//! How an operator and a service manager control a running server, and what it reports to them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{LIMIT, site};
use crate::support::imap::Status;
use crate::support::processes::Process;
use crate::support::program::until;
use crate::support::server::{self, TestServer};
use crate::support::site::Site;

fn until_logged(server: &TestServer, text: &str) {
    until(text, LIMIT, || server.log().contains(text).then_some(()));
}

/// Starts a server that reads this option file.
fn configured(site: &Site, text: &str) -> TestServer {
    let config = site.path("imap2d.conf");
    fs::write(&config, text).expect("the option file");
    TestServer::start(site, &["--config", config.to_str().expect("UTF-8")])
}

#[test]
fn a_hangup_makes_the_server_read_its_options_again() {
    let site = Site::new();
    let server = configured(&site, "plaintext-login loopback\n");
    let mut before = server.login();
    // An editor replaces the file by another one.
    let change = |text: &str| {
        fs::write(site.path("edited"), text).expect("the option file");
        fs::rename(site.path("edited"), site.path("imap2d.conf")).expect("renamed");
        server.signal(Signal::HUP);
    };

    change("plaintext-login never\nmax-connections 2\nread-only\n");
    until_logged(&server, "the options were read again");
    until_logged(&server, "changed, but not before a restart: read-only");
    let mut refused = server.connect();
    assert_eq!(refused.command("LOGIN joe secret").status, Status::No);
    let mut refused = server.connect();
    until_logged(&server, "(max-connections)");
    assert_eq!(refused.command("LOGIN joe secret").status, Status::No);
    before.ok("SELECT INBOX");

    change("plaintext-login never\nmax-connections 2\nread-only\nwire-log joe\n");
    until("them to be read", LIMIT, || {
        before.ok("NOOP");
        server.log().contains(" C: a").then_some(())
    });

    change("plaintext-login always\n\nmax-connections none\nspeed 9\n");
    until_logged(&server, "imap2d.conf:3: ");
    until_logged(&server, "imap2d.conf:4: ");
    until_logged(&server, "the options stay unchanged");
    assert_eq!(refused.command("LOGIN joe secret").status, Status::No);
    drop(refused);

    change("\n");
    until("them to be read", LIMIT, || {
        let read = server.log().matches("the options were read again").count();
        (read == 3).then_some(())
    });
    server.login();
    before.ok("NOOP");
}

#[test]
fn a_signal_makes_the_server_log_its_status() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let _clients = [server.login(), server.login(), server.connect()];
    server.signal(Signal::USR1);
    until_logged(
        &server,
        "status: connections: 3, users: 1, steps over 20 ms: ",
    );
}

/// The service manager's side of systemd's `Type=notify`.
#[test]
fn the_service_manager_is_notified() {
    let site = site();
    let path = site.path("home/notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o777)).expect("chmod");
    manager.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let mut command = server::command_of_owner(&site);
    command
        .args(["--listen", "127.0.0.1:0"])
        .stderr(Stdio::null());
    let mut server = Process::start(command.env("NOTIFY_SOCKET", &path));
    let received = || {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).expect("a datagram");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(received(), "READY=1");
    assert_eq!(received(), "STATUS=Clients: 0");
    server.signal(Signal::HUP);
    assert!(received().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(received(), "READY=1");
    server.signal(Signal::TERM);
    assert_eq!(received(), "STOPPING=1");
    assert!(server.end(LIMIT).success());
}

/// A client that reads nothing does not delay the end of the server.
#[test]
fn the_server_exits_within_five_seconds() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = site();
        endless_message(&site);
        let mut server = TestServer::start(&site, &[]);
        let mut client = server.login();
        let mut deaf = server.login();
        deaf.ok("SELECT INBOX");
        deaf.send(b"x FETCH 2 RFC822\r\n");
        let asked = Instant::now();
        server.signal(signal);
        assert!(client.response().starts_with(b"* BYE"));
        assert!(server.end(LIMIT).success());
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

/// Delivers a message that is larger than the kernel's buffers for a connection.
fn endless_message(site: &Site) {
    site.maildir().deliver(b"Subject: large\n\n");
    let file = site.maildir().the("Subject: large").path;
    let file = fs::File::options().append(true).open(file);
    let grown = file.and_then(|file| file.set_len(64 << 20));
    grown.expect("a file with a hole");
}

/// Under systemd descriptor 2 is a socket, as under inetd, but not a client's.
#[test]
fn the_journal_gets_priorities() {
    let site = site();
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let theirs = OwnedFd::from(theirs);
    let stat = rustix::fs::fstat(&theirs).expect("a socket");
    let mut command = server::command_of_owner(&site);
    command.args(["--listen", "127.0.0.1:0"]);
    command.env("JOURNAL_STREAM", format!("{}:{}", stat.st_dev, stat.st_ino));
    let _server = Process::start(command.stderr(theirs));
    let mut lines = BufReader::new(ours).lines().map_while(Result::ok);
    let listening = lines.find(|line| line.contains("listening on 127.0.0.1:"));
    assert!(listening.is_some_and(|line| line.starts_with("<6>listening")));
}
