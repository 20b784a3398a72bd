//! The TLS options. Certificates and keys belong together in the order in which they are given; a
//! certificate for which no key is left has its key in its own file.

use std::path::Path;

use super::raw::GivenOption;
use super::validator::{FileCheck, Validator};
use super::values::CertificateFiles;
use crate::certificate::{Certificate, CertificateError};

impl Validator<'_> {
    /// Returns the certificates. Reads each one, to report faults of the files.
    pub(super) fn tls(&mut self) -> Vec<CertificateFiles> {
        let raw = self.raw;
        let certificates: Vec<&GivenOption> = raw.all("tls-cert").collect();
        let keys: Vec<&GivenOption> = raw.all("tls-key").collect();
        for stray in keys.iter().skip(certificates.len()) {
            self.fault(
                &stray.source,
                "tls-key: there is no tls-cert for this key: add one, or remove this line",
            );
        }
        let pairs = certificates.iter().enumerate();
        pairs
            .map(|(index, certificate)| self.pair(certificate, keys.get(index).copied()))
            .collect()
    }

    fn pair(&mut self, certificate: &GivenOption, key: Option<&GivenOption>) -> CertificateFiles {
        let path = |given: &GivenOption| Path::new(given.value_or_empty()).to_owned();
        let files = CertificateFiles {
            certificate: path(certificate),
            key: key.map(path),
        };
        if self.files == FileCheck::Skip {
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
                let text = format!("tls-cert: {text}: add tls-key FILE if the key is elsewhere");
                self.fault(&certificate.source, text);
            }
        }
        files
    }

    /// Checks the rules about more than one TLS option.
    pub(super) fn check_tls(&mut self) {
        let raw = self.raw;
        let listener = raw.first("listen-tls");
        if let Some(given) = listener.filter(|_| raw.first("tls-cert").is_none()) {
            let text = "listen-tls: there is no certificate: add tls-cert FILE";
            self.fault(&given.source, text);
        }
    }
}

impl CertificateFiles {
    /// Reads the certificate and its key from the files.
    ///
    /// # Errors
    /// If the files hold no certificate, or not its key.
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

    /// Writes two certificates, their keys, and files that have both.
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

    /// Parses the lines of an option file; returns the faults without the file's name.
    fn parse(home: &TempDir, lines: &[&str]) -> Result<Options, Vec<String>> {
        let file = home.path().join("imap2d.conf");
        let directory = home.path().display().to_string();
        fs::write(&file, lines.join("\n").replace('~', &directory)).expect("written");
        let file = file.display().to_string();
        Options::from_args(["--config", &file, "--users", "/dev/null"]).map_err(
            |OptionErrors(faults)| {
                let texts = faults.iter().map(ToString::to_string);
                texts
                    .map(|fault| fault.replace(&directory, "~").replace("~/imap2d.conf:", ""))
                    .collect()
            },
        )
    }

    #[test]
    fn certificates_and_keys_belong_together_in_order() {
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
                "7: tls-key: ~/b.crt: the file has no private key in PEM",
                "8: tls-key: there is no tls-cert for this key: add one, or remove this line",
            ]
        );
        assert_eq!(
            faults(&[
                "tls-cert ~/a.crt",
                "listen-tls here",
                "listen 127.0.0.1:143"
            ]),
            [
                "1: tls-cert: ~/a.crt: the file has no private key in PEM: \
                 add tls-key FILE if the key is elsewhere",
                "2: listen-tls: \"here\" is not like 127.0.0.1:143 or [::1]:143",
            ]
        );
        assert_eq!(
            faults(&["listen-tls [::1]:993"]),
            ["1: listen-tls: there is no certificate: add tls-cert FILE"]
        );
    }
}
