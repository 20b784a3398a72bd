//! SIGTERM during a change: the change is complete or has not begun, however the server was
//! started.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::{LIMIT, connect};
use crate::support::imap::Client;
use crate::support::maildir::message;
use crate::support::processes::Process;
use crate::support::server;
use crate::support::server::free_address;
use crate::support::site::{PASSWORD, Site, USER};

/// Enough that the signal arrives while they are being copied.
const MESSAGES: usize = 1500;

/// The delays between the command and the signal.
const MOMENTS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(200),
];

/// Starts a server in one way; returns it, and a client that has logged in.
type Start = fn(&Site) -> (Process, Client);

const WAYS: [Start; 3] = [daemon, wait, inetd];

fn daemon(site: &Site) -> (Process, Client) {
    let address = free_address();
    let mut command = server::command_of_owner(site);
    command.args(["--listen", &address.to_string()]);
    let process = Process::start(command.stderr(Stdio::null()));
    drop(connect(address));
    (process, login(Client::connect(address)))
}

fn wait(site: &Site) -> (Process, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address");
    let mut command = server::command_of_owner(site);
    command.arg("--wait").stdin(OwnedFd::from(listener));
    let process = Process::start(command.stderr(Stdio::null()));
    (process, login(Client::connect(address)))
}

fn inetd(site: &Site) -> (Process, Client) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let theirs = OwnedFd::from(theirs);
    let mut command = server::command_of_owner(site);
    command.arg("--inetd").stderr(Stdio::null());
    command.stdin(theirs.try_clone().expect("a descriptor"));
    let child = command.stdout(theirs).spawn().expect("the server");
    (Process::from(child), login(Client::over(ours)))
}

fn login(mut client: Client) -> Client {
    client.ok(&format!("LOGIN {USER} {PASSWORD}"));
    client.ok("SELECT INBOX");
    client
}

/// Sends a command and then the signal; the server says BYE and exits. Returns true if the command
/// was answered OK.
fn interrupt((mut server, mut client): (Process, Client), command: &[u8], after: Duration) -> bool {
    client.send(command);
    std::thread::sleep(after);
    server.signal(Signal::TERM);
    let mut was_done = false;
    loop {
        let response = client.response();
        was_done |= response.starts_with(b"x OK");
        if response.starts_with(b"* BYE") {
            break;
        }
    }
    assert!(client.is_closed());
    assert!(server.end(LIMIT).success());
    was_done
}

fn site() -> Site {
    let site = Site::of_a_user();
    for number in 0..MESSAGES {
        site.maildir()
            .deliver(&message("copy me", &number.to_string(), "x"));
    }
    site.maildir().folder("Copies");
    site
}

#[test]
fn an_interrupted_copy_is_complete_or_undone() {
    for start in WAYS {
        let site = site();
        for moment in MOMENTS {
            let copies = site
                .maildir()
                .existing_folder("Copies")
                .expect("it is there");
            let before = copies.entries().len();
            let done = interrupt(start(&site), b"x COPY 1:* Copies\r\n", moment);
            let copied = copies.entries().len() - before;
            assert!(copied == 0 || copied == MESSAGES, "{copied} copies");
            assert!(!done || copied == MESSAGES, "it was promised");
            let left = std::fs::read_dir(copies.path().join("tmp")).expect("tmp");
            assert_eq!(left.count(), 0, "nothing is left in tmp");
        }
    }
}

#[test]
fn an_interrupted_append_leaves_no_message() {
    for start in WAYS {
        let site = Site::of_a_user();
        site.maildir().folder("Copies");
        let half = b"x APPEND Copies {100+}\r\nSubject: half of one\r\n\r\n";
        let done = interrupt(start(&site), half, Duration::from_millis(50));
        assert!(!done);
        let copies = site
            .maildir()
            .existing_folder("Copies")
            .expect("it is there");
        assert_eq!(copies.entries(), []);
        let left = std::fs::read_dir(copies.path().join("tmp")).expect("tmp");
        assert_eq!(left.count(), 0, "nothing is left in tmp");
    }
}
