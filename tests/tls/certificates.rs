//! Several certificates, replaced certificates, expired certificates.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

use imap2d::testing::DateTime;
use rcgen::{CertificateParams, date_time_ymd};
use rustix::process::Signal;

use super::{LIMIT, Secured, Way, port, s_client, visit};
use crate::support::program::until;
use crate::support::server::TestServer;
use crate::support::site::Site;

/// Returns true if a client that asks for this name gets a certificate for it.
fn asks_for(secured: &Secured, server: &TestServer, name: &str) -> bool {
    let authority = secured.authority.file(&secured.site);
    let address = format!("localhost:{}", port(server, Way::Implicit));
    let arguments = [
        "-connect",
        &address,
        "-CAfile",
        authority.to_str().expect("ASCII"),
        "-servername",
        name,
        "-verify_hostname",
        name,
    ];
    let finished = s_client(&secured.site, &arguments, &visit());
    finished.is_none_or(|finished| finished.text().contains("a4 OK"))
}

#[test]
fn a_client_gets_the_certificate_of_the_name_it_asks_for() {
    let secured = Secured::new(Site::new());
    secured.certify("second.", &["mail.example", "imap.example"]);
    secured.certify("wild.", &["*.example.org"]);
    let server = secured.serve(&["", "second.", "wild."]);
    for name in [
        "localhost",
        "mail.example",
        "imap.example",
        "any.example.org",
    ] {
        assert!(asks_for(&secured, &server, name), "{name}");
    }
}

#[test]
fn a_changed_certificate_is_read_again_if_it_is_valid() {
    let secured = Secured::new(Site::new());
    let server = secured.serve(&[""]);
    assert!(asks_for(&secured, &server, "localhost"));
    let renewed = |name| {
        thread::sleep(Duration::from_millis(1100));
        asks_for(&secured, &server, name)
    };

    secured.certify("", &["renewed.example"]);
    assert!(renewed("renewed.example"));

    let [chain, _] = secured.authority.certify(&["third.example"], |_| {});
    fs::write(secured.site.path("cert.pem"), chain).expect("written");
    assert!(
        renewed("renewed.example"),
        "the key is not that of the new one"
    );
    assert!(renewed("renewed.example"));
    let log = server.log();
    assert_eq!(log.matches("stays in use").count(), 1, "{log}");
    assert!(
        log.contains("key.pem: the key is not that of the certificate"),
        "{log}"
    );

    // SIGHUP reads them at once, before any client connects.
    secured.certify("", &["fourth.example"]);
    let before = server.log().matches("was read again").count();
    server.signal(Signal::HUP);
    until("the certificate to be read", LIMIT, || {
        (server.log().matches("was read again").count() > before).then_some(())
    });
    assert!(asks_for(&secured, &server, "fourth.example"));
}

#[test]
fn the_expiry_of_a_certificate_is_logged() {
    let secured = Secured::new(Site::new());
    let soon = SystemTime::now() + Duration::from_secs(3 * 24 * 60 * 60 + 60);
    let ((year, month, day), _) = DateTime::from(soon).parts();
    let (month, day) = (month.unsigned_abs(), day.unsigned_abs());
    let ends = |year: i32, month: u8, day: u8| {
        move |params: &mut CertificateParams| params.not_after = date_time_ymd(year, month, day)
    };
    let certify = |prefix: &str, change: &dyn Fn(&mut CertificateParams)| {
        let made = secured.authority.certify(&["localhost"], change);
        secured.put(prefix, made);
    };
    certify("soon.", &ends(i32::from(year), month, day));
    certify("old.", &ends(2020, 1, 2));
    let server = secured.serve(&["", "soon.", "old."]);
    let log = until("the log", LIMIT, || {
        Some(server.log()).filter(|log| log.contains("old.cert.pem"))
    });
    assert!(
        log.contains("soon.cert.pem: the certificate expires in 2 days, 20"),
        "{log}"
    );
    assert!(
        log.contains("old.cert.pem: the certificate has expired, 2020-01-02"),
        "{log}"
    );
    assert!(!log.contains("/cert.pem: the certificate expires"), "{log}");
}

#[test]
fn a_client_without_tls_is_logged() {
    use std::io::{Read, Write};
    let secured = Secured::new(Site::new());
    let server = secured.serve(&[""]);
    let port = port(&server, Way::Implicit);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an alert");
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    until("the log", LIMIT, || {
        server.log().contains("lost: TLS: ").then_some(())
    });
}
