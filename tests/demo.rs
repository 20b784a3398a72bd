//! `--demo`, as the README describes it.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::processes::Process;

/// How long the demo may take to answer, and to exit.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends one command and returns all lines up to its tagged response.
fn answer(client: &mut BufReader<TcpStream>, command: &str) -> Vec<String> {
    let line = format!("a {command}\r\n");
    client.get_mut().write_all(line.as_bytes()).expect("sent");
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let length = client.read_line(&mut line).expect("answered in time");
        assert!(length > 0, "{command}: closed after {lines:?}");
        lines.push(line.trim_end().to_string());
        if line.starts_with("a ") {
            return lines;
        }
    }
}

#[test]
fn the_demo_serves_its_mail_and_deletes_it_at_the_end() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        serves_until(signal);
    }
}

fn serves_until(signal: Signal) {
    let temporary = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_imap2d"));
    command.args(["--demo", "--listen", "127.0.0.1:0"]);
    command
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut printed = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut demo = Process::from(child);
    let mut first = String::new();
    printed.read_line(&mut first).expect("it prints");
    let address = first
        .split([' ', ','])
        .find(|word| word.starts_with("127.0.0.1:"));
    let address = address.unwrap_or_else(|| panic!("{first:?}"));
    assert_eq!(fs::read_dir(&temporary).expect("listed").count(), 1);

    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut client = BufReader::new(stream);
    let mut greeting = String::new();
    client.read_line(&mut greeting).expect("greeted");
    assert!(greeting.starts_with("* OK"), "{greeting:?}");
    let holds = |lines: &[String], wanted: &str| lines.iter().any(|line| line.contains(wanted));
    assert!(holds(&answer(&mut client, "LOGIN demo demo"), "a OK"));
    assert!(holds(&answer(&mut client, "SELECT INBOX"), "* 9 EXISTS"));
    let sizes = answer(&mut client, "FETCH 1 RFC822.SIZE");
    assert!(holds(&sizes, "637"), "{sizes:?}");
    assert!(holds(
        &answer(&mut client, "FIND MAILBOXES *"),
        "Archive.2025"
    ));
    assert!(holds(&answer(&mut client, "BBOARD announce"), "* 2 EXISTS"));

    demo.signal(signal);
    assert!(demo.end(PATIENCE).success(), "{signal:?}");
    assert_eq!(fs::read_dir(&temporary).expect("listed").count(), 0);
}
