//! The command line: standard output, standard error and the exit status.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

fn imap2d() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imap2d"));
    command.stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = imap2d().args(args).output().expect("it runs");
    let text = |octets| String::from_utf8(octets).expect("UTF-8");
    (
        status.code().expect("it exits by itself"),
        text(stdout),
        text(stderr),
    )
}

#[test]
fn help_and_version_go_to_standard_output() {
    let (code, stdout, stderr) = run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, imap2d::testing::help());
    let version = concat!("imap2d ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run(&["-V"]), (0, version.to_string(), String::new()));
}

#[test]
fn help_succeeds_if_its_reader_has_gone() {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    drop(ours);
    let stdout = Stdio::from(OwnedFd::from(theirs));
    let status = imap2d().arg("--help").stdout(stdout).status();
    assert_eq!(status.expect("it runs").code(), Some(0));
}

#[test]
fn all_wrong_options_are_reported() {
    let (code, stdout, stderr) = run(&["--dialect=imap9", "--max-message", "0", "--inetd"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
}

/// Under inetd standard error may be the client's connection, and the client would read an error
/// message as IMAP.
#[test]
fn wrong_options_are_not_reported_to_a_client() {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let stderr = Stdio::from(OwnedFd::from(theirs));
    let status = imap2d()
        .args(["--inetd", "--bogus"])
        .stderr(stderr)
        .status();
    assert_eq!(status.expect("it runs").code(), Some(2));
    let received = std::io::read_to_string(ours).expect("it closed the socket");
    assert_eq!(received, "");
}

#[test]
fn check_config_reads_the_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (config, users) = (path("imap2d.conf"), path("users"));
    fs::write(&config, format!("inetd\nusers {users}\n")).expect("written");
    fs::write(&users, "ann:{PLAIN}secret\n").expect("written");
    let valid = (0, "configuration is valid\n".to_string(), String::new());
    assert_eq!(run(&["--check-config", "-c", &config]), valid);

    fs::write(&users, "ann:{PLAIN}secret\nbob:{MD5}x\nnonsense\n").expect("written");
    let (code, stdout, stderr) = run(&["--check-config", "-c", &config]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let places: Vec<bool> = stderr
        .lines()
        .zip([2, 3])
        .map(|(line, number)| line.starts_with(&format!("{users}:{number}: ")))
        .collect();
    assert_eq!(places, [true, true], "{stderr}");
    let (code, _, stderr) = run(&["--check-config", "-c", &config, "--run-as", "no such user"]);
    assert_eq!((code, stderr.lines().count()), (2, 3));
    assert!(stderr.starts_with("run-as: there is no user"), "{stderr}");
}
