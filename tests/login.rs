//! Logging in at the real binary: the processes that check passwords, what they do when they are killed, the
//! lines in the log, and the limits on those who try.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::imap::{Client, Status};
use crate::support::processes::{children, signal};
use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

/// The process that waits for questions.
fn supervisor(server: &TestServer) -> u32 {
    until("a supervisor", LIMIT, || {
        child_named(server.pid(), "imap2d-verifier")
    })
}

/// The process that answers them, once there is one.
fn worker(server: &TestServer) -> u32 {
    until("a worker", LIMIT, || {
        child_named(supervisor(server), "imap2d-verifier-worker")
    })
}

fn child_named(parent: u32, wanted: &str) -> Option<u32> {
    let mut children = children(parent).into_iter();
    children
        .find(|(_, name)| name == wanted)
        .map(|(pid, _)| pid)
}

/// A client of IMAP4, which is told in codes what a NO means.
fn client(server: &TestServer) -> Client {
    let mut client = server.connect();
    client.ok("CAPABILITY");
    client
}

/// Sends a login that is not answered yet.
fn log_in_later(client: &mut Client) {
    client.send(format!("later LOGIN {USER} {PASSWORD}\r\n").as_bytes());
}

fn response(client: &mut Client) -> String {
    String::from_utf8_lossy(&client.response()).into_owned()
}

/// The log comes through a pipe, in its own time.
fn wait_for_line(server: &TestServer, part: &str) {
    until(part, LIMIT, || server.log().contains(part).then_some(()));
}

/// Whether all threads of a process are stopped: a signal to do so takes its time to reach them.
fn stands_still(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    threads
        .map(|thread| thread.expect("a thread").path())
        .all(|thread| {
            let status = std::fs::read_to_string(thread.join("status")).unwrap_or_default();
            status.contains("State:\tT")
        })
}

fn assert_is_gone(pid: u32) {
    let path = format!("/proc/{pid}/cmdline");
    until("the end of a process", LIMIT, || {
        std::fs::read(&path)
            .map_or(true, |name| name.is_empty())
            .then_some(())
    });
}

#[test]
fn passwords_are_checked_in_processes_that_come_and_go_with_the_need() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let supervisor = supervisor(&server);
    assert_eq!(children(supervisor), [], "nobody has logged in");
    server.login();
    let worker = worker(&server);
    for pid in [supervisor, worker] {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let core: Vec<&str> = core.expect("a limit").split_whitespace().collect();
        assert_eq!(core[4..6], ["0", "0"], "no core dumps");
    }
    drop(server);
    assert_is_gone(supervisor);
    assert_is_gone(worker);
}

#[test]
fn a_worker_that_is_killed_costs_the_logins_that_it_had_taken() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let mut bystander = server.login_imap4();
    let first = worker(&server);
    signal(first, Signal::STOP);
    until("it to stand still", LIMIT, || {
        stands_still(first).then_some(())
    });
    let mut pending = [client(&server), client(&server)];
    pending.iter_mut().for_each(log_in_later);
    bystander.ok("NOOP");
    signal(first, Signal::KILL);
    for client in &mut pending {
        let answer = response(client);
        assert!(answer.starts_with("later NO [UNAVAILABLE]"), "{answer}");
        client.ok(&format!("LOGIN {USER} {PASSWORD}"));
    }
    assert_ne!(worker(&server), first);
    wait_for_line(&server, "the verifier's worker was ended: signal: 9");
}

/// Where the kernel's walls stand, nobody can start another: then the server says so and ends, so that whoever
/// has started it starts it again.
#[test]
fn a_supervisor_that_is_killed_is_replaced_or_the_server_is() {
    let site = Site::new();
    let mut server = TestServer::start(&site, &[]);
    let mut bystander = server.login_imap4();
    let (supervisor, worker) = (supervisor(&server), worker(&server));
    signal(supervisor, Signal::KILL);
    server.login();
    signal(worker, Signal::KILL);
    wait_for_line(&server, "the verifier has gone");
    if server.log().contains("Landlock (ABI") {
        assert_eq!(server.end(LIMIT).code(), Some(1));
        wait_for_line(&server, "cannot start the verifier again");
    } else {
        client(&server).ok(&format!("LOGIN {USER} {PASSWORD}"));
        bystander.ok("NOOP");
    }
}

