//! `--inetd` and `--preauth`: one session on descriptors 0 and 1, which may be pipes, files or a
//! socket.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::maildir::message;
use crate::support::processes::{Process, is_root_to};
use crate::support::program::{Program, run, until};
use crate::support::server::{self, free_address};
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

/// Returns the commands of a client that reads one message and logs out, without waiting for
/// responses.
fn commands(login: bool) -> String {
    let login = if login {
        format!("a1 LOGIN {USER} {PASSWORD}\r\n")
    } else {
        String::new()
    };
    format!("{login}a2 SELECT INBOX\r\na3 FETCH 1 RFC822.TEXT\r\na4 LOGOUT\r\n")
}

fn site() -> Site {
    let site = Site::new();
    site.maildir()
        .deliver(&message("Greetings", "one", "Hello over a pipe.\n"));
    site
}

fn check(answers: &str, greeting: &str) {
    assert!(answers.starts_with(greeting), "{answers}");
    for part in [
        "* 1 EXISTS",
        "Hello over a pipe.",
        "a3 OK",
        "* BYE",
        "a4 OK",
    ] {
        assert!(answers.contains(part), "no {part:?} in:\n{answers}");
    }
}

fn inetd(site: &Site) -> Command {
    let mut command = server::command(site);
    command.arg("--inetd");
    command
}

fn preauth(site: &Site) -> Command {
    let mut command = server::command(site);
    command.arg(format!("--preauth={USER}"));
    command
}

#[test]
fn inetd_on_two_pipes() {
    let site = site();
    let child = send_to(&mut inetd(&site), &commands(true));
    check(&answers(child), "* OK ");
}

#[test]
fn preauth_on_two_pipes() {
    let site = site();
    let child = send_to(&mut preauth(&site), &commands(false));
    check(&answers(child), "* PREAUTH ");
}

/// A file cannot be polled. The server reads all of it, answers, and exits.
#[test]
fn preauth_on_plain_files() {
    let site = site();
    let (input, output) = (site.path("input"), site.path("output"));
    fs::write(&input, commands(false)).expect("a file");
    let mut child = preauth(&site)
        .stdin(File::open(&input).expect("the input"))
        .stdout(File::create(&output).expect("the output"))
        .spawn()
        .expect("the server");
    assert!(child.wait().expect("its end").success());
    check(
        &fs::read_to_string(&output).expect("the output"),
        "* PREAUTH ",
    );
}

#[test]
fn inetd_on_a_socket() {
    let site = site();
    let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let theirs = OwnedFd::from(theirs);
    let mut child = inetd(&site)
        .stdin(theirs.try_clone().expect("a descriptor"))
        .stdout(theirs)
        .stderr(Stdio::null())
        .spawn()
        .expect("the server");
    ours.set_read_timeout(Some(LIMIT)).expect("a timeout");
    ours.write_all(commands(true).as_bytes()).expect("a socket");
    let mut answers = String::new();
    ours.read_to_string(&mut answers).expect("answers");
    check(&answers, "* OK ");
    assert!(child.wait().expect("its end").success());
}

/// Guessing in many processes is as slow as in one: they count failed logins together. Each process
/// makes one guess, which nothing of its own could delay.
#[test]
fn processes_of_one_client_each_count_failed_logins_together() {
    let site = site();
    fs::create_dir(site.path("run")).expect("a directory");
    let path = site.path("log");
    let log = File::create(&path).expect("a file");
    let guesses = (0..12).map(|_| {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let theirs = OwnedFd::from(theirs);
        let mut command = inetd(&site);
        command
            .stdin(theirs.try_clone().expect("a descriptor"))
            .stdout(theirs)
            .stderr(log.try_clone().expect("a descriptor"));
        let process = Process::from(command.spawn().expect("the server"));
        let guess = format!("a LOGIN {USER} wrong\r\n");
        ours.write_all(guess.as_bytes()).expect("a socket");
        (process, ours)
    });
    let _guesses: Vec<_> = guesses.collect();
    until("a delay", LIMIT, || {
        let log = fs::read_to_string(&path).expect("the log");
        let delayed = "s, after failed logins: address=- method=LOGIN";
        log.contains(delayed).then_some(())
    });
}

/// The server still answers commands sent before the end of the input, without a LOGOUT.
#[test]
fn the_end_of_the_input_ends_the_session() {
    let site = site();
    let child = send_to(&mut preauth(&site), "a1 SELECT INBOX\r\na2 NOOP\r\n");
    let answers = answers(child);
    assert!(
        answers.contains("* 1 EXISTS") && answers.contains("a2 OK"),
        "{answers}"
    );
}

/// Debian's inetd starts the server for a client on a real connection.
#[test]
fn openbsd_inetd_starts_a_session() {
    let Some(program) = Program::find("inetd") else {
        return;
    };
    if !is_root_to("start inetd") {
        return;
    }
    let site = site();
    let address = free_address();
    let binary = server::command(&site)
        .get_program()
        .to_string_lossy()
        .into_owned();
    let arguments = format!(
        "--inetd --users {} --mail {}",
        site.users().display(),
        site.path("mail/%u").display()
    );
    let line = format!("{address} stream tcp nowait root {binary} imap2d {arguments}\n");
    let config = site.path("inetd.conf");
    fs::write(&config, line).expect("the configuration");
    let mut inetd = program
        .command()
        .arg("-i")
        .arg(&config)
        .spawn()
        .expect("inetd");
    let mut client = crate::support::program::until("inetd to listen", LIMIT, || {
        TcpStream::connect(address).ok()
    });
    client.set_read_timeout(Some(LIMIT)).expect("a timeout");
    client
        .write_all(commands(true).as_bytes())
        .expect("a connection");
    let mut answers = String::new();
    let read = client.read_to_string(&mut answers);
    inetd.kill().expect("inetd is ours");
    inetd.wait().expect("its end");
    read.expect("answers");
    check(&answers, "* OK ");
}

/// An ssh connection without input, as in `ssh host imap2d --preauth </dev/null`.
#[test]
fn an_empty_input_is_greeted_and_ends() {
    let site = site();
    let finished = run(preauth(&site).stdin(Stdio::null()), LIMIT);
    assert!(finished.success().starts_with("* PREAUTH "));
}

fn piped(command: &mut Command) -> Child {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().expect("the server")
}

/// Starts the command on two pipes, sends `text`, and closes its input.
fn send_to(command: &mut Command, text: &str) -> Child {
    let mut child = piped(command);
    let mut input = child.stdin.take().expect("piped");
    input.write_all(text.as_bytes()).expect("a pipe");
    child
}

fn answers(child: Child) -> String {
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
