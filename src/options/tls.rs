//! What the options for TLS mean. Certificates and keys go together in the order in which they are given;
//! a certificate for which no key is left has it in its own file.

use std::path::Path;

use super::CertificateFiles;
use super::meaning::{Files, Reader};
use super::raw::Said;
use crate::certificate::{Certificate, CertificateError};

impl Reader<'_> {
    /// The certificates, each read once to see whether it is good.
    pub(super) fn tls(&mut self) -> Vec<CertificateFiles> {
        let raw = self.raw;
        let certificates: Vec<&Said> = raw.all("tls-cert").collect();
        let keys: Vec<&Said> = raw.all("tls-key").collect();
        for stray in keys.iter().skip(certificates.len()) {
            self.fault(&stray.source, "tls-key: there is no tls-cert for this key");
        }
        let pairs = certificates.iter().enumerate();
        pairs
            .map(|(index, certificate)| self.pair(certificate, keys.get(index).copied()))
            .collect()
    }

    fn pair(&mut self, certificate: &Said, key: Option<&Said>) -> CertificateFiles {
        let path = |said: &Said| Path::new(said.value.as_deref().unwrap_or("")).to_owned();
        let files = CertificateFiles {
            certificate: path(certificate),
            key: key.map(path),
        };
        if self.files == Files::Taken {
            return files;
        }
        match (files.read(), key) {
            (Ok(_), _) => {}
            (Err(CertificateError::Certificate(text)), _) => {
                self.fault(&certificate.source, format!("tls-cert: {text}"));
            }
            (Err(CertificateError::Key(text)), Some(key)) => {
                self.fault(&key.source, format!("tls-key: {text}"));
            }
            (Err(CertificateError::Key(text)), None) => {
                let text = format!("tls-cert: {text}; say tls-key FILE if it is elsewhere");
                self.fault(&certificate.source, text);
            }
        }
        files
    }

    /// Rules about more than one of them.
    pub(super) fn check_tls(&mut self) {
        let raw = self.raw;
        let listener = raw.first("listen-tls");
        if let Some(said) = listener.filter(|_| raw.first("tls-cert").is_none()) {
            let text = "listen-tls: there is no certificate: say tls-cert FILE";
            self.fault(&said.source, text);
        }
    }
}

impl CertificateFiles {
    /// What they hold now.
    ///
    /// # Errors
    /// If they hold no certificate with its key.
    pub fn read(&self) -> Result<Certificate, CertificateError> {
        Certificate::read(&self.certificate, self.key.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use crate::options::{CertificateFiles, Mode, OptionErrors, Options};
    use std::fs;
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// Two certificates, each with its key, and files with both.
    fn home() -> TempDir {
        let home = TempDir::new().expect("a directory");
        for name in ["a", "b"] {
            let made = rcgen::generate_simple_self_signed([format!("{name}.example")]);
            let made = made.expect("a certificate");
            let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
            let write = |end: &str, text: &str| {
                fs::write(home.path().join(format!("{name}.{end}")), text).expect("written");
            };
            write("crt", &certificate);
            write("key", &key);
            write("pem", &format!("{certificate}{key}"));
        }
        home
    }

    /// Options as in an option file, a line each; faults without the file's name.
    fn parse(home: &TempDir, lines: &[&str]) -> Result<Options, Vec<String>> {
        let file = home.path().join("imap2d.conf");
        let directory = home.path().display().to_string();
        fs::write(&file, lines.join("\n").replace('~', &directory)).expect("written");
        let file = file.display().to_string();
        Options::from_args(["--config", &file, "--users", "/dev/null"]).map_err(
            |OptionErrors(faults)| {
                let told = faults.iter().map(ToString::to_string);
                told.map(|fault| fault.replace(&directory, "~").replace("~/imap2d.conf:", ""))
                    .collect()
            },
        )
    }

    #[test]
    fn certificates_and_keys_go_in_pairs() {
        let home = home();
        let options = parse(
            &home,
            &[
                "tls-cert ~/a.crt",
                "tls-cert ~/b.pem",
                "tls-key ~/a.key",
                "listen-tls 127.0.0.1:993",
            ],
        );
        let options = options.expect("valid");
        let path = |name: &str| -> PathBuf { home.path().join(name) };
        let pair = |certificate, key: Option<&str>| CertificateFiles {
            certificate: path(certificate),
            key: key.map(path),
        };
        assert_eq!(
            options.tls,
            [pair("a.crt", Some("a.key")), pair("b.pem", None)]
        );
        let listen_tls = vec!["127.0.0.1:993".parse().expect("an address")];
        let listen = Vec::new();
        assert_eq!(options.mode, Mode::Serve { listen, listen_tls });
    }

    #[test]
    fn every_fault_has_its_line() {
        let home = home();
        let faults = |lines: &[&str]| parse(&home, lines).expect_err("a fault");
        let wrong = [
            "listen 127.0.0.1:143",
            "tls-cert ~/a.crt",
            "tls-key ~/b.key",
            "tls-cert ~/none.crt",
            "tls-key ~/a.key",
            "tls-cert ~/b.crt",
            "tls-key ~/b.crt",
            "tls-key ~/b.key",
        ];
        assert_eq!(
            faults(&wrong),
            [
                "3: tls-key: ~/b.key: the key is not that of the certificate",
                "4: tls-cert: cannot read ~/none.crt: No such file or directory (os error 2)",
                "7: tls-key: ~/b.crt: there is no private key in it, in PEM",
                "8: tls-key: there is no tls-cert for this key",
            ]
        );
        assert_eq!(
            faults(&[
                "tls-cert ~/a.crt",
                "listen-tls here",
                "listen 127.0.0.1:143"
            ]),
            [
                "1: tls-cert: ~/a.crt: there is no private key in it, in PEM; \
                 say tls-key FILE if it is elsewhere",
                "2: listen-tls: \"here\" is not like 127.0.0.1:143 or [::1]:143",
            ]
        );
        assert_eq!(
            faults(&["listen-tls [::1]:993"]),
            ["1: listen-tls: there is no certificate: say tls-cert FILE"]
        );
    }
}
