//! All certificates: which one a client gets, and how they are reloaded while the server runs.
//!
//! A program that renews a certificate writes two files, one after the other, and sends no signal.
//! So the server looks at the files when a client connects, once a second at most. Content that
//! cannot be used, because it is half written or because the key is not there yet, is logged once,
//! and the certificate from before stays in use. Sessions that are connected do not notice.

use super::certificate_entry::{CertificateEntry, LoadedCertificate};
use crate::options::CertificateFiles;
use crate::server::error::ServerError;
use rustls::server::ClientHello;
use std::time::{Duration, Instant, SystemTime};

/// Shortest time between two checks of the files.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// All certificates, at least one.
pub(crate) struct Certificates {
    entries: Vec<CertificateEntry>,
    next_check: Instant,
    next_reminder: Instant,
}

impl Certificates {
    /// Reads all of them; returns `None` if the options name none.
    pub(crate) fn load(files: &[CertificateFiles]) -> Result<Option<Self>, ServerError> {
        if files.is_empty() {
            return Ok(None);
        }
        let now = Instant::now();
        let entries: Result<Vec<CertificateEntry>, _> =
            files.iter().cloned().map(CertificateEntry::load).collect();
        Ok(Some(Self {
            entries: entries.map_err(|error| ServerError::Certificate(error.to_string()))?,
            next_check: now + CHECK_INTERVAL,
            next_reminder: now,
        }))
    }

    /// Returns the certificate for this client: the first one for the name that it asks for,
    /// otherwise the first of all; among several, one whose signature it understands.
    pub(super) fn choose(&mut self, hello: &ClientHello<'_>, now: Instant) -> &LoadedCertificate {
        if self.next_check <= now {
            self.next_check = now + CHECK_INTERVAL;
            self.read_again(CertificateEntry::has_changed);
        }
        let is_worse = |loaded: &&LoadedCertificate| {
            let name = hello.server_name();
            let is_other = !name.is_some_and(|name| loaded.is_for(name));
            (is_other, !loaded.can_sign(hello))
        };
        let loaded = self.entries.iter().map(CertificateEntry::loaded);
        loaded
            .min_by_key(is_worse)
            .expect("`load` returns at least one certificate")
    }

    /// Reads all files again, on a request of the operator.
    pub(crate) fn reload(&mut self) {
        self.read_again(|_| true);
    }

    fn read_again(&mut self, is_due: impl Fn(&CertificateEntry) -> bool) {
        let mut has_new = false;
        for entry in self.entries.iter_mut().filter(|entry| is_due(entry)) {
            has_new |= entry.read_again();
        }
        if has_new {
            self.remind(Instant::now(), SystemTime::now());
        }
    }

    /// Returns the time of the next call of [`Self::remind`].
    pub(crate) fn deadline(&self) -> Instant {
        self.next_reminder
    }

    /// Logs which certificates are about to expire, or have expired.
    pub(crate) fn remind(&mut self, now: Instant, today: SystemTime) {
        let waits = self.entries.iter_mut().map(|entry| entry.remind(today));
        let wait = waits
            .min()
            .expect("`load` returns at least one certificate");
        self.next_reminder = now + wait;
    }
}
