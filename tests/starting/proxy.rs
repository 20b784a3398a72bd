//! Behind a proxy: the client is who the proxy says it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{LIMIT, Process, TEXT, check, connect, converse, free_address, site, told};
use crate::support::program::{Program, until};
use crate::support::server::{self, TestServer};
use crate::support::site::Site;

/// Somebody far away, who may not send a password in clear text.
const STRANGER: &[u8] = b"PROXY TCP4 192.0.2.9 192.0.2.1 4000 143\r\n";
const REFUSAL: &str = "a1 NO A password may not be sent";

/// Somebody far away, who has come to the proxy under TLS: version 2, with that in it.
const SAFE_STRANGER: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x09\xc0\0\x02\x01\x0f\xa0\0\x8f\
    \x20\0\x05\x01\0\0\0\0";

fn server(site: &Site, proxy: &str) -> TestServer {
    TestServer::start(site, &["--proxy-protocol", proxy])
}

/// HAProxy in front of the server, on an address for each of these lines of its configuration.
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
fn haproxy_says_who_the_client_is() {
    let Some(program) = Program::find("haproxy") else {
        return;
    };
    let site = site();
    let server = server(&site, "127.0.0.1");
    // HAProxy itself may say that a client comes from elsewhere.
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
        let answers = told(connect(*far), b"");
        assert!(answers.contains(REFUSAL), "{answers}");
    }
}

/// A proxy on this machine does not make everybody local.
#[test]
fn the_client_counts_and_not_the_proxy() {
    let site = site();
    let server = server(&site, "127.0.0.0/8");
    let answers = told(connect(server.address()), STRANGER);
    assert!(
        answers.starts_with("* OK") && answers.contains(REFUSAL),
        "{answers}"
    );
    let answers = told(connect(server.address()), b"PROXY UNKNOWN\r\n");
    assert!(answers.contains(REFUSAL), "nobody knows: {answers}");
    let near = b"PROXY TCP4 127.0.0.1 127.0.0.1 4000 143\r\n";
    check(&told(connect(server.address()), near), "* OK");
    let under_tls = connect(server.address());
    check(&told(under_tls, SAFE_STRANGER), "* OK");
}

#[test]
fn a_header_may_come_in_pieces() {
    let site = site();
    let server = server(&site, "127.0.0.1");
    let mut client = connect(server.address());
    client.set_nodelay(true).expect("an option");
    for piece in SAFE_STRANGER.chunks(5) {
        client.write_all(piece).expect("a connection");
        std::thread::sleep(Duration::from_millis(5));
    }
    check(&told(client, b""), "* OK");
}

/// A proxy that says nothing, and one that says something else, is not served; and a header from anybody
/// else is no command.
#[test]
fn headers_are_for_proxies() {
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
    let mut heard = String::new();
    silent.read_to_string(&mut heard).expect("an end");
    assert_eq!(heard, "");
    assert!(begun.elapsed() >= Duration::from_secs(4), "it has a while");

    let server = self::server(&site, "127.0.0.2");
    let answers = told(connect(server.address()), STRANGER);
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
    for (header, is_let_in) in [(STRANGER, false), (SAFE_STRANGER, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let ours = TcpStream::connect(listener.local_addr().expect("its address"));
        let theirs = OwnedFd::from(listener.accept().expect("a connection").0);
        let mut command = server::command_of_owner(&site);
        command.args(["--inetd", "--proxy-protocol=127.0.0.1"]);
        command.stdin(theirs.try_clone().expect("a descriptor"));
        let child = command.stdout(theirs).spawn();
        drop(command);
        let mut process = Process(child.expect("the server"));
        let answers = told(ours.expect("a connection"), header);
        assert_eq!(answers.contains(TEXT), is_let_in, "{answers}");
        assert_eq!(answers.contains(REFUSAL), !is_let_in, "{answers}");
        assert!(process.end(LIMIT).success());
    }
}
