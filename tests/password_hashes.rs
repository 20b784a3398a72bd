//! imap2d accepts the password hashes that other programs make; Dovecot and imap2d accept those
//! that `--hash-password` prints.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::imap::Status;
use crate::support::program::{Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const PATIENCE: Duration = Duration::from_secs(20);

/// The password of all users in this file.
const SECRET: &str = "correct horse";

/// Programs that hash passwords, and their arguments for each kind of hash. They print the hash
/// alone, after a user name, or after a scheme.
const MAKERS: &[(&str, &[&[&str]])] = &[
    (
        "mkpasswd",
        &[
            &["-m", "sha256crypt", SECRET],
            &["-m", "sha512crypt", SECRET],
            &["-m", "sha512crypt", "-R", "20000", SECRET],
            &["-m", "bcrypt", SECRET],
            &["-m", "bcrypt-a", SECRET],
            &["-m", "scrypt", SECRET],
            &["-m", "yescrypt", SECRET],
            &["-m", "yescrypt", "-R", "7", SECRET],
        ],
    ),
    (
        "htpasswd",
        &[
            &["-nbB", "name", SECRET],
            &["-nb2", "name", SECRET],
            &["-nb5", "name", SECRET],
        ],
    ),
    (
        "doveadm",
        &[
            &["pw", "-p", SECRET, "-s", "PLAIN"],
            &["pw", "-p", SECRET, "-s", "CLEARTEXT"],
            &["pw", "-p", SECRET, "-s", "CRYPT"],
            &["pw", "-p", SECRET, "-s", "SHA256-CRYPT"],
            &["pw", "-p", SECRET, "-s", "SHA512-CRYPT"],
            &["pw", "-p", SECRET, "-s", "BLF-CRYPT", "-r", "8"],
            &["pw", "-p", SECRET, "-s", "ARGON2I"],
            &["pw", "-p", SECRET, "-s", "ARGON2ID"],
            &["pw", "-p", SECRET, "-s", "SCRAM-SHA-256"],
        ],
    ),
    (
        "openssl",
        &[&["passwd", "-5", SECRET], &["passwd", "-6", SECRET]],
    ),
];

/// Returns the hash that a program prints, without the user name that `htpasswd` puts before it.
fn made(program: &Program, arguments: &[&str]) -> String {
    let printed = run(program.command().args(arguments), PATIENCE).success();
    let field = printed.trim();
    field.strip_prefix("name:").unwrap_or(field).to_string()
}

/// Creates a host with the users `u0`, `u1` and so on, copies of the only user, with these password
/// fields.
fn host_of(fields: &[String]) -> Site {
    let site = Site::new();
    let original = fs::read_to_string(site.users()).expect("the passwd-file");
    let mut users = String::new();
    for (number, field) in fields.iter().enumerate() {
        let name = format!("u{number}");
        site.maildir_at(&format!("mail/{name}"));
        let plain = format!("{USER}:{{PLAIN}}{PASSWORD}");
        users += &original.replace(&plain, &format!("{name}:{field}"));
    }
    fs::write(site.users(), users).expect("the passwd-file");
    site
}

#[test]
fn hashes_of_other_programs_are_accepted() {
    for (name, calls) in MAKERS {
        let Some(program) = Program::find(name) else {
            continue;
        };
        let fields: Vec<String> = calls.iter().map(|call| made(&program, call)).collect();
        let site = host_of(&fields);
        let server = TestServer::start(&site, &[]);
        for (number, field) in fields.iter().enumerate() {
            let answer = |password: &str| {
                let login = format!("LOGIN u{number} \"{password}\"");
                server.connect().command(&login).status
            };
            assert_eq!(answer(SECRET), Status::Ok, "{name}: {field}");
            assert_eq!(answer("correct horsE"), Status::No, "{name}: {field}");
        }
        assert!(!server.log().contains(SECRET), "{}", server.log());
    }
}

/// `/etc/shadow` can be used as a passwd-file; a user who is locked there cannot log in.
#[test]
fn lines_of_the_shadow_file_are_accepted() {
    let Some(mkpasswd) = Program::find("mkpasswd") else {
        return;
    };
    let hash = made(&mkpasswd, &[SECRET]);
    let site = host_of(&[]);
    let lines = format!("joe:{hash}:19000:0:99999:7:::\nann:!{hash}:19000:0:99999:7:::\n");
    fs::write(site.users(), lines).expect("the passwd-file");
    let server = TestServer::start(&site, &[]);
    let answer = |user: &str| {
        let login = format!("LOGIN {user} \"{SECRET}\"");
        server.connect().command(&login).status
    };
    assert_eq!((answer("joe"), answer("ann")), (Status::Ok, Status::No));
}

/// Runs `--hash-password` with `typed` as its standard input.
fn hash_password(option: &str, typed: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_imap2d"))
        .arg(option)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(typed.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn printed(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.strip_suffix('\n').expect("a line").to_string()
}

#[test]
fn hashes_of_hash_password_are_accepted() {
    let twice = format!("{SECRET}\n{SECRET}\n");
    let field = printed(hash_password("--hash-password", &twice));
    let again = printed(hash_password("--hash-password", &twice));
    assert_ne!(field, again, "the salt is another");
    let line = printed(hash_password("--hash-password=ann", &twice));
    assert!(line.starts_with("ann:{SCRAM-SHA-256}"), "{line}");
    let site = host_of(std::slice::from_ref(&field));
    let server = TestServer::start(&site, &[]);
    server.connect().ok(&format!("LOGIN u0 \"{SECRET}\""));
    if let Some(doveadm) = Program::find("doveadm") {
        let mut test = doveadm.command();
        test.args(["pw", "-t", &field, "-p", SECRET]);
        let verdict = run(&mut test, PATIENCE).success();
        assert!(verdict.contains("(verified)"), "{verdict}");
    }
}

#[test]
fn hash_password_refuses_bad_input() {
    for (option, typed) in [
        ("--hash-password", "one\nother\n"),
        ("--hash-password", "one\n"),
        ("--hash-password", "\n\n"),
        ("--hash-password", ""),
        ("--hash-password", "a\tb\na\tb\n"),
        ("--hash-password=a:b", "one\none\n"),
    ] {
        let output = hash_password(option, typed);
        assert_eq!(output.status.code(), Some(1), "{option} {typed:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let long = format!("{0}\n{0}\n", "a".repeat(513));
    assert_eq!(
        hash_password("--hash-password", &long).status.code(),
        Some(1)
    );
}

/// Types as a person does, and prints what the terminal showed and its state afterwards.
const PERSON: &str = r#"
    set timeout 20
    spawn -noecho sh -c "$env(PROGRAM) --hash-password=ann; echo ended \$?; stty -a"
    expect "Password: "  { send -- $env(FIRST) }
    expect "Once more: " { send -- $env(SECOND) }
    expect eof
"#;

#[test]
fn hash_password_shows_no_password_and_restores_the_terminal() {
    let Some(expect) = Program::find("expect") else {
        return;
    };
    for (first, second, code) in [
        ("pencil\r", "pencil\r", 0),
        ("pencil\u{3}", "", 1),
        ("pencil\r", "pencil\u{3}", 1),
    ] {
        let mut command = expect.command();
        command.args(["-c", PERSON]);
        command.env("PROGRAM", env!("CARGO_BIN_EXE_imap2d"));
        command.env("FIRST", first).env("SECOND", second);
        let shown = run(&mut command, PATIENCE).success();
        assert!(shown.contains(&format!("ended {code}")), "{shown}");
        assert!(!shown.contains("pencil"), "{shown}");
        assert_eq!(shown.contains("ann:{SCRAM-SHA-256}"), code == 0, "{shown}");
        for mode in ["echo", "isig"] {
            assert!(shown.split_whitespace().any(|word| word == mode), "{shown}");
        }
    }
}
