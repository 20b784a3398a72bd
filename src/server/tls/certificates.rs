//! The certificates in use: which of them a client is shown, and how a new one takes the place of an old one
//! while the server runs.
//!
//! Whoever renews a certificate writes two files, one after the other, and tells nobody. So the files are looked
//! at when a client comes, once a second at most. What cannot be used, because it is half written or because the
//! key is not there yet, is in the log once, and the old certificate stays. Sessions that are under way
//! do not notice.

use super::Link;
use super::expiry::Expiry;
use crate::certificate::{Certificate, CertificateError};
use crate::options::CertificateFiles;
use crate::server::error::ServerError;
use rustls::crypto::ring::{self, Ticketer};
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::sign::SingleCertAndKey;
use rustls::{Error, ServerConfig};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long the files are not looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// RFC 7301, and the registry it opens: the name of this protocol. A client that offers others only is
/// looking for another server.
const ALPN: &[u8] = b"imap";

/// All certificates, at least one.
pub(crate) struct Certificates {
    entries: Vec<Entry>,
    next_look: Instant,
    next_reminder: Instant,
}

/// One certificate with its files.
struct Entry {
    files: CertificateFiles,
    /// What the files looked like before they were read.
    stamps: [Stamp; 2],
    shown: Shown,
    /// Why what the files hold now is not used.
    fault: Option<String>,
    expiry: Expiry,
}

/// What clients are shown.
pub(super) struct Shown {
    certificate: Certificate,
    pub(super) settings: Arc<ServerConfig>,
}

impl Certificates {
    /// Reads all of them; nothing if there is none to read.
    pub(crate) fn load(files: &[CertificateFiles]) -> Result<Option<Self>, ServerError> {
        if files.is_empty() {
            return Ok(None);
        }
        let now = Instant::now();
        let entries: Result<Vec<Entry>, _> = files.iter().cloned().map(Entry::load).collect();
        Ok(Some(Self {
            entries: entries.map_err(|error| ServerError::Certificate(error.to_string()))?,
            next_look: now + LOOK_AGAIN,
            next_reminder: now,
        }))
    }

    /// TLS for a connection that begins it now.
    pub(crate) fn link(&self) -> Link {
        Link::new()
    }

    /// What to show to this client: the first certificate for the name that it asks for, or else the first of
    /// all; among several, one whose signature it understands.
    pub(super) fn choose(&mut self, hello: &ClientHello<'_>, now: Instant) -> &Shown {
        if self.next_look <= now {
            self.next_look = now + LOOK_AGAIN;
            self.read_again(Entry::has_changed);
        }
        let is_worse = |entry: &&Entry| {
            let shown = &entry.shown;
            let name = hello.server_name();
            let is_other = !name.is_some_and(|name| shown.certificate.is_for(name));
            (is_other, !shown.can_sign(hello))
        };
        let best = self.entries.iter().min_by_key(is_worse);
        &best.expect("there is at least one").shown
    }

    /// Reads all files again, as the operator asks for.
    pub(crate) fn reload(&mut self) {
        self.read_again(|_| true);
    }

    fn read_again(&mut self, is_due: impl Fn(&Entry) -> bool) {
        let mut has_new = false;
        for entry in self.entries.iter_mut().filter(|entry| is_due(entry)) {
            has_new |= entry.read_again();
        }
        if has_new {
            self.remind(Instant::now(), SystemTime::now());
        }
    }

    /// When [`Self::remind`] is to be called next.
    pub(crate) fn deadline(&self) -> Instant {
        self.next_reminder
    }

    /// Says in the log which certificates are about to end, or have ended.
    pub(crate) fn remind(&mut self, now: Instant, today: SystemTime) {
        let waits = self.entries.iter_mut().map(|entry| {
            let end = entry.shown.certificate.not_after();
            entry.expiry.remind(&entry.files.certificate, end, today)
        });
        let wait = waits.min().expect("there is at least one");
        self.next_reminder = now + wait;
    }
}

impl Entry {
    fn load(files: CertificateFiles) -> Result<Self, CertificateError> {
        let stamps = stamps(&files);
        Ok(Self {
            shown: Shown::read(&files)?,
            files,
            stamps,
            fault: None,
            expiry: Expiry::default(),
        })
    }

    /// Whether the files are others than those that were read. Files that could not be used are read again
    /// in any case: they may have been in the middle of a change.
    fn has_changed(&self) -> bool {
        self.fault.is_some() || stamps(&self.files) != self.stamps
    }

    /// Takes what the files hold now, if that can be used. Returns true if it did.
    fn read_again(&mut self) -> bool {
        let path = self.files.certificate.display();
        self.stamps = stamps(&self.files);
        match Shown::read(&self.files) {
            Ok(shown) => {
                log::info!("{path}: the certificate was read again");
                self.shown = shown;
                self.fault = None;
                self.expiry = Expiry::default();
                true
            }
            Err(error) => {
                let fault = error.to_string();
                if self.fault.as_ref() != Some(&fault) {
                    log::error!("{fault}; the certificate that was there before stays in use");
                }
                self.fault = Some(fault);
                false
            }
        }
    }
}

impl Shown {
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

    /// Whether the client understands a signature of this key.
    fn can_sign(&self, hello: &ClientHello<'_>) -> bool {
        let key = self.certificate.certified_key().key;
        key.choose_scheme(hello.signature_schemes()).is_some()
    }

    /// See [`Certificate::end_point`].
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

/// Device, inode and length, and the times of the last change of the content and of anything else. A link is
/// followed: the tools that renew certificates turn links.
type Stamp = Option<([u64; 3], [(i64, i64); 2])>;

fn stamps(files: &CertificateFiles) -> [Stamp; 2] {
    let key = files.key.as_deref();
    [stamp(&files.certificate), key.and_then(stamp)]
}

fn stamp(path: &Path) -> Stamp {
    let file = fs::metadata(path).ok()?;
    let content = (file.mtime(), file.mtime_nsec());
    let change = (file.ctime(), file.ctime_nsec());
    Some(([file.dev(), file.ino(), file.size()], [content, change]))
}
