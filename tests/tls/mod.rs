//! TLS with the real binary: other programs as clients with both ways into TLS, several
//! certificates, replaced and expired ones, and connections accepted by inetd. The tests make the
//! certificates with an authority of their own, which the clients trust.

mod certificates;
mod channel_binding;
mod clients;
mod inetd;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::support::maildir::message;
use crate::support::program::{Finished, Program, run, until};
use crate::support::server::TestServer;
use crate::support::site::{PASSWORD, Site, USER};

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The text of the one message.
const TEXT: &str = "Hello from afar.";

/// The option that treats local and remote clients alike.
const NEVER_CLEAR: &str = "--plaintext-login=never";

/// The two ways into TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the start of the connection.
    Implicit,
    /// After STARTTLS.
    Upgraded,
}

/// A certificate authority, and the certificates that it issues.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params
            .distinguished_name
            .push(DnType::CommonName, "An authority of our own");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("signed");
        Self { issuer }
    }

    /// Returns the file with the authority's certificate, for clients.
    fn file(&self, site: &Site) -> PathBuf {
        let file = site.path("authority.pem");
        fs::write(&file, self.issuer.as_ref().pem()).expect("written");
        file
    }

    /// Issues a certificate; returns its chain and key, in PEM.
    fn certify(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> [String; 2] {
        let subjects: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(subjects).expect("names");
        params.distinguished_name.push(DnType::CommonName, names[0]);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("signed");
        let chain = signed.pem() + &self.issuer.as_ref().pem();
        [chain, key.serialize_pem()]
    }
}

/// A site with one message, an authority, and a certificate for this host in `cert.pem` and
/// `key.pem`.
struct Secured {
    site: Site,
    authority: Authority,
}

impl Secured {
    fn new(site: Site) -> Self {
        let authority = Authority::new();
        site.maildir().deliver(&message("Greetings", "one", TEXT));
        let secured = Self { site, authority };
        secured.certify("", &["localhost", "127.0.0.1"]);
        secured
    }

    /// Writes a certificate and its key into files whose names begin with `prefix`.
    fn certify(&self, prefix: &str, names: &[&str]) {
        self.put(prefix, self.authority.certify(names, |_| {}));
    }

    fn put(&self, prefix: &str, [chain, key]: [String; 2]) {
        for (name, text) in [("cert.pem", chain), ("key.pem", key)] {
            let path = self.site.path(&format!("{prefix}{name}"));
            fs::write(path, text).expect("written");
        }
    }

    /// Returns the options that name one certificate.
    fn options(&self, prefix: &str) -> [String; 2] {
        [("cert", "cert.pem"), ("key", "key.pem")].map(|(what, name)| {
            let path = self.site.path(&format!("{prefix}{name}"));
            format!("--tls-{what}={}", path.display())
        })
    }

    /// Starts a server with listeners of both kinds and these certificates.
    fn serve(&self, prefixes: &[&str]) -> TestServer {
        let certificates = prefixes.iter().flat_map(|prefix| self.options(prefix));
        let certificates: Vec<String> = certificates.collect();
        let mut arguments = vec!["--listen-tls=127.0.0.1:0", NEVER_CLEAR];
        arguments.extend(["--log-level", "debug"]);
        arguments.extend(certificates.iter().map(String::as_str));
        TestServer::start(&self.site, &arguments)
    }
}

/// Returns the port for that way into TLS.
fn port(server: &TestServer, way: Way) -> u16 {
    match way {
        Way::Upgraded => server.port(),
        Way::Implicit => until("the other listener", LIMIT, || {
            let log = server.log();
            let line = log.lines().find(|line| line.ends_with(" with TLS"))?;
            let address = line.strip_suffix(" with TLS")?.rsplit(' ').next()?;
            address.rsplit(':').next()?.parse().ok()
        }),
    }
}

/// Runs `openssl s_client` with these arguments. It sends `commands`, and stays until the server
/// closes the connection.
fn s_client(site: &Site, arguments: &[&str], commands: &str) -> Option<Finished> {
    let openssl = Program::find("openssl")?;
    // Sent all at once, they would be read before the handshake is over, in one record or another.
    let script = site.write_home("commands", commands);
    let mut command = Command::new("sh");
    command
        .args(["-c", "file=$1; shift; exec \"$@\" <\"$file\"", "sh"])
        .arg(script)
        .arg(openssl.command().get_program())
        .args(["s_client", "-quiet", "-verify_return_error"])
        .args(arguments);
    Some(run(&mut command, LIMIT))
}

/// Returns the commands that log in, read the message, and log out.
fn visit() -> String {
    format!(
        "a1 LOGIN {USER} {PASSWORD}\r\na2 SELECT INBOX\r\na3 FETCH 1 RFC822.TEXT\r\na4 LOGOUT\r\n"
    )
}
