//! Every client with both ways into TLS. Each verifies the certificate.

use std::path::Path;
use std::process::Command;

use super::{LIMIT, Secured, TEXT, Way, port, s_client, visit};
use crate::support::maildir::Maildir;
use crate::support::program::{Finished, Program, not_run, run};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

/// Defines two tests for every client, which is a function that takes a rig.
macro_rules! both_ways {
    ($($client:ident),+ $(,)?) => {
        mod implicit {
            $(#[test]
            fn $client() {
                super::$client(&super::Rig::new(super::Way::Implicit));
            })+
        }
        mod upgraded {
            $(#[test]
            fn $client() {
                super::$client(&super::Rig::new(super::Way::Upgraded));
            })+
        }
    };
}
both_ways![openssl, curl, imaplib, mbsync, fetchmail, imapflow];

struct Rig {
    secured: Secured,
    server: TestServer,
    way: Way,
}

impl Rig {
    fn new(way: Way) -> Self {
        let secured = Secured::new(Site::new());
        let server = secured.serve(&[""]);
        Self {
            secured,
            server,
            way,
        }
    }

    fn site(&self) -> &Site {
        &self.secured.site
    }

    fn port(&self) -> u16 {
        port(&self.server, self.way)
    }

    fn authority(&self) -> String {
        let file = self.secured.authority.file(self.site());
        file.to_str().expect("a path in ASCII").to_owned()
    }

    /// Returns the value for this way into TLS.
    fn either<T>(&self, implicit: T, upgraded: T) -> T {
        match self.way {
            Way::Implicit => implicit,
            Way::Upgraded => upgraded,
        }
    }
}

fn openssl(rig: &Rig) {
    let address = format!("localhost:{}", rig.port());
    let authority = rig.authority();
    for version in ["-tls1_2", "-tls1_3"] {
        let mut arguments = vec!["-connect", &address, "-CAfile", &authority, version];
        arguments.extend(["-verify_hostname", "localhost"]);
        arguments.extend(rig.either(&[][..], &["-starttls", "imap"]));
        let Some(finished) = s_client(rig.site(), &arguments, &visit()) else {
            return;
        };
        let text = finished.success();
        assert!(text.contains(TEXT) && text.contains("a4 OK"), "{finished}");
    }
    // The server does not speak older versions.
    let arguments = ["-connect", &address, "-CAfile", &authority, "-tls1_1"];
    let old = s_client(rig.site(), &arguments, &visit());
    assert!(old.is_some_and(|finished| !finished.status.success()));
}

fn curl(rig: &Rig) {
    let Some(curl) = Program::find("curl") else {
        return;
    };
    let authority = rig.authority();
    let ask = |arguments: &[&str]| -> Finished {
        let mut command = curl.command();
        command
            .args(["--disable", "--silent", "--show-error", "--user"])
            .arg(format!("{USER}:{PASSWORD}"))
            .args(arguments)
            .arg(format!(
                "{}://localhost:{}/INBOX;UID=1;SECTION=TEXT",
                rig.either("imaps", "imap"),
                rig.port()
            ));
        run(&mut command, LIMIT)
    };
    for version in ["1.2", "1.3"] {
        let text = ask(&["--ssl-reqd", "--cacert", &authority, "--tls-max", version]).success();
        assert_eq!(text.trim_end(), TEXT);
    }
    // It has to be given the authority.
    assert!(!ask(&["--ssl-reqd"]).status.success());
}

fn imaplib(rig: &Rig) {
    let Some(python) = Program::find("python3") else {
        return;
    };
    let mut command = python.command();
    command.arg(script("imaplib_tls.py"));
    assert_text(visit_by(rig, command));
}

fn imapflow(rig: &Rig) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/imapflow");
    let node = Program::find("node").filter(|_| home.is_dir());
    let Some(node) = node else {
        return not_run("imapflow");
    };
    let mut command = node.command();
    command
        .arg(script("imapflow_tls.mjs"))
        .env("IMAPFLOW", home);
    assert_text(visit_by(rig, command));
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

/// Runs a script that prints the text of the message.
fn visit_by(rig: &Rig, mut command: Command) -> Finished {
    command
        .arg(rig.either("implicit", "starttls"))
        .arg(rig.port().to_string())
        .args([USER, PASSWORD])
        .arg(rig.authority());
    run(&mut command, LIMIT)
}

fn assert_text(finished: Finished) {
    assert_eq!(finished.success().trim_end(), TEXT);
}

fn mbsync(rig: &Rig) {
    let Some(mbsync) = Program::find("mbsync") else {
        return;
    };
    let near = Maildir::create(&rig.site().home().join("near"), None);
    let configuration = format!(
        "FSync no\n\n\
         IMAPAccount a\nHost localhost\nPort {port}\nUser {USER}\nPass {PASSWORD}\n\
         SSLType {how}\nSystemCertificates no\nCertificateFile {authority}\n\n\
         IMAPStore far\nAccount a\n\n\
         MaildirStore near\nInbox {near}\n\n\
         Channel all\nFar :far:\nNear :near:\nSyncState *\n",
        port = rig.port(),
        how = rig.either("IMAPS", "STARTTLS"),
        authority = rig.authority(),
        near = near.path().display(),
    );
    let file = rig.site().write_home("mbsyncrc", &configuration);
    let mut command = mbsync.command();
    command
        .arg("-c")
        .arg(file)
        .args(["-V", "all"])
        .env("HOME", rig.site().home());
    run(&mut command, LIMIT).success();
    assert!(near.the("X-Id: one").text().contains(TEXT));
}

fn fetchmail(rig: &Rig) {
    let Some(fetchmail) = Program::find("fetchmail") else {
        return;
    };
    let fetched = rig.site().path("fetched");
    let file = rig.site().write_home(
        "fetchmailrc",
        &format!(
            "set invisible\nset no bouncemail\n\
             poll localhost protocol imap port {port}\n\
             user \"{USER}\" password \"{PASSWORD}\" {how} sslproto 'TLS1.2+' sslcertck \
             sslcertfile {authority} keep\nmda \"cat >{fetched}\"\n",
            port = rig.port(),
            how = rig.either("ssl", ""),
            authority = rig.authority(),
            fetched = fetched.display(),
        ),
    );
    let mut command = fetchmail.command();
    command
        .args(["--verbose", "--nosyslog", "--fetchmailrc"])
        .arg(file)
        .arg("--pidfile")
        .arg(rig.site().home().join("fetchmail.pid"))
        .env("HOME", rig.site().home());
    let finished = run(&mut command, LIMIT);
    finished.success();
    let text = std::fs::read_to_string(fetched).expect("a message came");
    assert!(text.contains(TEXT), "{text}\n{finished}");
}
