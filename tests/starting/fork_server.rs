//! `--wait` as root: every client has a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::process::{Pid, Signal};

use super::{LIMIT, Process, connect, converse, site};
use crate::support::imap::Client;
use crate::support::program::until;
use crate::support::server;
use crate::support::site::{PASSWORD, Site, USER};

struct Door {
    process: Process,
    address: SocketAddr,
    site: Site,
    _socket: TcpListener,
}

/// The server as root, for system users: the passwd-file says whose the mail is. Nothing if we are not root.
fn door(arguments: &[&str]) -> Option<Door> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT RUN: to serve everybody as themselves, imap2d has to be root");
        return None;
    }
    let site = site();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address");
    let socket = OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let mut command = server::command(&site);
    command.arg("--wait").args(arguments);
    command.stdin(socket).stderr(Stdio::null());
    Some(Door {
        process: Process::start(&mut command),
        address,
        site,
        _socket: listener,
    })
}

impl Door {
    fn login(&self) -> Client {
        let mut client = Client::connect(self.address);
        client.ok(&format!("LOGIN {USER} {PASSWORD}"));
        client
    }

    /// The processes of the sessions.
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
    let Some(mut door) = door(&[]) else { return };
    let (mut first, mut second, mut third) = (door.login(), door.login(), door.login());
    let sessions = door.sessions();
    assert_eq!(sessions.len(), 3);
    // One of them dies; nobody else notices.
    rustix::process::kill_process(sessions[1], Signal::KILL).expect("it is ours");
    assert!(second.is_closed());
    until("its end", LIMIT, || {
        (door.sessions().len() == 2).then_some(())
    });
    for alive in [&mut first, &mut third] {
        alive.ok("SELECT INBOX");
    }
    converse(connect(door.address));
    door.process.signal(Signal::TERM);
    for alive in [&mut first, &mut third] {
        assert!(alive.response().starts_with(b"* BYE"));
    }
    assert!(door.process.end(LIMIT).success());
    drop(door.site);
}

/// Who has logged in does not count: the process is theirs by then.
#[test]
fn only_so_many_of_one_address_may_wait_to_log_in() {
    let Some(door) = door(&["--max-per-address", "2"]) else {
        return;
    };
    let _friends = [door.login(), door.login()];
    let _guests = [Client::connect(door.address), Client::connect(door.address)];
    let mut refusal = String::new();
    let mut refused = BufReader::new(connect(door.address));
    refused.read_line(&mut refusal).expect("a line");
    assert!(refusal.starts_with("* BYE Too many"), "{refusal}");
}

#[test]
fn only_so_many_are_let_in() {
    let Some(door) = door(&["--max-connections", "2"]) else {
        return;
    };
    for _ in 0..3 {
        let clients = [door.login(), door.login()];
        let mut refusal = String::new();
        let mut refused = BufReader::new(connect(door.address));
        refused.read_line(&mut refusal).expect("a line");
        assert!(refusal.starts_with("* BYE Too many"), "{refusal}");
        drop(clients);
        until("their ends", LIMIT, || {
            door.sessions().is_empty().then_some(())
        });
    }
}
