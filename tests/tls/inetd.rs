//! Connections that another program has accepted: `--inetd` and `--wait`, with TLS.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use super::{LIMIT, NEVER_CLEAR, Secured, TEXT};
use crate::support::processes::Process;
use crate::support::program::{Finished, Program, run};
use crate::support::server;
use crate::support::site::{PASSWORD, Site, USER};

/// An address with the port where TLS starts at once, on an address of the loopback network that no
/// other program uses.
const IMAPS: ([u8; 4], u16) = ([127, 3, 50, 1], 993);

fn command(secured: &Secured, mode: &str) -> Command {
    let mut command = server::command_of_owner(&secured.site);
    command
        .args([mode, NEVER_CLEAR])
        .args(secured.options(""))
        .stderr(Stdio::null());
    command
}

fn curl(secured: &Secured, scheme: &str, address: SocketAddr) -> Option<Command> {
    let curl = Program::find("curl")?;
    let mut command = curl.command();
    command
        .args([
            "--disable",
            "--silent",
            "--show-error",
            "--ssl-reqd",
            "--user",
        ])
        .arg(format!("{USER}:{PASSWORD}"))
        .arg("--cacert")
        .arg(secured.authority.file(&secured.site))
        .arg("--resolve")
        .arg(format!("localhost:{}:{}", address.port(), address.ip()))
        .arg(format!(
            "{scheme}://localhost:{}/INBOX;UID=1;SECTION=TEXT",
            address.port()
        ));
    Some(command)
}

fn assert_text(finished: &Finished) {
    assert_eq!(finished.success().trim_end(), TEXT);
}

/// Accepts one connection, passes it to a server process, and lets curl speak to that.
fn inetd(listener: &TcpListener, scheme: &str) {
    let secured = Secured::new(Site::of_a_user());
    let address = listener.local_addr().expect("an address");
    let Some(mut curl) = curl(&secured, scheme, address) else {
        return;
    };
    let finished = std::thread::scope(|scope| {
        let visit = scope.spawn(move || run(&mut curl, LIMIT));
        let (client, _) = listener.accept().expect("curl comes");
        let input = OwnedFd::from(client);
        let output = input.try_clone().expect("a descriptor");
        let child = command(&secured, "--inetd")
            .stdin(input)
            .stdout(output)
            .spawn();
        let mut child = child.expect("a process");
        let finished = visit.join().expect("curl ends");
        assert!(child.wait().expect("it ends").success());
        finished
    });
    assert_text(&finished);
}

#[test]
fn inetd_and_starttls() {
    inetd(&TcpListener::bind("127.0.0.1:0").expect("a port"), "imap");
}

/// Returns the listener at port 993, or `None` if the test may not listen there.
fn imaps() -> Option<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from(IMAPS));
    if listener.is_err() {
        eprintln!("NOT RUN: only root can listen at port 993");
    }
    listener.ok()
}

#[test]
fn port_993_is_tls_from_the_start() {
    let Some(listener) = imaps() else { return };
    inetd(&listener, "imaps");

    let secured = Secured::new(Site::of_a_user());
    let address = listener.local_addr().expect("an address");
    let child = command(&secured, "--wait")
        .stdin(OwnedFd::from(listener))
        .spawn();
    let _process = Process::from(child.expect("a process"));
    if let Some(mut curl) = curl(&secured, "imaps", address) {
        assert_text(&run(&mut curl, LIMIT));
    }
}
