//! The wire log shows what client and server send, and never a password, in whatever form it is
//! sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

/// The password alone, and the PLAIN message, both in base64.
const WRAPPED: [&str; 2] = ["c2VjcmV0", "AGpvZQBzZWNyZXQ="];

/// Sends all of `text` without waiting, and returns everything that the server sends.
fn say(server: &TestServer, text: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
    stream.write_all(text.as_bytes()).expect("a connection");
    stream.shutdown(Shutdown::Write).expect("a connection");
    let mut received = String::new();
    stream.read_to_string(&mut received).expect("answers");
    received
}

/// Returns the log once it contains that line.
fn log(server: &TestServer, line: &str) -> String {
    until(line, LIMIT, || {
        let log = server.log();
        log.contains(line).then_some(log)
    })
}

/// Sends the password in every way, correctly and incorrectly.
#[test]
fn no_password_is_ever_logged() {
    let site = Site::new();
    let server = TestServer::start(
        &site,
        &["--wire-log", "127.0.0.1", "--plaintext-login=always"],
    );
    let [alone, message] = WRAPPED;
    let logins = [
        format!("a LOGIN {USER} {PASSWORD}"),
        format!("a LOGIN \"{USER}\" \"{PASSWORD}\""),
        format!("a LOGIN {{3}}\r\n{USER} {{6}}\r\n{PASSWORD}"),
        format!("a LOGIN {{3+}}\r\n{USER} {{6+}}\r\n{PASSWORD}"),
        format!("a LOGIN {USER} {{6+}}\r\n{PASSWORD}"),
        format!("a AUTHENTICATE PLAIN {message}"),
        format!("a AUTHENTICATE PLAIN\r\n{message}"),
        format!("a AUTHENTICATE LOGIN\r\nam9l\r\n{alone}"),
        format!("a AUTHENTICATE LOGIN am9l\r\n{alone}"),
    ];
    for login in &logins {
        let again = "a2 SELECT INBOX\r\n".to_string() + login + "\r\n";
        let received = say(
            &server,
            &format!("{login}\r\n{again}{alone}\r\n{message}\r\nz LOGOUT\r\n"),
        );
        assert!(
            received.contains("a OK") && received.contains("a2 OK"),
            "{login}: {received}"
        );
    }
    let wrong = [
        format!("a LOGIN {USER}wrong {PASSWORD}"),
        format!("LOGIN {USER} {PASSWORD}"),
        PASSWORD.to_string(),
        format!("{USER} {PASSWORD}"),
        format!("a LOGIN {USER} {PASSWORD} {PASSWORD}"),
        format!("a LOGIN {USER}, {PASSWORD}\""),
        format!("a LOGIN {USER} \"{PASSWORD}"),
        format!("a LOGIN {USER} ({PASSWORD})"),
        format!("a LOGIN {{9999999}}\r\n{USER} {PASSWORD}"),
        format!("a LOGIN {USER} {{9999}}\r\n{PASSWORD}"),
        format!("a LOGIN {USER} {{9999+}}\r\n{PASSWORD}"),
        format!("a LOGIN {USER} {PASSWORD}{}", "x".repeat(20_000)),
        format!("a UID LOGIN {USER} {PASSWORD}"),
        format!("a AUTHENTICATE {message}"),
        format!("a AUTHENTICATE CRAM-MD5 {message}"),
        format!("a AUTHENTICATE CRAM-MD5\r\n{message}"),
        format!("a AUTHENTICATE PLAIN {message} x"),
        format!("a AUTHENTICATE PLAIN\r\n{PASSWORD}"),
        format!("a AUTHENTICATE PLAIN\r\n*\r\n{message}"),
        format!("a AUTHENTICATE PLAIN\r\n{{6}}\r\n{PASSWORD}"),
        format!("a AUTHENTICATE LOGIN\r\n*\r\n{alone}"),
        format!("a PASS {PASSWORD}"),
    ];
    for wrong in &wrong {
        say(&server, &format!("{wrong}\r\nz LOGOUT\r\n"));
    }
    say(&server, "end LOGOUT\r\n");
    let log = log(&server, "C: end LOGOUT");
    assert!(log.contains(" C: a LOGIN ("), "{log}");
    assert!(log.contains(" C: a2 SELECT INBOX\n"), "{log}");
    assert!(log.contains(" S: * OK "), "{log}");
    for secret in [PASSWORD, WRAPPED[0], WRAPPED[1]] {
        let leaks: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert_eq!(leaks, [""; 0], "{secret}");
    }
}

#[test]
fn the_log_of_one_user_starts_at_the_login() {
    let site = Site::new();
    let server = TestServer::start(&site, &["--wire-log", USER]);
    say(&server, "n NOOP\r\nz LOGOUT\r\n");
    let mut client = server.login_imap4();
    client.ok("SELECT INBOX");
    let text = format!("Subject: long\n\n{}", "x".repeat(1000));
    client.append_ok("INBOX", "", text.as_bytes());
    client.ok("UID FETCH 1:* BODY.PEEK[]");
    client.ok("LOGOUT");
    let log = log(&server, "LOGOUT completed");
    let wire: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once(" wire "))
        .map(|at| at.1)
        .collect();
    assert!(wire[0].ends_with("logged in"), "{wire:#?}");
    for said in [
        "C: a3 SELECT INBOX",
        "C: a4 APPEND INBOX {1017}",
        "BODY[] {1017}",
        "S: a5 OK",
    ] {
        assert!(
            wire.iter().any(|line| line.contains(said)),
            "{said}: {wire:#?}"
        );
    }
    assert!(!log.contains("xxx"), "no message is shown");
    assert!(!log.contains("NOOP"), "other users are not logged");
}
