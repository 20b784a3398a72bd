//! `--checkpassword`. Debian has no such program, so this folder has one.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::imap::{Client, Status};
use crate::support::maildir::message;
use crate::support::processes::{children, is_root_to};
use crate::support::program::{Program, until};
use crate::support::server::{TestServer, bare_command};
use crate::support::site::{PASSWORD, Site, USER};

const PROGRAM: &str = include_str!("program.py");

const LIMIT: Duration = Duration::from_secs(60);

/// Creates a host with one message, whose users only the program knows. The program becomes
/// `owner`, if there is one.
fn host(owner: Option<u32>) -> Option<(Site, Command)> {
    let python = Program::find("python3")?;
    let site = Site::new();
    let mail = site.maildir();
    mail.deliver(&message("Hello", "1", "Hello.\n"));
    let program = site.path("checkpassword");
    let python = python
        .command()
        .get_program()
        .to_string_lossy()
        .into_owned();
    fs::write(&program, format!("#!{python}\n{PROGRAM}")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    let mut words = format!("{} {}", program.display(), mail.path().display());
    if let Some(owner) = owner {
        words.push_str(&format!(" {owner}"));
    }
    let mut command = bare_command();
    command.arg("--checkpassword").arg(words);
    command.arg("--mail").arg(site.path("mail"));
    command.env("RUNTIME_DIRECTORY", site.path("run"));
    Some((site, command))
}

fn log_in(client: &mut Client, user: &str, password: &str) -> (Status, String) {
    let reply = client.command(&format!("LOGIN {user} {password}"));
    (reply.status, reply.text)
}

fn client(server: &TestServer) -> Client {
    let mut client = server.connect();
    client.ok("CAPABILITY");
    client
}

#[test]
fn the_program_decides_which_users_may_log_in() {
    let Some((site, command)) = host(None) else {
        return;
    };
    let server = TestServer::start_command(command, &site, &[]);
    let capabilities = format!("{:?}", server.connect().ok("CAPABILITY").data);
    assert!(!capabilities.contains("SCRAM"), "{capabilities}");
    let mut client = client(&server);
    assert_eq!(log_in(&mut client, USER, "wrong").0, Status::No);
    for (user, reason) in [
        ("confused", "cannot check at the moment"),
        ("broken", "exit status: 17"),
        ("silent", "did not run imap2d"),
    ] {
        let (status, text) = log_in(&mut client, user, PASSWORD);
        assert_eq!(status, Status::No);
        assert!(text.starts_with("[UNAVAILABLE]"), "{text}");
        until(reason, LIMIT, || {
            server.log().contains(reason).then_some(())
        });
    }
    assert_eq!(log_in(&mut client, USER, PASSWORD).0, Status::Ok);
    assert_eq!(client.ok("SELECT INBOX").exists(), Some(1));
    assert_eq!(children_of_worker(&server), 0, "nothing is left running");
}

fn children_of_worker(server: &TestServer) -> usize {
    let workers = children(server.pid())
        .into_iter()
        .flat_map(|(pid, _)| children(pid));
    workers.map(|(pid, _)| children(pid).len()).sum()
}

/// The program might repeat text of a client, which must not look like a log line of imap2d.
#[test]
fn messages_of_the_program_are_marked_in_the_log() {
    let Some((site, command)) = host(None) else {
        return;
    };
    let server = TestServer::start_command(command, &site, &[]);
    assert_eq!(log_in(&mut client(&server), "loud", PASSWORD).0, Status::No);
    until("its complaint", LIMIT, || {
        server.log().contains("says: login failed").then_some(())
    });
    let log = server.log();
    let complaints = log.lines().filter(|line| line.contains("192.0.2.1"));
    assert!(
        complaints.clone().all(|line| line.contains(" says: ")),
        "{log}"
    );
    assert!(complaints.count() < 100, "{log}");
}

#[test]
fn a_program_that_hangs_delays_its_own_login_only() {
    let Some((site, command)) = host(None) else {
        return;
    };
    let server = TestServer::start_command(command, &site, &[]);
    let mut hanging: Vec<Client> = (0..4).map(|_| client(&server)).collect();
    let start = Instant::now();
    for client in &mut hanging {
        client.send(format!("h LOGIN hanging {PASSWORD}\r\n").as_bytes());
    }
    until("four programs", LIMIT, || {
        (children_of_worker(&server) == 4).then_some(())
    });
    assert_eq!(log_in(&mut client(&server), USER, PASSWORD).0, Status::Ok);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "no other login waited"
    );
    for client in &mut hanging {
        let answer = String::from_utf8_lossy(&client.response()).into_owned();
        assert!(answer.starts_with("h NO [UNAVAILABLE]"), "{answer}");
    }
    until("their end", LIMIT, || {
        (children_of_worker(&server) == 0).then_some(())
    });
}

/// When root starts the program, it becomes another user, and so does the process of the session.
#[test]
fn the_session_becomes_the_user_that_the_program_became() {
    if !is_root_to("become another user") {
        return;
    }
    let owner = 65_534;
    let Some((_site, mut command)) = host(Some(owner)) else {
        return;
    };
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let theirs = OwnedFd::from(theirs);
    let mut child = command
        .arg("--inetd")
        .stdin(theirs.try_clone().expect("a descriptor"))
        .stdout(theirs)
        .spawn()
        .expect("the server");
    drop(command);
    ours.set_read_timeout(Some(LIMIT)).expect("a time-out");
    let login = format!("a LOGIN {USER} {PASSWORD}\r\nb SELECT INBOX\r\n");
    ours.write_all(login.as_bytes()).expect("sent");
    let mut heard = String::new();
    let mut chunk = [0; 4096];
    while !heard.contains("\r\nb ") {
        let count = ours.read(&mut chunk).expect("an answer");
        assert!(count > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    assert!(
        heard.contains("a OK") && heard.contains("* 1 EXISTS"),
        "{heard}"
    );
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let ids = format!("\nUid:\t{owner}\t{owner}\t{owner}\t{owner}\n");
    assert!(status.contains(&ids), "{status}");
    ours.write_all(b"c LOGOUT\r\n").expect("sent");
    child.wait().expect("it ends");
}
