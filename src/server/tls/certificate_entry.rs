//! One certificate with its files.

use super::expiry::ExpiryReminder;
use crate::certificate::{Certificate, CertificateError};
use crate::file_stamp::FileStamp;
use crate::options::CertificateFiles;
use rustls::crypto::ring::{self, Ticketer};
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::sign::SingleCertAndKey;
use rustls::{Error, ServerConfig};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The name of this protocol in the registry of RFC 7301. A client that offers other names only is
/// looking for another server.
const ALPN: &[u8] = b"imap";

/// One certificate with its files.
pub(super) struct CertificateEntry {
    files: CertificateFiles,
    /// Stamps of the files, from before they were read.
    stamps: [Option<FileStamp>; 2],
    loaded: LoadedCertificate,
    /// Why the present content of the files is not used.
    fault: Option<String>,
    expiry: ExpiryReminder,
}

/// A certificate that clients get, with the settings of TLS that belong to it.
pub(super) struct LoadedCertificate {
    certificate: Certificate,
    settings: Arc<ServerConfig>,
}

impl CertificateEntry {
    /// Reads the files.
    pub(super) fn load(files: CertificateFiles) -> Result<Self, CertificateError> {
        let stamps = stamps(&files);
        Ok(Self {
            loaded: LoadedCertificate::read(&files)?,
            files,
            stamps,
            fault: None,
            expiry: ExpiryReminder::default(),
        })
    }

    /// Returns the certificate that clients get.
    pub(super) fn loaded(&self) -> &LoadedCertificate {
        &self.loaded
    }

    /// Logs that the certificate is about to expire, if that is due. Returns the time until the
    /// next call.
    pub(super) fn remind(&mut self, today: SystemTime) -> Duration {
        let end = self.loaded.certificate.not_after();
        self.expiry.remind(&self.files.certificate, end, today)
    }

    /// True if the files have changed since they were read. Files that could not be used are read
    /// again in any case: another program may have been writing them.
    pub(super) fn has_changed(&self) -> bool {
        self.fault.is_some() || stamps(&self.files) != self.stamps
    }

    /// Reads the files again, and uses their content if it is good. Returns true if it is.
    pub(super) fn read_again(&mut self) -> bool {
        let path = self.files.certificate.display();
        self.stamps = stamps(&self.files);
        match LoadedCertificate::read(&self.files) {
            Ok(loaded) => {
                log::info!("{path}: the certificate was read again");
                self.loaded = loaded;
                self.fault = None;
                self.expiry = ExpiryReminder::default();
                true
            }
            Err(error) => {
                let fault = error.to_string();
                if self.fault.as_ref() != Some(&fault) {
                    log::error!("{fault}; the certificate from before stays in use");
                }
                self.fault = Some(fault);
                false
            }
        }
    }
}

impl LoadedCertificate {
    fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let certificate = files.read()?;
        let settings = settings(&certificate).map_err(|error| {
            let path = files.certificate.display();
            CertificateError::Certificate(format!(
                "{path}: the certificate cannot be used: {error}"
            ))
        })?;
        Ok(Self {
            certificate,
            settings: Arc::new(settings),
        })
    }

    /// Returns the settings of TLS.
    pub(super) fn settings(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.settings)
    }

    /// True if the certificate is for a host of this name.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.certificate.is_for(name)
    }

    /// True if the client understands a signature of this key.
    pub(super) fn can_sign(&self, hello: &ClientHello<'_>) -> bool {
        let key = self.certificate.certified_key().key;
        key.choose_scheme(hello.signature_schemes()).is_some()
    }

    /// Returns [`Certificate::end_point`].
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        self.certificate.end_point().map(<[u8]>::to_vec)
    }
}

fn settings(certificate: &Certificate) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let key = SingleCertAndKey::from(certificate.certified_key());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(key));
    settings.alpn_protocols = vec![ALPN.to_vec()];
    settings.session_storage = Arc::new(NoServerSessionStorage {});
    settings.ticketer = Ticketer::new()?;
    Ok(settings)
}

fn stamps(files: &CertificateFiles) -> [Option<FileStamp>; 2] {
    let key = files.key.as_deref();
    [
        FileStamp::at_target(&files.certificate),
        key.and_then(FileStamp::at_target),
    ]
}
