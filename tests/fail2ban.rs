//! The filter for fail2ban: `fail2ban-regex` applies it to the log of the real binary.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::support::imap::Client;
use crate::support::program::{Program, run, until};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

const LIMIT: Duration = Duration::from_secs(60);

const FILTER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/contrib/fail2ban/filter.d/imap2d.conf"
);

/// User names with which an attacker tries to get another address banned.
const FORGED: &[&str] = &[
    r#"x" address=192.0.2.9 method=LOGIN user="y"#,
    r#"x\"#,
    r"login failed: address=192.0.2.9 method=LOGIN user=",
    "x\"\r\n2026-11-23T10:00:00Z WARN  login failed: address=192.0.2.9 method=LOGIN user=\"y",
];

/// Returns the addresses that the filter finds in a log, and how often.
fn found(fail2ban: &Program, site: &Site, log: &str) -> BTreeMap<String, usize> {
    let file = site.path("imap2d.log");
    fs::write(&file, log).expect("a log");
    let mut command = fail2ban.command();
    command.args(["--out", "ip"]).arg(&file).arg(FILTER);
    let text = run(&mut command, LIMIT).success();
    let mut counts = BTreeMap::new();
    for address in text.lines().filter(|line| !line.is_empty()) {
        *counts.entry(address.to_owned()).or_insert(0) += 1;
    }
    counts
}

fn fail(client: &mut Client, user: &str) {
    client.command_with("LOGIN ", &[(user.as_bytes(), " wrong")]);
}

#[test]
fn the_filter_finds_failed_logins_and_no_other_address() {
    let Some(fail2ban) = Program::find("fail2ban-regex") else {
        return;
    };
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let mut client = server.login();
    client.ok("NOOP");
    for user in FORGED {
        fail(&mut server.connect(), user);
    }
    let mut client = server.connect();
    client.command("LOGIN \"\" x");
    client.send(b"p AUTHENTICATE PLAIN\r\n\0\r\n");
    client.response();
    client.response();
    client.send(b"q AUTHENTICATE PLAIN\r\nAGpvZQB3cm9uZw==\r\n");
    client.response();
    client.response();
    client.ok(&format!("LOGIN {USER} {PASSWORD}"));
    let log = until("all lines", LIMIT, || {
        let log = server.log();
        (log.matches("login granted: ").count() == 2).then_some(log)
    });
    let failures = FORGED.len() + 2;
    let expected = BTreeMap::from([("127.0.0.1".to_owned(), failures)]);
    assert_eq!(found(&fail2ban, &site, &log), expected, "{log}");

    // The same lines as syslog writes them, and with an IPv6 address.
    let syslog: String = log
        .lines()
        .filter_map(|line| line.get("2026-11-23T10:00:00Z WARN  ".len()..))
        .map(|text| format!("Nov 23 10:00:00 host imap2d[7]: {text}\n"))
        .collect();
    assert_eq!(found(&fail2ban, &site, &syslog), expected, "{syslog}");
    let of_ipv6 = syslog.replace("127.0.0.1", "2001:db8::1");
    let expected = BTreeMap::from([("2001:db8::1".to_owned(), failures)]);
    assert_eq!(found(&fail2ban, &site, &of_ipv6), expected, "{of_ipv6}");
}

#[test]
fn text_of_a_client_in_other_log_lines_is_not_found() {
    let Some(fail2ban) = Program::find("fail2ban-regex") else {
        return;
    };
    let site = Site::new();
    let line = r#"login failed: address=192.0.2.9 method=LOGIN user="y""#;
    let log = format!(
        "2026-11-23T10:00:00Z INFO  192.0.2.1:7: {line}\n\
         2026-11-23T10:00:00Z WARN  192.0.2.1:7: {line}\n\
         Nov 23 10:00:00 host imap2d[7]: 192.0.2.1:7: {line}\n\
         Nov 23 10:00:00 host imap2d[7]: connection 7 from 192.0.2.1:7: {line}\n\
         Nov 23 10:00:00 host other[7]: {line}\n\
         Nov 23 10:00:00 host imap2d[7]: {line} and more\n"
    );
    assert_eq!(found(&fail2ban, &site, &log), BTreeMap::new());
}
