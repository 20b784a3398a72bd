//! A certificate and its key, read from PEM files (RFC 7468): the chain, the key, the names that it
//! is valid for, its expiry, and the hash for channel binding.
//!
//! The options read the files once before the server listens, and the server reads them again
//! whenever they have changed. Both report a fault in the same words.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_name;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, crypto};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate as X509;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

/// A chain and a key have some thousand octets; a larger file is something else.
const MAX_FILE: u64 = 1 << 20;

/// A certificate that the server can present to clients, with its chain and its private key.
#[derive(Debug, Clone)]
pub struct Certificate {
    key: CertifiedKey,
    /// When the certificate expires.
    not_after: SystemTime,
    /// The hash for the channel binding `tls-server-end-point`.
    end_point: Option<Vec<u8>>,
}

/// Why a certificate cannot be used. The text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// The fault is in the file of the certificate.
    Certificate(String),
    /// The fault is in the file of the key.
    Key(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(text) | Self::Key(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for CertificateError {}

impl Certificate {
    /// Reads the chain, the server's own certificate first, from the file `certificate`, and the
    /// key from the file `key`; without `key`, from the same file.
    ///
    /// # Errors
    /// If a file cannot be read or lacks a certificate or a key, or if the key is not that of the
    /// certificate.
    pub fn read(certificate: &Path, key: Option<&Path>) -> Result<Self, CertificateError> {
        let text = contents(certificate).map_err(CertificateError::Certificate)?;
        let chain =
            chain(&text).map_err(|fault| CertificateError::Certificate(at(certificate, &fault)))?;
        let (place, key) = match key {
            None => (certificate, private_key(&text)),
            Some(path) => {
                let text = contents(path).map_err(CertificateError::Key)?;
                (path, private_key(&text))
            }
        };
        let key = key.map_err(|fault| CertificateError::Key(at(place, &fault)))?;
        Self::new(chain, key).map_err(|(is_key, fault)| match is_key {
            true => CertificateError::Key(at(place, &fault)),
            false => CertificateError::Certificate(at(certificate, &fault)),
        })
    }

    /// The error is a flag, set if the fault is the key's, and the text.
    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, (bool, String)> {
        let own = chain.first().ok_or((false, String::new()))?;
        let cannot_parse = |error: &dyn fmt::Display| {
            (false, format!("the certificate cannot be parsed: {error}"))
        };
        let x509 = X509::from_der(own).map_err(|error| cannot_parse(&error))?;
        ParsedCertificate::try_from(own).map_err(|error| cannot_parse(&error))?;
        let end_point = end_point(&x509, own);
        let end = x509.tbs_certificate().validity().not_after;
        let key = CertifiedKey::from_der(chain, key, &crypto::ring::default_provider());
        Ok(Self {
            key: key.map_err(|error| (true, key_fault(&error)))?,
            not_after: UNIX_EPOCH + end.to_unix_duration().min(FAR_FUTURE),
            end_point,
        })
    }

    /// Returns the chain and the key, for the TLS library.
    pub(crate) fn certified_key(&self) -> CertifiedKey {
        self.key.clone()
    }

    /// Returns when the certificate expires.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Returns the certificate's hash for the channel binding `tls-server-end-point` (RFC 5929
    /// §4.1); `None` if its signature does not determine a hash function.
    pub fn end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref()
    }

    /// True if the certificate is valid for the host `name`; a `*` in the certificate stands for
    /// one label (RFC 9525 §6.3).
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else {
            return false;
        };
        // It was parsed when it was read, so this does not fail.
        let parsed = self
            .key
            .end_entity_cert()
            .and_then(ParsedCertificate::try_from);
        parsed.is_ok_and(|own| verify_server_name(&own, &name).is_ok())
    }
}

/// Later than any real expiry, and far from where `SystemTime` overflows.
const FAR_FUTURE: Duration = Duration::from_secs(10_000 * 366 * 24 * 60 * 60);

fn at(path: &Path, fault: &str) -> String {
    format!("{}: {fault}", path.display())
}

/// Returns the contents of a file. They may hold a key, so there is room for all of them from the
/// start: when a vector grows, its old memory is not wiped.
fn contents(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let read = || {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if size > MAX_FILE {
            return Err(io::Error::other(
                "the file is larger than 1 MiB, so it is not a certificate or key",
            ));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(size as usize + 1));
        file.take(size).read_to_end(&mut text)?;
        Ok(text)
    };
    read().map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("the file has no certificate in PEM".into()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("the file is not valid PEM: {error}")),
    }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(text) => {
            "the key is encrypted: store it without a passphrase".into()
        }
        pem::Error::NoItemsFound => "the file has no private key in PEM".into(),
        error => format!("the file is not valid PEM: {error}"),
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----").is_some()
}

