//! Logins at the real binary: the processes that check passwords, what happens when they are
//! killed, the log lines, and the limits on failed logins.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::imap::{Client, Status};
use crate::support::processes::{children, signal};
use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

/// Returns the process that waits for login requests.
fn supervisor(server: &TestServer) -> u32 {
    until("a supervisor", LIMIT, || {
        child_named(server.pid(), "imap2d-auth")
    })
}

/// Returns the process that checks passwords, once it exists.
fn worker(server: &TestServer) -> u32 {
    until("a worker", LIMIT, || {
        child_named(supervisor(server), "imap2d-auth-worker")
    })
}

fn child_named(parent: u32, wanted: &str) -> Option<u32> {
    let mut children = children(parent).into_iter();
    children
        .find(|(_, name)| name == wanted)
        .map(|(pid, _)| pid)
}

/// Connects and climbs to IMAP4rev1, where a NO has a response code.
fn client(server: &TestServer) -> Client {
    let mut client = server.connect();
    client.ok("CAPABILITY");
    client
}

/// Sends a login without waiting for the response.
fn log_in_later(client: &mut Client) {
    client.send(format!("later LOGIN {USER} {PASSWORD}\r\n").as_bytes());
}

fn response(client: &mut Client) -> String {
    String::from_utf8_lossy(&client.response()).into_owned()
}

/// Waits for a log line, which arrives through a pipe.
fn wait_for_line(server: &TestServer, part: &str) {
    until(part, LIMIT, || server.log().contains(part).then_some(()));
}

/// Returns true if all threads of a process are stopped: SIGSTOP takes a moment to reach them.
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
fn passwords_are_checked_in_processes_that_start_when_needed() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let supervisor = supervisor(&server);
    assert_eq!(children(supervisor), [], "no client has logged in");
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
fn a_killed_worker_fails_only_the_logins_it_was_checking() {
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
    wait_for_line(&server, "the auth worker was ended: signal: 9");
}

/// In the sandbox the server cannot start another supervisor: it logs that and exits, so that its
/// service manager restarts it.
#[test]
fn a_killed_supervisor_is_restarted_or_the_server_exits() {
    let site = Site::new();
    let mut server = TestServer::start(&site, &[]);
    let mut bystander = server.login_imap4();
    let (supervisor, worker) = (supervisor(&server), worker(&server));
    signal(supervisor, Signal::KILL);
    server.login();
    signal(worker, Signal::KILL);
    wait_for_line(&server, "the auth worker has ended");
    if server.log().contains("Landlock (ABI") {
        assert_eq!(server.end(LIMIT).code(), Some(1));
        wait_for_line(&server, "cannot start the auth worker again");
    } else {
        client(&server).ok(&format!("LOGIN {USER} {PASSWORD}"));
        bystander.ok("NOOP");
    }
}

/// `pkill imap2d` also signals the helper processes, and so does a service manager that ends all
/// processes of a service.
#[test]
fn helper_processes_ignore_signals_meant_for_the_server() {
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
fn every_login_attempt_is_logged() {
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
fn failed_logins_are_delayed() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let mut other = server.login_imap4();
    let mut client = client(&server);
    client.send(format!("a LOGIN {USER} wrong\r\n").repeat(4).as_bytes());
    for _ in 0..4 {
        assert!(response(&mut client).starts_with("a NO "));
    }
    let delayed = format!("after failed logins: address=127.0.0.1 method=LOGIN user=\"{USER}\"");
    log_in_later(&mut client);
    wait_for_line(&server, &delayed);
    other.ok("NOOP");
    // A client that disconnects before its delay is over gets no response.
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

/// Each new worker reads the passwd-file; its errors are logged only once.
#[test]
fn an_error_in_the_passwd_file_is_logged_once() {
    let site = Site::new();
    let list = std::fs::read_to_string(site.users()).expect("the passwd-file");
    std::fs::write(site.users(), format!("{list}nonsense\n")).expect("written");
    let server = TestServer::start(&site, &[]);
    let logged = || server.log().matches("users:2: ").count();
    let ended = || server.log().matches("worker was ended").count();
    for round in 1..=2 {
        server.login();
        signal(worker(&server), Signal::KILL);
        // A login before the server knows that the worker has exited could still go to the old one.
        until("its end", LIMIT, || (ended() == round).then_some(()));
    }
    assert_eq!(logged(), 1, "{}", server.log());
    std::fs::write(site.users(), format!("{list}nonsense\nnonsense\n")).expect("written");
    server.login();
    until("the new list", LIMIT, || (logged() == 2).then_some(()));
}
