//! `--wait`: a listening socket as descriptor 0. The parent process is the test.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::process::Signal;

use super::{IDLE_LIMIT, LIMIT, connect, converse, site};
use crate::support::imap::Client;
use crate::support::processes::Process;
use crate::support::program::run;
use crate::support::server;
use crate::support::site::{PASSWORD, Site, USER};

/// Starts the server. Returns it, its address, and our own copy of the socket, as inetd keeps one.
fn start(site: &Site) -> (Process, SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address");
    let socket = OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let mut command = server::command_of_owner(site);
    command.arg("--wait").stdin(socket).stderr(Stdio::null());
    (Process::start(&mut command), address, listener)
}

#[test]
fn one_process_serves_all_clients() {
    let site = site();
    let (mut server, address, _kept) = start(&site);
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.ok(&format!("LOGIN {USER} {PASSWORD}"));
        client.ok("SELECT INBOX");
    }
    converse(connect(address));
    server.signal(Signal::TERM);
    for client in &mut clients {
        let farewell = client.response();
        assert!(farewell.starts_with(b"* BYE"), "{farewell:?}");
        assert!(client.is_closed());
    }
    assert!(server.end(LIMIT).success());
}

/// The next process serves a client that connects after this one has exited: the socket stays open
/// in the parent.
#[test]
fn the_process_exits_when_no_client_connects() {
    let site = site();
    let (mut server, address, _kept) = start(&site);
    converse(connect(address));
    assert!(server.end(IDLE_LIMIT).success());
    connect(address);
}

#[test]
fn descriptor_0_has_to_be_a_listening_socket() {
    let site = site();
    let finished = run(server::command_of_owner(&site).arg("--wait"), LIMIT);
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.errors.contains("no listening socket"),
        "{finished}"
    );
}