fn key_fault(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key is not that of the certificate".into()
        }
        error => format!("the key cannot be used: {error}"),
    }
}

/// Computes the hash for `tls-server-end-point` (RFC 5929 §4.1): by the hash function of the
/// certificate's signature, or by SHA-256 where that is weaker. Returns `None` for a signature
/// without a hash function of its own, such as Ed25519.
fn end_point(x509: &X509, der: &[u8]) -> Option<Vec<u8>> {
    Some(match x509.signature_algorithm().oid.to_string().as_str() {
        // md5, sha1, sha224 and sha256 WithRSAEncryption (RFC 8017 A.2.4); ecdsa-with-SHA1, -SHA224
        // and -SHA256 (RFC 5758 §3.2)
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.14"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.1"
        | "1.2.840.10045.4.3.2" => Sha256::digest(der).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(der).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(der).to_vec(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::fs;
    use tempfile::TempDir;

    struct Made {
        certificate: String,
        key: String,
    }

    fn make(names: &[&str]) -> Made {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_after = date_time_ymd(2031, 2, 3);
        let key = KeyPair::generate().expect("a key");
        Made {
            certificate: params.self_signed(&key).expect("signed").pem(),
            key: key.serialize_pem(),
        }
    }

    fn read(certificate: &str, key: Option<&str>) -> Result<Certificate, CertificateError> {
        let home = TempDir::new().expect("a directory");
        let [certificate_file, key_file] =
            ["cert.pem", "key.pem"].map(|name| home.path().join(name));
        fs::write(&certificate_file, certificate).expect("written");
        fs::write(&key_file, key.unwrap_or_default()).expect("written");
        Certificate::read(&certificate_file, key.map(|_| key_file.as_path()))
    }

    #[test]
    fn names_expiry_and_end_point_come_from_the_certificate() {
        let made = make(&["mail.example", "*.example.org"]);
        let read = read(&made.certificate, Some(&made.key)).expect("good");
        // The first second of the 3rd of February 2031.
        let end = UNIX_EPOCH + Duration::from_secs(1_927_843_200);
        assert_eq!(read.not_after(), end);
        for name in ["mail.example", "MAIL.example", "imap.example.org"] {
            assert!(read.is_for(name), "{name}");
        }
        for name in [
            "example",
            "example.org",
            "a.b.example.org",
            "",
            "x y",
            "192.0.2.1",
        ] {
            assert!(!read.is_for(name), "{name}");
        }
        let der = &read.certified_key().cert[0];
        assert_eq!(read.end_point(), Some(&*Sha256::digest(der)));
    }

    #[test]
    fn the_key_may_be_in_the_same_file() {
        let made = make(&["mail.example"]);
        let both = format!("{}{}", made.key, made.certificate);
        assert!(read(&both, None).is_ok());
        let chain = format!("{}{}", made.certificate, make(&["ca.example"]).certificate);
        let read = read(&chain, Some(&made.key)).expect("good");
        assert_eq!(read.certified_key().cert.len(), 2);
        assert!(read.is_for("mail.example") && !read.is_for("ca.example"));
    }

    #[test]
    fn each_fault_names_its_file() {
        let (made, other) = (make(&["mail.example"]), make(&["mail.example"]));
        let half = &made.certificate[..made.certificate.len() / 2];
        let encrypted = made.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let broken = made.certificate.replacen("MII", "MIJ", 1);
        for (certificate, key, is_key, words) in [
            ("", Some(&*made.key), false, "no certificate"),
            (half, Some(&*made.key), false, "not valid PEM"),
            (&*broken, Some(&*made.key), false, "cannot be parsed"),
            (&*made.certificate, None, true, "no private key"),
            (&*made.certificate, Some(""), true, "no private key"),
            (&*made.certificate, Some(&*encrypted), true, "passphrase"),
            (
                &*made.certificate,
                Some(&*other.key),
                true,
                "not that of the certificate",
            ),
            (
                &*made.certificate,
                Some(&made.key[..40]),
                true,
                "not valid PEM",
            ),
        ] {
            let fault = read(certificate, key).expect_err(words);
            assert!(fault.to_string().contains(words), "{words}: {fault}");
            assert_eq!(matches!(fault, CertificateError::Key(_)), is_key, "{words}");
        }
        let missing = Path::new("/nonexistent/cert.pem");
        let fault = Certificate::read(missing, None).expect_err("the file is missing");
        assert!(
            fault
                .to_string()
                .starts_with("cannot read /nonexistent/cert.pem"),
            "{fault}"
        );
    }

    #[test]
    fn ed25519_has_no_end_point() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
        let params = CertificateParams::new(["mail.example".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("signed").pem();
        let read = read(&certificate, Some(&key.serialize_pem())).expect("good");
        assert_eq!(read.end_point(), None);
    }
}