/// `pkill imap2d` finds them too, and so does a service manager that ends all processes of a service.
#[test]
fn signals_for_the_server_are_nothing_to_those_who_verify() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    server.login();
    for helper in [supervisor(&server), worker(&server)] {
        for meant_for_the_server in [Signal::TERM, Signal::INT, Signal::HUP] {
            signal(helper, meant_for_the_server);
        }
    }
    server.login();
    assert!(!server.log().contains("ended: signal"), "{}", server.log());
}

#[test]
fn every_attempt_has_its_line() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let mut client = client(&server);
    let forged = r#"x\" address=192.0.2.9 method=LOGIN user=\"y"#;
    for user in [USER, forged] {
        let reply = client.command(&format!("LOGIN \"{user}\" wrong"));
        assert_eq!(reply.status, Status::No);
    }
    client.send(b"p AUTHENTICATE PLAIN\r\n");
    assert_eq!(response(&mut client), "+ ");
    client.send(b"AGpvZQBzZWNyZXQ=\r\n");
    let answer = response(&mut client);
    assert!(answer.starts_with("p OK"), "{answer}");
    wait_for_line(&server, "login granted: ");
    let log = server.log();
    let lines = log
        .lines()
        .filter_map(|line| Some(&line[line.find("login ")?..]));
    let expected = [
        r#"login failed: address=127.0.0.1 method=LOGIN user="joe""#,
        r#"login failed: address=127.0.0.1 method=LOGIN user="x\" address=192.0.2.9 method=LOGIN user=\"y""#,
        r#"login granted: address=127.0.0.1 method=PLAIN user="joe""#,
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected, "{log}");
}

#[test]
fn who_guesses_waits_and_is_sent_away() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let mut other = server.login_imap4();
    let mut client = client(&server);
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(
            client.command(&format!("LOGIN {USER} wrong")).status,
            Status::No
        );
    }
    assert!(
        start.elapsed() > Duration::from_millis(1400),
        "0, 0.5 and 1 s"
    );
    other.ok("NOOP");
    // A client that leaves before its time has come is not owed anything.
    log_in_later(&mut client);
    drop(client);
    other.ok("NOOP");
}

#[test]
fn one_address_has_a_limited_number_of_clients_before_login() {
    let site = Site::new();
    let server = TestServer::start(&site, &["--max-per-address", "2"]);
    let mut first = server.connect();
    let second = server.connect();
    let refused = greeting(&server);
    assert!(refused.starts_with("* BYE Too many"), "{refused}");
    wait_for_line(&server, "(max-per-address)");
    first.ok(&format!("LOGIN {USER} {PASSWORD}"));
    let third = server.connect();
    assert!(greeting(&server).starts_with("* BYE"));
    drop((second, third));
    until("room", LIMIT, || {
        greeting(&server).starts_with("* OK").then_some(())
    });
    first.ok("NOOP");
}

fn greeting(server: &TestServer) -> String {
    let stream = TcpStream::connect(server.address()).expect("a connection");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("a line");
    line
}

/// A worker comes and goes; what is wrong with the list of users is not said each time.
#[test]
fn a_broken_line_is_told_once() {
    let site = Site::new();
    let list = std::fs::read_to_string(site.users()).expect("the passwd-file");
    std::fs::write(site.users(), format!("{list}nonsense\n")).expect("written");
    let server = TestServer::start(&site, &[]);
    let told = || server.log().matches("users:2: ").count();
    let ended = || server.log().matches("worker was ended").count();
    for round in 1..=2 {
        server.login();
        signal(worker(&server), Signal::KILL);
        // Who asks before that is told may have asked the one that is gone.
        until("its end", LIMIT, || (ended() == round).then_some(()));
    }
    assert_eq!(told(), 1, "{}", server.log());
    std::fs::write(site.users(), format!("{list}nonsense\nnonsense\n")).expect("written");
    server.login();
    until("the new list", LIMIT, || (told() == 2).then_some(()));
}
