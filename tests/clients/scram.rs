//! Logins that send no password: `gsasl` of GNU SASL, and `mbsync` with Cyrus SASL (Debian
//! `libsasl2-modules`).

use std::fs;

use super::LIMIT;
use crate::support::imap::{Client, Status};
use crate::support::maildir::message;
use crate::support::program::{Finished, Program, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

/// Without TLS, on a connection where the server accepts no password.
const NO_PASSWORDS: &[&str] = &["--plaintext-login", "never"];

/// A password hash that cannot be used for SCRAM.
const HASHED: &str =
    "{SHA256-CRYPT}$5$rounds=1000$saltsalt$0000000000000000000000000000000000000000000";

fn gsasl(gsasl: &Program, server: &TestServer, user: &str, password: &str) -> Finished {
    let mut command = gsasl.command();
    command
        .args(["--imap", "--no-starttls", "--mechanism=SCRAM-SHA-256"])
        .arg(format!("--connect=127.0.0.1:{}", server.port()))
        .arg(format!("--authentication-id={user}"))
        .arg(format!("--password={password}"));
    run(&mut command, LIMIT)
}

#[test]
fn gsasl_and_the_server_authenticate_each_other() {
    let Some(program) = Program::find("gsasl") else {
        return;
    };
    let site = Site::new();
    let server = TestServer::start(&site, NO_PASSWORDS);
    let finished = gsasl(&program, &server, USER, PASSWORD);
    finished.success();
    assert!(finished.errors.contains("server trusted"), "{finished}");
    for (user, password) in [(USER, "wrong"), ("nobody", PASSWORD)] {
        let finished = gsasl(&program, &server, user, password);
        assert!(!finished.status.success(), "{finished}");
        assert!(
            finished.text().contains("NO [AUTHENTICATIONFAILED]"),
            "{finished}"
        );
    }
    let log = server.log();
    let of = format!("login granted: address=127.0.0.1 method=SCRAM-SHA-256 user=\"{USER}\"");
    assert!(log.contains(&of), "{log}");
}

#[test]
fn mbsync_fetches_mail_without_sending_a_password() {
    let Some(mbsync) = Program::find("mbsync") else {
        return;
    };
    let site = Site::new();
    site.maildir().deliver(&message("One", "1", "Hello.\n"));
    let server = TestServer::start(&site, NO_PASSWORDS);
    let near = site.home().join("near");
    let configuration = format!(
        "IMAPAccount a\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass {PASSWORD}\n\
         SSLType None\nAuthMechs SCRAM-SHA-256\n\n\
         IMAPStore far\nAccount a\n\n\
         MaildirStore near\nInbox {near}\n\n\
         Channel all\nFar :far:\nNear :near:\nCreate Near\nSyncState {near}/\n",
        port = server.port(),
        near = near.display(),
    );
    let file = site.write_home("mbsyncrc", &configuration);
    let mut command = mbsync.command();
    command
        .arg("-c")
        .arg(file)
        .arg("all")
        .env("HOME", site.home());
    run(&mut command, LIMIT).success();
    let fetched = fs::read_dir(near.join("new")).expect("a Maildir");
    assert_eq!(fetched.count(), 1);
}

/// The server offers SCRAM when all users of the passwd-file can use it; it follows changes without
/// a restart.
#[test]
fn scram_is_offered_if_all_users_can_use_it() {
    let site = Site::new();
    let server = TestServer::start(&site, &[]);
    let offers = || {
        let reply = server.connect().ok("CAPABILITY");
        format!("{:?}", reply.data).contains("AUTH=SCRAM-SHA-256")
    };
    assert!(offers());
    let before = fs::read_to_string(site.users()).expect("the passwd-file");
    fs::write(site.users(), format!("{before}ann:{HASHED}\n")).expect("written");
    // The server looks at the passwd-file when a client logs in.
    server.login();
    assert!(!offers());
    let mut client: Client = server.connect();
    let reply = client.command("AUTHENTICATE SCRAM-SHA-256 biwsbj1hLHI9eA==");
    assert_eq!(reply.status, Status::No);
    fs::write(site.users(), before).expect("written");
    server.login();
    assert!(offers());
}
