//! `--wait` as root: each client gets a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::process::{Pid, Signal};

use super::{LIMIT, connect, converse, site};
use crate::support::imap::{Client, Status};
use crate::support::processes::{Process, is_root_to};
use crate::support::program::until;
use crate::support::server;
use crate::support::site::{PASSWORD, Site, USER};

struct ForkServer {
    process: Process,
    address: SocketAddr,
    site: Site,
    _socket: TcpListener,
}

/// Starts the server as root, for system users; the passwd-file names the owner of the mail.
/// Returns `None` if the test does not run as root.
fn fork_server(arguments: &[&str]) -> Option<ForkServer> {
    fork_server_of(site(), arguments)
}

fn fork_server_of(site: Site, arguments: &[&str]) -> Option<ForkServer> {
    if !is_root_to("serve each user as that user") {
        return None;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address");
    let socket = OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let mut command = server::command(&site);
    command.arg("--wait").args(arguments);
    command.stdin(socket).stderr(Stdio::null());
    Some(ForkServer {
        process: Process::start(&mut command),
        address,
        site,
        _socket: listener,
    })
}

impl ForkServer {
    fn login(&self) -> Client {
        let mut client = Client::connect(self.address);
        client.ok(&format!("LOGIN {USER} {PASSWORD}"));
        client
    }

    /// Returns the processes of the sessions.
    fn sessions(&self) -> Vec<Pid> {
        let pid = self.process.pid();
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        let children = children.split_whitespace();
        let pids = children.filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        pids.collect()
    }
}

#[test]
fn each_client_has_a_process() {
    let Some(mut server) = fork_server(&[]) else {
        return;
    };
    let (mut first, mut second, mut third) = (server.login(), server.login(), server.login());
    let sessions = server.sessions();
    assert_eq!(sessions.len(), 3);
    // One of them dies; the other clients do not notice.
    rustix::process::kill_process(sessions[1], Signal::KILL).expect("it is ours");
    assert!(second.is_closed());
    until("its end", LIMIT, || {
        (server.sessions().len() == 2).then_some(())
    });
    for alive in [&mut first, &mut third] {
        alive.ok("SELECT INBOX");
    }
    converse(connect(server.address));
    server.process.signal(Signal::TERM);
    for alive in [&mut first, &mut third] {
        assert!(alive.response().starts_with(b"* BYE"));
    }
    assert!(server.process.end(LIMIT).success());
    drop(server.site);
}

/// A client that has logged in does not count: its process belongs to its user then.
#[test]
fn unauthenticated_clients_of_one_address_are_limited() {
    let Some(server) = fork_server(&["--max-per-address", "2"]) else {
        return;
    };
    let _friends = [server.login(), server.login()];
    let _guests = [
        Client::connect(server.address),
        Client::connect(server.address),
    ];
    let mut refusal = String::new();
    let mut refused = BufReader::new(connect(server.address));
    refused.read_line(&mut refusal).expect("a line");
    assert!(refusal.starts_with("* BYE Too many"), "{refusal}");
}

#[test]
fn the_number_of_clients_is_limited() {
    let Some(server) = fork_server(&["--max-connections", "2"]) else {
        return;
    };
    for _ in 0..3 {
        let clients = [server.login(), server.login()];
        let mut refusal = String::new();
        let mut refused = BufReader::new(connect(server.address));
        refused.read_line(&mut refusal).expect("a line");
        assert!(refusal.starts_with("* BYE Too many"), "{refusal}");
        drop(clients);
        until("their ends", LIMIT, || {
            server.sessions().is_empty().then_some(())
        });
    }
}

/// The connection that has been without a login for the longest time makes room for the next.
#[test]
fn a_client_before_login_makes_room() {
    let Some(server) = fork_server(&["--max-connections", "3"]) else {
        return;
    };
    let mut friend = server.login();
    let mut oldest = Client::connect(server.address);
    let mut younger = Client::connect(server.address);
    let mut newest = server.login();
    assert!(oldest.response().starts_with(b"* BYE"));
    assert!(oldest.is_closed());
    for alive in [&mut friend, &mut younger, &mut newest] {
        alive.ok("NOOP");
    }
}

/// The processes count the connections of a user together, and forget those of processes that end.
#[test]
fn the_number_of_clients_of_a_user_is_limited() {
    let site = site();
    fs::create_dir(site.path("run")).expect("a directory");
    let Some(server) = fork_server_of(site, &["--max-per-user", "2"]) else {
        return;
    };
    for _ in 0..2 {
        let clients = [server.login(), server.login()];
        let mut third = Client::connect(server.address);
        third.ok("CAPABILITY");
        let login = format!("LOGIN {USER} {PASSWORD}");
        let reply = third.command(&login);
        assert_eq!(reply.status, Status::No, "{reply:?}");
        rustix::process::kill_process(server.sessions()[0], Signal::KILL).expect("it is ours");
        until("a slot", LIMIT, || {
            (third.command(&login).status == Status::Ok).then_some(())
        });
        drop((clients, third));
        until("their ends", LIMIT, || {
            server.sessions().is_empty().then_some(())
        });
    }
}
