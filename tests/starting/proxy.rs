//! Behind a proxy: the PROXY header names the client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{LIMIT, TEXT, check, connect, converse, responses, site};
use crate::support::processes::Process;
use crate::support::program::{Program, until};
use crate::support::server::free_address;
use crate::support::server::{self, TestServer};
use crate::support::site::Site;

/// A remote client, which may not send a password without TLS.
const REMOTE: &[u8] = b"PROXY TCP4 192.0.2.9 192.0.2.1 4000 143\r\n";
const REFUSAL: &str = "a1 NO A password may not be sent";

/// A remote client that is connected to the proxy with TLS: a version 2 header that says so.
const REMOTE_WITH_TLS: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x09\xc0\0\x02\x01\x0f\xa0\0\x8f\
    \x20\0\x05\x01\0\0\0\0";

fn server(site: &Site, proxy: &str) -> TestServer {
    TestServer::start(site, &["--proxy-protocol", proxy])
}

/// Starts HAProxy in front of the server, with an address for each of these lines of its
/// configuration.
fn haproxy(
    program: &Program,
    site: &Site,
    server: SocketAddr,
    fronts: &[(&str, &str)],
) -> (Process, Vec<SocketAddr>) {
    let addresses: Vec<SocketAddr> = fronts.iter().map(|_| free_address()).collect();
    let mut text = String::from(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n",
    );
    for (address, (rule, sending)) in addresses.iter().zip(fronts) {
        text += &format!(
            "listen at{}\n bind {address}\n {rule}\n \
             server imap2d {server} {sending} check check-send-proxy inter 100ms\n",
            address.port()
        );
    }
    let config = site.path("haproxy.cfg");
    std::fs::write(&config, text).expect("the configuration");
    let mut command = program.command();
    command.arg("-db").arg("-f").arg(&config);
    (Process::start(command.stderr(Stdio::null())), addresses)
}

#[test]
fn haproxy_names_the_client() {
    let Some(program) = Program::find("haproxy") else {
        return;
    };
    let site = site();
    let server = server(&site, "127.0.0.1");
    // HAProxy itself may say that a client has another address.
    let near = "tcp-request connection set-src ipv4(127.0.0.3)";
    let far = "tcp-request connection set-src ipv4(192.0.2.9)";
    let fronts = [
        (near, "send-proxy"),
        (near, "send-proxy-v2"),
        (far, "send-proxy"),
        (far, "send-proxy-v2"),
    ];
    let (_haproxy, addresses) = haproxy(&program, &site, server.address(), &fronts);
    for near in &addresses[..2] {
        converse(connect(*near));
    }
    let granted = "login granted: address=127.0.0.3 ";
    until("both in the log", LIMIT, || {
        (server.log().matches(granted).count() == 2).then_some(())
    });
    for far in &addresses[2..] {
        let answers = responses(connect(*far), b"");
        assert!(answers.contains(REFUSAL), "{answers}");
    }
}

/// Behind a proxy on this machine clients are not local.
#[test]
fn the_address_of_the_client_counts() {
    let site = site();
    let server = server(&site, "127.0.0.0/8");
    let answers = responses(connect(server.address()), REMOTE);
    assert!(
        answers.starts_with("* OK") && answers.contains(REFUSAL),
        "{answers}"
    );
    let answers = responses(connect(server.address()), b"PROXY UNKNOWN\r\n");
    assert!(answers.contains(REFUSAL), "unknown client: {answers}");
    let near = b"PROXY TCP4 127.0.0.1 127.0.0.1 4000 143\r\n";
    check(&responses(connect(server.address()), near), "* OK");
    let under_tls = connect(server.address());
    check(&responses(under_tls, REMOTE_WITH_TLS), "* OK");
}

#[test]
fn a_header_may_arrive_in_pieces() {
    let site = site();
    let server = server(&site, "127.0.0.1");
    let mut client = connect(server.address());
    client.set_nodelay(true).expect("an option");
    for piece in REMOTE_WITH_TLS.chunks(5) {
        client.write_all(piece).expect("a connection");
        std::thread::sleep(Duration::from_millis(5));
    }
    check(&responses(client, b""), "* OK");
}

/// The server does not serve a proxy that sends no header or something else, and a header from any
/// other client is no command.
#[test]
fn only_trusted_proxies_send_headers() {
    let site = site();
    let server = server(&site, "127.0.0.1");
    let begun = Instant::now();
    let mut silent = connect(server.address());
    let mut wrong = connect(server.address());
    wrong.write_all(b"a1 CAPABILITY\r\n").expect("a connection");
    // It is closed, with what it has sent unread.
    let mut greeting = Vec::new();
    let _ = wrong.read_to_end(&mut greeting);
    assert_eq!(greeting, b"");
    let mut received = String::new();
    silent.read_to_string(&mut received).expect("an end");
    assert_eq!(received, "");
    assert!(begun.elapsed() >= Duration::from_secs(4), "it has a while");

    let server = self::server(&site, "127.0.0.2");
    let answers = responses(connect(server.address()), REMOTE);
    let mut lines = answers.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("* OK")));
    assert!(
        lines.next().is_some_and(|line| line.contains(" BAD")),
        "{answers}"
    );
    assert!(answers.contains(TEXT), "and then it goes on");
}

/// A process for one client reads the header itself.
#[test]
fn under_inetd() {
    let site = site();
    for (header, is_let_in) in [(REMOTE, false), (REMOTE_WITH_TLS, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let ours = TcpStream::connect(listener.local_addr().expect("its address"));
        let theirs = OwnedFd::from(listener.accept().expect("a connection").0);
        let mut command = server::command_of_owner(&site);
        command.args(["--inetd", "--proxy-protocol=127.0.0.1"]);
        command.stdin(theirs.try_clone().expect("a descriptor"));
        let child = command.stdout(theirs).spawn();
        drop(command);
        let mut process = Process::from(child.expect("the server"));
        let answers = responses(ours.expect("a connection"), header);
        assert_eq!(answers.contains(TEXT), is_let_in, "{answers}");
        assert_eq!(answers.contains(REFUSAL), !is_let_in, "{answers}");
        assert!(process.end(LIMIT).success());
    }
}
